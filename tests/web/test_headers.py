"""What every answer of ours says to browsers and caches, and what no URL ever holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Response, abort, request
from werkzeug.test import TestResponse

from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.web.session import COMPANION_COOKIE
from tests.support.host import Clock, Host, Person, User, csrf_token, make_host
from tests.support.places import PATHS, POST_ONLY, Place
from tests.web.test_log_scan import found_in, live

Answer = Callable[[Host], TestResponse]


def alice(host: Host) -> Person:
    person = host.person()
    person.log_in("alice")
    host.clock.move(30)
    return person


def bob(host: Host) -> Person:
    person = host.person()
    person.log_in("bob")
    return person


def owing(host: Host) -> Person:
    person = host.person()
    person.legacy("alice")
    return person


def between(host: Host, name: str = "alice") -> Person:
    person = host.person()
    person.identify(name)
    return person


def throttled_credential(host: Host) -> TestResponse:
    person = between(host)
    for _ in range(6):
        answer = person.credential("wrong", "000000")
    return answer


def throttled_challenge(host: Host) -> TestResponse:
    person = owing(host)
    for _ in range(6):
        answer = person.post("/two-factor/challenge", code=host.wrong_code("alice"))
    return answer


def throttled_step_up(host: Host) -> TestResponse:
    person = bob(host)
    for _ in range(6):
        answer = person.post("/two-factor/password", password="wrong")
    return answer


def store_down(page: str) -> Answer:
    def ask(host: Host) -> TestResponse:
        person = alice(host)
        break_store(host)
        return person.get(f"/two-factor/{page}")

    return ask


def store_down_at_post(host: Host) -> TestResponse:
    person = between(host)
    token = csrf_token(person.get("/two-factor/credential"))
    break_store(host)
    return person.client.post("/two-factor/credential", data={"csrf_token": token, "password": "x"})


def break_store(host: Host) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the store does not answer")

    store = host.app.extensions["twofactor"].store
    store.standing = fail
    store.factor = fail


def expired(host: Host) -> TestResponse:
    person = between(host)
    host.clock.move(700)
    return person.get("/two-factor/credential")


def step_up_due(host: Host) -> TestResponse:
    person = bob(host)
    host.clock.move(1000)
    return person.get("/two-factor/setup")


def raw(method: str, page: str, **options: Any) -> Answer:
    return lambda host: host.person().client.open(f"/two-factor/{page}", method=method, **options)


def shown(page: str) -> Answer:
    """Show a page to somebody who may see it."""

    def ask(host: Host) -> TestResponse:
        place = Place(host, page)
        return place.person.get(place.path + place.query)

    return ask


def done(page: str) -> Answer:
    return lambda host: Place(host, page).send()


def rejected(page: str) -> Answer:
    def ask(host: Host) -> TestResponse:
        place = Place(host, page)
        place.right["code"] = "1"
        return place.send()

    return ask


def without_token(page: str) -> Answer:
    return lambda host: Place(host, page).raw(b"code=1")


def sheet(host: Host) -> TestResponse:
    person = bob(host)
    return person.get(str(person.set_up("bob").location))


def in_grace(host: Host) -> TestResponse:
    """Look at the page of somebody who has to set the factor up soon."""
    host.person().get("/open")
    state = host.app.extensions["twofactor"]
    object.__setattr__(state.settings, "grace_seconds", 3600)
    state.store.set_required("2", True)
    return bob(host).get("/two-factor/grace")


def owing_setup(host: Host) -> TestResponse:
    """Look at a page of settings, and be led to the set-up."""
    host.app.extensions["twofactor"].store.set_required("2", True)
    return bob(host).get("/two-factor/settings")


NEW_PAGES = ("recovery", "add_authenticator", "new_authenticator", "remove_authenticator", "sessions")
WITH_CODE = tuple(page for page in NEW_PAGES if page != "sessions")
LISTS = ("authenticators", "activity", "recovery-codes", "recovery-used", "grace")
"""Pages that only show something."""
ALL_PAGES = (
    "identify", "credential", "challenge", "settings", "setup", "manage", "password",
    *(PATHS.get(page, page) for page in NEW_PAGES), *LISTS,
)  # fmt: skip
BUTTONS = tuple(PATHS[page] for page in POST_ONLY)
FORM_PAGES = (*(page for page in ALL_PAGES if page not in ("settings", *LISTS)), *BUTTONS)
STORE_DOWN = tuple(page for page in ALL_PAGES if page not in ("identify", "credential"))
LARGE = {"data": b"x" * 17_000, "content_type": "application/x-www-form-urlencoded"}
OUTCOMES: dict[str, tuple[int, Answer]] = {
    "identify 200": (200, raw("GET", "identify")),
    "identify rejected": (200, lambda host: host.person().post("/two-factor/identify", identifier=" ")),
    "identify 302": (302, lambda host: host.person().post("/two-factor/identify", identifier="x")),
    "identify in": (302, lambda host: bob(host).get("/two-factor/identify")),
    "credential 200": (200, lambda host: between(host).get("/two-factor/credential")),
    "credential refused": (200, lambda host: between(host).credential("wrong", "000000")),
    "credential in": (302, lambda host: between(host, "bob").credential("bob-password")),
    "credential expired": (200, expired),
    "credential 429": (429, throttled_credential),
    "credential 503": (503, store_down_at_post),
    "challenge 200": (200, lambda host: owing(host).get("/two-factor/challenge")),
    "challenge rejected": (200, lambda host: owing(host).post("/two-factor/challenge", code="1")),
    "challenge done": (302, lambda host: owing(host).post("/two-factor/challenge", code=host.code("alice"))),
    "challenge 429": (429, throttled_challenge),
    "settings 200": (200, lambda host: alice(host).get("/two-factor/settings")),
    "settings 403": (403, lambda host: host.person().get("/two-factor/settings", headers={"X-Token": "bob"})),
    "settings owing": (302, lambda host: owing(host).get("/two-factor/settings")),
    "setup 200": (200, lambda host: bob(host).get("/two-factor/setup")),
    "setup rejected": (200, lambda host: bob(host).post("/two-factor/setup", code="1")),
    "setup done": (302, lambda host: bob(host).set_up("bob")),
    "setup step-up": (302, step_up_due),
    "setup 403": (403, lambda host: host.person().get("/two-factor/setup", headers={"X-Token": "bob"})),
    "manage 200": (200, lambda host: alice(host).get("/two-factor/manage")),
    "manage rejected": (200, lambda host: alice(host).disable("alice", "1")),
    "manage done": (302, lambda host: alice(host).disable("alice")),
    "manage 403": (403, lambda host: host.person().get("/two-factor/manage", headers={"X-Token": "bob"})),
    "password 200": (200, lambda host: bob(host).get("/two-factor/password")),
    "password wrong": (200, lambda host: bob(host).post("/two-factor/password", password="x")),
    "password done": (302, lambda host: bob(host).post("/two-factor/password", password="bob-password")),
    "password 429": (429, throttled_step_up),
    **{f"{page} anonymous": (302, raw("GET", page)) for page in ALL_PAGES if page != "identify"},
    **{f"{page} 413": (413, raw("POST", page, **LARGE)) for page in FORM_PAGES},
    **{f"{page} 415": (415, raw("POST", page, json={"code": "1"})) for page in FORM_PAGES},
    **{f"{page} 503": (503, store_down(page)) for page in STORE_DOWN},
    **{f"{page} HEAD": (200 if page == "identify" else 302, raw("HEAD", page)) for page in ALL_PAGES},
    **{f"{page} OPTIONS": (200, raw("OPTIONS", page)) for page in ALL_PAGES},
    **{f"{page} 200": (200, shown(page)) for page in (*NEW_PAGES, "unlock")},
    **{f"{page} done": (302, done(page)) for page in (*NEW_PAGES, *POST_ONLY, "unlock")},
    **{f"{page} rejected": (200, rejected(page)) for page in WITH_CODE},
    **{f"{page} 400": (400, without_token(page)) for page in (*NEW_PAGES, *POST_ONLY, "unlock")},
    "unlock without a token": (400, raw("GET", "unlock")),
    "authenticators 200": (200, lambda host: alice(host).get("/two-factor/authenticators")),
    "activity 200": (200, lambda host: alice(host).get("/two-factor/activity")),
    "recovery-codes 200": (200, sheet),
    "recovery-codes seen already": (302, lambda host: alice(host).get("/two-factor/recovery-codes")),
    "recovery-used 200": (200, lambda host: alice(host).get("/two-factor/recovery-used")),
    "grace 200": (200, in_grace),
    "settings owing set-up": (302, owing_setup),
    **{f"{page} anonymous": (400, raw("POST", page)) for page in BUTTONS if page == "log-out"},
    "identify 400": (400, raw("POST", "identify", data={"identifier": "x"})),
    "credential 400": (400, lambda host: between(host).client.post("/two-factor/credential", data={"password": "x"})),
    "challenge 400": (400, lambda host: owing(host).client.post("/two-factor/challenge", data={"code": "1"})),
    "setup 400": (400, lambda host: bob(host).client.post("/two-factor/setup", data={"code": "1"})),
    "manage 400": (400, lambda host: alice(host).client.post("/two-factor/manage", data={"code": "1"})),
    "password 400": (400, lambda host: bob(host).client.post("/two-factor/password", data={"password": "1"})),
}
outcomes = pytest.mark.parametrize("outcome", OUTCOMES)


def answer_of(host: Host, outcome: str) -> TestResponse:
    status, ask = OUTCOMES[outcome]
    answer = ask(host)
    assert answer.status_code == status, answer.text[:300]
    return answer


def directives(answer: TestResponse) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in parts}


@pytest.mark.requirement("HDR-01", "HDR-02", "HDR-03", "HDR-04", "HDR-06", "HDR-08")
@outcomes
def test_every_answer_of_ours_has_the_headers_and_works_under_its_policy(enrolled: Host, outcome: str) -> None:
    answer = answer_of(enrolled, outcome)
    assert answer.headers.getlist("Cache-Control") == ["no-store"]
    assert answer.headers.getlist("X-Frame-Options") == ["DENY"]
    assert directives(answer)["frame-ancestors"] == "'none'"
    assert answer.headers.getlist("Referrer-Policy") == ["same-origin"]
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
    assert "cookie" in {name.lower() for name in answer.vary}
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Retry-After" in answer.headers or answer.status_code not in (429, 503)

    policy = directives(answer)
    assert policy["default-src"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert all(source in ("'self'", "'none'", "data:") for value in policy.values() for source in value.split())
    assert not set(violations(answer))


class Violations(HTMLParser):
    """What a page has that the policy would stop: inline script and style, handlers, another host."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if (
            tag == "style"
            or (tag == "script" and not values.get("src"))
            or tag in ("iframe", "object", "embed", "base")
        ):
            self.found.append(tag)
        for name, value in attrs:
            link = name in ("src", "href", "action", "formaction", "srcset", "xlink:href")
            foreign = link and bool(urlsplit(value or "").netloc or re.match(r"\s*(javascript|data):", value or ""))
            if name == "style" or name.startswith("on") or foreign:
                self.found.append(f"{tag} {name}={value}")


def violations(answer: TestResponse) -> Iterator[str]:
    reader = Violations()
    reader.feed(answer.text)
    for found in reader.found:
        if not found.startswith(("a href=otpauth:", "a href=data:text/plain;charset=utf-8,")):  # an app, a download
            yield found


def test_the_reader_of_these_tests_sees_a_violation() -> None:
    page = '<p style="x" onclick="y"><script>z</script><style></style><img src="//e.test/x"><a href="javascript:x">'
    response: Any = type("Page", (), {"text": page})
    assert len(list(violations(response))) == 6


@pytest.mark.requirement("HDR-01", "HDR-02", "HDR-04")
@pytest.mark.parametrize("status", [404, 413, 500])
def test_what_an_error_handler_of_the_host_answers_in_our_place_has_the_headers_too(
    tmp_path: Path, status: int
) -> None:
    host = make_host(tmp_path)
    host.app.config["PROPAGATE_EXCEPTIONS"] = False
    host.app.register_error_handler(status, lambda _: ("the host's own page", status))
    host.app.view_functions["twofactor.identify"] = lambda: abort(status)
    answer = host.person().get("/two-factor/identify")
    assert (answer.status_code, answer.text) == (status, "the host's own page")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.requirement("HDR-02")
def test_a_weaker_policy_of_the_host_does_not_weaken_ours(enrolled: Host) -> None:
    @enrolled.app.after_request
    def weaken(response: Response) -> Response:
        response.headers.setdefault("X-Frame-Options", "SAMEORIGIN")
        response.headers.setdefault("Content-Security-Policy", "frame-ancestors *")
        return response

    answer = enrolled.person().get("/two-factor/identify")
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert directives(answer)["frame-ancestors"] == "'none'"
    assert enrolled.person().get("/open").headers["X-Frame-Options"] == "SAMEORIGIN"


# The host's own responses that carry our trust


@pytest.mark.requirement("HDR-01")
@pytest.mark.parametrize("name", ["alice", "bob"])
def test_the_hosts_log_in_is_not_cached_since_it_sets_our_values(enrolled: Host, name: str) -> None:
    answer = enrolled.person().client.post("/legacy", data={"name": name, "password": f"{name}-password"})
    assert "Set-Cookie" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("HDR-01")
def test_a_page_of_the_host_that_recognised_a_remember_cookie_is_not_cached(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice", remember="y")
    person.client.delete_cookie("session")
    answer = person.get("/open")
    assert "Set-Cookie" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("HDR-01")
def test_the_hosts_log_out_is_not_cached_where_it_takes_our_cookie_away(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice", remember="y")
    answer = person.get("/logout")
    assert any(value.startswith(COMPANION_COOKIE) for value in answer.headers.getlist("Set-Cookie"))
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("HDR-01")
def test_a_page_of_the_host_that_shows_our_notice_is_not_cached(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_SETTINGS_ENDPOINT="profile")
    person = bob(host)
    person.set_up("bob")
    answer = person.get("/profile")
    assert "Two-factor authentication is on." in answer.text
    assert "Set-Cookie" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Two-factor authentication is on." not in person.get("/profile").text


@pytest.mark.requirement("HDR-01")
def test_a_page_of_the_host_without_anything_of_ours_is_left_alone(enrolled: Host) -> None:
    answer = enrolled.person().get("/open")
    for name in ("Cache-Control", "X-Frame-Options", "Content-Security-Policy", "Referrer-Policy"):
        assert name not in answer.headers


@pytest.mark.requirement("HDR-01")
def test_our_stylesheet_may_be_cached(host: Host) -> None:
    page = host.person().get("/two-factor/identify")
    link = re.search(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert link is not None
    answer = host.person().get(link.group(1))
    assert answer.status_code == 200
    assert "no-store" not in answer.headers.get("Cache-Control", "")
    answer.close()


# URLs


class Log:
    """Every URL that a server or a browser of this run has seen."""

    def __init__(self, host: Host) -> None:
        self.seen: list[str] = []

        @host.app.after_request
        def note(response: Response) -> Response:
            from_here = response.headers.get("Location")
            self.seen += [host.app.jinja_env.globals["request_url"](), *([from_here] if from_here else [])]  # type: ignore[operator]
            if response.mimetype == "text/html":
                text = response.get_data(as_text=True)
                self.seen += [unescape(link) for link in re.findall(r'(?:href|src|action)="([^"]*)"', text)]
            return response


@pytest.mark.requirement("HDR-05")
def test_no_url_of_a_whole_run_holds_a_secret_a_code_a_token_a_password_or_a_name(host: Host) -> None:
    host.app.jinja_env.globals["request_url"] = lambda: request.url
    log = Log(host)
    person = host.person()
    known = set()

    def note(page: TestResponse) -> None:
        if 'name="csrf_token"' in page.text:
            known.add(csrf_token(page))
        known.update(value for name, value in person.cookies().items() if name != "session")
        with person.client.session_transaction() as values:
            known.update(str(value) for key, value in values.items() if key.startswith("_twofactor"))

    note(person.identify("carol", "/me"))
    note(person.credential("wrong"))
    note(person.credential("carol-password"))
    note(person.begin_setup())
    note(person.post("/two-factor/setup", code="000000"))
    person.set_up("carol")
    codes = {host.code("carol")}
    note(person.get("/two-factor/settings"))
    person.get("/logout")
    host.clock.move(30)
    person.legacy("carol", remember="y")
    note(person.get("/me"))
    note(person.post("/two-factor/challenge?next=/me", code="000000"))
    note(person.post("/two-factor/challenge?next=/me", code=host.code("carol")))
    codes.add(host.code("carol"))
    host.clock.move(1000)
    note(person.get("/two-factor/manage"))
    note(person.post("/two-factor/password?next=/two-factor/manage", password="carol-password"))
    note(person.get("/two-factor/manage"))
    note(person.disable("carol", "000000"))
    codes.add(host.code("carol"))
    note(person.disable("carol"))
    note(person.get("/two-factor/settings"))
    known -= {"/me", "", "MFA DISABLED", "Two-factor authentication is on."}
    urls = [unquote(url) for url in log.seen if not url.startswith("otpauth:")]
    assert len(urls) > 50
    assert len(known) > 8
    for word in {"carol", "carol-password", "wrong", "000000", host.secrets["carol"], *codes, *known}:
        assert not [url for url in urls if word in url], word


@pytest.mark.requirement("HDR-05", "LOG-02")
def test_no_url_of_a_whole_life_holds_a_recovery_or_rescue_code_or_what_a_browser_holds(
    make_app: Callable[..., Host],
) -> None:
    """The link that is a file of recovery codes is asked of nobody; that to the authenticator app of none of ours."""
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    host.app.jinja_env.globals["request_url"] = lambda: request.url
    log = Log(host)
    known = live(host)
    urls = "\n".join(unquote(url) for url in log.seen if not url.startswith(("otpauth:", "data:text/plain;")))
    assert len(urls.split()) > 200
    assert found_in(urls, known) == []


# Escaping

HOSTILE_NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)' autofocus='",
    "</title><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "\u202eevil\u202c",
    "a&b=c#d?e",
    "a:b%3Ac",
    "name\twith\ttabs",
    "line\nbreak",
    "nul\x00byte",
    "é" * 200,
]


@pytest.mark.requirement("HDR-07")
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_a_hostile_name_is_escaped_on_every_page(tmp_path: Path, name: str) -> None:
    host = make_host(tmp_path, Clock(), lambda two_factor: None)
    user = User(9, name, "pw")
    host.app.login_manager.user_loader(lambda _: user)  # type: ignore[attr-defined]
    host.two_factor.user_lookup(lambda _: user)
    person = host.person()
    pages = [person.post("/two-factor/identify", identifier=name)]
    if pages[0].status_code == 302:
        pages.append(person.get("/two-factor/credential"))
    person.post("/two-factor/identify", identifier="plain")
    person.credential("pw")
    pages += [person.begin_setup(), person.get("/two-factor/password"), person.get("/two-factor/settings")]
    assert [page.status_code for page in pages[1:]] == [200] * (len(pages) - 1)
    for page in pages:
        assert not list(violations(page))
        for markup in ("<script>alert", "<img src=x", "<svg onload", "onfocus='alert"):
            assert markup not in page.text
    assert "7*7" not in name or name in unescape(pages[-3].text)
    link = re.search(r'href="(otpauth://[^"]+)"', pages[-3].text)
    assert link is not None
    uri = urlsplit(unescape(link.group(1)))
    assert (uri.scheme, uri.netloc, uri.fragment) == ("otpauth", "totp", "")
    assert set(parse_qs(uri.query)) == {"secret", "issuer"}
    label = unquote(uri.path)
    assert label.count(":") == 1
    assert not re.search(r"[\x00-\x1f\u202a-\u202e]", label)


@pytest.mark.requirement("HDR-07")
def test_a_next_with_markup_is_escaped(host: Host) -> None:
    page = host.person().get('/two-factor/identify?next=/"><script>alert(1)</script>')
    assert "<script>alert" not in page.text
    page = host.person().get("/two-factor/identify?next=/%22onfocus=alert(1)%20autofocus")
    assert not list(violations(page))


@pytest.mark.requirement("HDR-07")
@pytest.mark.parametrize("name", HOSTILE_NAMES[:5], ids=ascii)
def test_a_hostile_brand_is_escaped(make_app: Callable[..., Host], name: str) -> None:
    host = make_app(TWOFACTOR_ISSUER=name)
    page = host.person().get("/two-factor/identify")
    assert page.status_code == 200
    assert not list(violations(page))
