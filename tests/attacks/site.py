"""The attacked site and those who walk it: the words of the attack catalogue, by path, as a client does."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urljoin, urlsplit

from flask import Flask, Request, Response, jsonify, request, session
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.test import Client, TestResponse

from flask_twofactor import TwoFactor
from tests.attacks.mounts import MOUNTS, Mount, Wsgi
from tests.support.host import SECRET_KEY, Clock, Host, User, secret_on

FACTOR = {"alice": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "mallory": "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"}
"""Who has the factor on from the beginning, with the secret."""
NAMES = ("alice", "bob", "mallory", "carol")
PUBLIC = ("host.open", "host.legacy", "host.logout", "host.plant", "host.planted", "host.slow")
_TOKEN = re.compile(r'<input[^>]*name="csrf_token"[^>]*value="([^"]+)"')

Wire = Callable[[TwoFactor], None]
T = TypeVar("T")


class _Compiled(BytecodeCache):
    """Compiled templates, kept for all apps of a test run: compiling them is most of what a new app costs."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


@dataclass
class Site:
    """The console as it is served: its host side, its mount, and what a client may know of it."""

    host: Host
    mount: Mount
    wsgi: Wsgi
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, URL and Referer of every request: the access log."""
    answers: list[Page] = field(default_factory=list)
    """Every answer."""
    meanwhile: Callable[[], Any] | None = None
    """What happens while ``host.slow`` is under way."""
    _addresses: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def app(self) -> Flask:
        return self.host.app

    @property
    def two_factor(self) -> TwoFactor:
        return self.host.two_factor

    def clock(self, seconds: float) -> None:
        """Move the time on."""
        self.host.clock.move(seconds)

    def code(self, name: str, steps: int = 0) -> str:
        return self.host.code(name, steps)

    def wrong(self, name: str) -> str:
        return self.host.wrong_code(name)

    def url(self, endpoint: str, **values: Any) -> str:
        """Give the path of an endpoint as a browser asks for it, from the app's URL map."""
        name = self.app.config["SERVER_NAME"] or urlsplit(self.mount.origin).netloc
        bound = self.app.url_map.bind(name, script_name=self.mount.root or "/", subdomain=self._subdomain)
        return bound.build(endpoint, values)

    @property
    def _subdomain(self) -> str | None:
        return self.app.url_map.default_subdomain or None

    def client(self, **environ: Any) -> Visitor:
        """Give somebody with an empty cookie jar and an address of their own; ``environ`` goes with each request."""
        return Visitor(self, {"REMOTE_ADDR": f"198.51.100.{next(self._addresses)}", **environ})

    def some(self, values: Iterable[T]) -> list[T]:
        """Give all of a table on the plain mount, and every fifth elsewhere, another fifth on each."""
        table, place = list(values), list(MOUNTS.values()).index(self.mount)
        return table if place == 0 else table[(place - 1) % len(table) :: len(MOUNTS) - 1]

    def in_context(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Call something of the extension inside an app context."""
        with self.app.app_context():
            return act(*arguments)

    def ghost(self, *, box: bool) -> str:
        """Give an absent name of five letters that is shown a code box (``ghost+``), or that is not (``ghost-``)."""
        asker = self.client()
        names = (f"gh{number:03}" for number in range(100))
        return next(name for name in names if asker.identify(name).asks_code is box)

    def rules(self, *, ours: bool | None = None) -> list[tuple[str, set[str]]]:
        """Give every endpoint with its methods but the static ones: all of them, or ours, or the host's."""
        found = []
        for rule in self.app.url_map.iter_rules():
            if rule.endpoint.endswith("static") or (rule.arguments - {"key", "value"}):
                continue
            if ours is None or rule.endpoint.startswith("twofactor.") is ours:
                found.append((rule.endpoint, set(rule.methods or ())))
        return found

    def path_of(self, endpoint: str) -> str:
        """Give a path for any endpoint of `rules`."""
        return self.url(endpoint, **({"key": "k", "value": "v"} if endpoint == "host.plant" else {}),
                        **({"key": "k"} if endpoint == "host.planted" else {}))  # fmt: skip


class Page:
    """An answer, and what a person reads on it."""

    def __init__(self, answer: TestResponse, url: str) -> None:
        self.answer, self.url = answer, url
        self.status: int = answer.status_code
        self.headers = answer.headers
        self.location: str | None = answer.headers.get("Location")

    @property
    def text(self) -> str:
        return self.answer.get_data(as_text=True)

    @property
    def token(self) -> str:
        """Give the CSRF token of the page's form."""
        found = _TOKEN.search(self.text)
        assert found, f"no token on {self.url} ({self.answer.status}, {self.location}): {self.text[:300]}"
        return unescape(found.group(1))

    @property
    def asks_code(self) -> bool:
        return 'name="code"' in self.text

    @property
    def alert(self) -> str:
        """Give the words of the page's alert, "" where it has none."""
        found = re.search(r'<(\w+)[^>]*role="alert"[^>]*>(.*?)</\1>', self.text, re.S)
        return " ".join(re.sub(r"<[^>]+>", " ", found.group(2)).split()) if found else ""

    @property
    def cookies_set(self) -> list[str]:
        return self.headers.getlist("Set-Cookie")

    def bare(self, *names: str) -> tuple[int, list[tuple[str, str]], str]:
        """Give status, headers in order and body, without what differs by nature: token, and the typed names."""
        body = _TOKEN.sub("TOKEN", self.text)
        for name in names:
            body = body.replace(f'value="{name}"', 'value="NAME"')
        headers = [(key, re.sub(r"=[^;]+", "=V", value, count=1) if key == "Set-Cookie" else value)
                   for key, value in self.headers.items() if key != "Content-Length"]  # fmt: skip
        return self.status, headers, body


Jar = dict[Any, Any]


class Visitor:
    """Somebody at a client: a cookie jar of their own, and the catalogue's words."""

    def __init__(self, site: Site, environ: Mapping[str, Any]) -> None:
        self.site = site
        self.environ = dict(environ)
        self._client = Client(site.wsgi, TestResponse)
        self._at = site.mount.origin + site.mount.root + "/"
        self._seen: Page | None = None

    def send(self, method: str, path: str, **options: Any) -> Page:
        """Ask for a path, or a URL of the site's origin, with the cookies of this jar; no redirect is followed."""
        url = urljoin(self.site.mount.origin, path)
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.site.mount.origin, f"the client was led away: {url}"
        headers = dict(options.pop("headers", {}))
        self.site.requests.append((method, url, headers.get("Referer", self._at)))
        options.setdefault("environ_overrides", self.environ)
        options.setdefault("query_string", parts.query)
        # Buffered: the answer is closed at once, as a server does, and what waited for its end runs.
        answer = self._client.open(
            parts.path, base_url=self.site.mount.origin, method=method, headers=headers, buffered=True, **options
        )
        self._at = url
        self._seen = Page(answer, url)
        self.site.answers.append(self._seen)
        return self._seen

    def get(self, path: str, **options: Any) -> Page:
        return self.send("GET", path, **options)

    def follow(self, page: Page) -> Page:
        """Go where a redirect leads, as a browser resolves it."""
        assert page.location is not None, f"no redirect: {page.status} {page.text[:200]}"
        return self.get(urljoin(page.url, page.location))

    def submit(self, path: str, fields: Mapping[str, Any], *, token: str | None = None, **options: Any) -> Page:
        """Post a form to ``path`` with the token of the page that is there (or a given one).

        A page of that path that was the last answer is still before the visitor's eyes and not loaded again.
        """
        held = self._shown(path) if token is None else token
        return self.send("POST", path, data={"csrf_token": held, **fields}, **options)

    def _shown(self, path: str) -> str:
        seen = self._seen
        if seen is None or urlsplit(seen.url).path != urlsplit(path).path or not _TOKEN.search(seen.text):
            seen = self.get(path)
        return seen.token

    def ours(self, page: str, fields: Mapping[str, Any], **options: Any) -> Page:
        """Post a form of the extension by the name of its page."""
        return self.submit(self.site.url(f"twofactor.{page}"), fields, **options)

    def open(self, page: str, **query: Any) -> Page:
        """Get a page of the extension by its name."""
        return self.get(self.site.url(f"twofactor.{page}", **query))

    # The words of the catalogue

    def identify(self, name: str, target: str | None = None) -> Page:
        """ID: give the user ID and follow to the credential page."""
        path = self.site.url("twofactor.identify", **({} if target is None else {"next": target}))
        return self.follow(self.submit(path, {"identifier": name}))

    def credential(self, password: str | None = None, code: str | None = None, **fields: Any) -> Page:
        """CR: post the credential form; what is None is left out."""
        given = {"password": password, "code": code, **fields}
        return self.ours("credential", {key: value for key, value in given.items() if value is not None})

    def log_in(self, name: str, target: str | None = None, **fields: Any) -> Page:
        """LOGIN: identify and credential with everything right."""
        self.identify(name, target)
        code = self.site.code(name) if name in self.site.host.secrets else None
        return self.credential(f"{name}-password", code, **fields)

    @property
    def me(self) -> str | None:
        """ME: the name on a page that needs a log-in, None for nobody."""
        page = self.get(self.site.url("host.me"))
        assert page.status in (200, 302, 401, 503), page.status
        return page.text if page.status == 200 else None

    def legacy(self, name: str, **fields: Any) -> dict[str, Any]:
        """Use the host's own older log-in; gives what that view saw of ``current_user``."""
        data = {"name": name, "password": f"{name}-password", **fields}
        answer: dict[str, Any] = self.send("POST", self.site.url("host.legacy"), data=data).answer.get_json()
        return answer

    def set_up(self, name: str) -> Page:
        """EN: set the factor up with the pages."""
        self.site.host.secrets[name] = secret_on(self.open("setup").answer)
        return self.ours("setup", {"code": self.site.code(name)})

    def disable(self, name: str, code: str | None = None) -> Page:
        """DI: take the factor away."""
        return self.ours("manage", {"code": self.site.code(name) if code is None else code})

    def log_out(self) -> Page:
        return self.get(self.site.url("host.logout"))

    # Cookies

    def jar(self) -> Jar:
        """Copy all cookies."""
        return copy.deepcopy(self._client._cookies or {})

    def use(self, jar: Jar) -> Visitor:
        """Put a copied jar in the place of this one."""
        self._client._cookies = copy.deepcopy(jar)
        self._seen = None
        return self

    def copied(self) -> Visitor:
        """Give somebody else with a copy of these cookies."""
        return self.site.client().use(self.jar())

    def cookie(self, name: str) -> str | None:
        """Give the value of a cookie, by its name."""
        return next((one.value for (_, _, key), one in self.jar().items() if key == name), None)

    def cookies(self) -> dict[str, str]:
        return {key: one.value for (_, _, key), one in self.jar().items()}

    def plant(self, name: str, value: str) -> None:
        """Set a cookie for the site, as one who can write into this browser does."""
        self.drop(name)
        config, kind = self.site.app.config, "SESSION" if name == "session" else "REMEMBER"
        domain = config.get(f"{kind}_COOKIE_DOMAIN")
        path = config.get(f"{kind}_COOKIE_PATH") or (self.site.mount.root if kind == "SESSION" else "") or "/"
        host = urlsplit(self.site.mount.origin).hostname or ""
        self._client.set_cookie(name, value, domain=domain or host, origin_only=not domain, path=path)

    def drop(self, *names: str) -> None:
        """Delete cookies, wherever they are valid."""
        jar, self._seen = self._client._cookies or {}, None
        for key in [key for key in jar if key[2] in names]:
            del jar[key]


def forge(visitor: Visitor, values: Mapping[str, Any]) -> Visitor:
    """Put a session of these values into the visitor's jar: signed with the site's real key, or kept in its store."""
    app = visitor.site.app
    interface = app.session_interface
    with app.test_request_context():
        opened: Any = interface.open_session(app, app.request_class({}))
        opened.update(values)
        answer = Response()
        interface.save_session(app, opened, answer)
    kept = SimpleCookie(answer.headers["Set-Cookie"])["session"].value
    visitor.plant("session", kept)
    return visitor


def read_session(visitor: Visitor) -> dict[str, Any]:
    """Decode the visitor's session, in the cookie or on the server."""
    value = visitor.cookie("session")
    if value is None:
        return {}
    app = visitor.site.app
    with app.test_request_context():
        opened = app.session_interface.open_session(app, app.request_class({"HTTP_COOKIE": f"session={value}"}))
        return dict(opened or {})


def query_of(location: str | None) -> dict[str, str]:
    """Give the query of a Location."""
    return dict(parse_qsl(urlsplit(location or "").query))


# The console


def make_template(folder: Path) -> Path:
    """Make a database with the accounts of `FACTOR` enrolled, to be copied for each site."""
    site = make_site(folder, "plain", fresh=True)
    for name, secret in FACTOR.items():
        site.in_context(site.two_factor.enroll, site.host.users[name], secret)
    site.app.extensions["twofactor"].store._database.close()
    return folder / "twofactor.sqlite"


def make_site(
    folder: Path,
    mount: str,
    *,
    template: Path | None = None,
    wire: Wire | None = None,
    fresh: bool = False,
    views: Callable[[Flask], None] | None = None,
    users: dict[str, User] | None = None,
    clock: Clock | None = None,
    two_factor: TwoFactor | None = None,
    **config: Any,
) -> Site:
    """Make a site in ``folder`` on the mount of that name, its database a copy of ``template``.

    ``wire`` gives hooks before the extension is attached, ``views`` adds to the app before its first request;
    with ``fresh`` nobody has the factor.
    """
    where = MOUNTS[mount]
    options = {key: config.pop(key) for key in ("login_endpoint", "forms") if key in config}
    app = Flask("attacked", instance_path=str(folder), **where.options)
    app.jinja_options = {**app.jinja_options, "bytecode_cache": _COMPILED}
    app.config.update({"SECRET_KEY": SECRET_KEY, "TESTING": True, **where.config, **config})
    where.prepare(app, folder)
    known = users if users is not None else {name: User(n, name, f"{name}-password") for n, name in enumerate(NAMES, 1)}
    two_factor = two_factor or TwoFactor(clock=clock or Clock(), **options)
    two_factor.user_lookup(known.get)
    two_factor.password_check(_check)
    if wire is not None:
        wire(two_factor)
    if not fresh and not (folder / "twofactor.sqlite").exists():  # else the site starts again on what it had
        assert template is not None
        for suffix in ("", "-wal"):
            source = template.with_name(template.name + suffix)
            if source.exists():
                (folder / source.name).write_bytes(source.read_bytes())
    two_factor.init_app(app)
    make_console(app, known)
    if views is not None:
        views(app)
    host = Host(app, two_factor, two_factor._clock, known, {} if fresh else dict(FACTOR))  # type: ignore[arg-type]
    site = Site(host, where, where.wrap(app))

    @app.get("/slow", endpoint="host.slow")
    def slow() -> str:
        session["slow"] = "yes"
        if site.meanwhile is not None:
            act, site.meanwhile = site.meanwhile, None
            with ThreadPoolExecutor(
                1
            ) as elsewhere:  # a thread: nested in this one, it would share this request's ``g``
                elsewhere.submit(act).result()
        return "done"

    return site


def _check(user: Any, password: str) -> bool:
    """Check a password: a plain comparison, so that an attack is cheap to try; a missing user gets a no."""
    return user is not None and bool(user.check_password(password))


def make_console(app: Flask, users: dict[str, User]) -> None:
    manager = LoginManager(app)

    @manager.user_loader
    def load(user_id: str) -> User | None:
        return next((user for user in users.values() if user.get_id() == user_id), None)

    @manager.request_loader
    def by_token(incoming: Request) -> User | None:
        return users.get(incoming.headers.get("X-Token", ""))

    @app.before_request
    def by_proxy_header() -> None:
        """Sign in by a header of the proxy before us, at every request, as hosts behind an SSO proxy do."""
        user = users.get(request.headers.get("X-Remote-User", ""))
        if user is not None:
            login_user(user)

    _open_views(app, users)
    _closed_views(app)


def _open_views(app: Flask, users: dict[str, User]) -> None:
    def legacy() -> Any:
        user = users.get(request.form.get("name", ""))
        if user is None or request.form.get("password") != user.password:
            return jsonify(entered=False, authenticated=False), 401
        entered = login_user(user, remember="remember" in request.form, force="force" in request.form)
        return jsonify(entered=entered, authenticated=bool(current_user.is_authenticated))

    def open_page() -> str:
        return str(current_user.is_authenticated)

    def logout() -> str:
        logout_user()
        return "out"

    def plant(key: str, value: str) -> str:
        session[key] = value
        return "planted"

    def planted(key: str) -> str:
        return str(session.get(key))

    app.add_url_rule("/legacy", "host.legacy", legacy, methods=["POST"])
    app.add_url_rule("/open", "host.open", open_page)
    app.add_url_rule("/logout", "host.logout", logout)
    app.add_url_rule("/plant/<key>/<value>", "host.plant", plant)
    app.add_url_rule("/planted/<key>", "host.planted", planted)


def _closed_views(app: Flask) -> None:
    @login_required
    def me() -> str:
        return str(current_user.username)

    @login_required
    def admin() -> str:
        app.extensions["acted"] = app.extensions.get("acted", 0) + 1
        return f"SECRET PAGE of {getattr(current_user, 'username', None)}"

    @login_required
    def profile() -> str:
        return str(app.jinja_env.from_string("<h1>Profile</h1>{{ twofactor_panel() }}").render())

    both = ["GET", "POST"]
    app.add_url_rule("/me", "host.me", me)
    app.add_url_rule("/admin/panel", "host.admin", admin, methods=[*both, "OPTIONS", "PUT", "DELETE"])
    app.add_url_rule("/profile", "host.profile", profile)
