"""Log-ins that hosts wrote: handed on, without a name, with links, tokens and layouts of their own."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import (
    Flask,
    abort,
    after_this_request,
    flash,
    get_flashed_messages,
    redirect,
    render_template_string,
    request,
    session,
)
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from werkzeug.test import TestResponse
from wtforms import BooleanField, PasswordField, StringField

from flask_twofactor import TwoFactor
from flask_twofactor.errors import WiringError
from tests.support.authenticator import oathtool_code
from tests.support.host import SECRET_KEY, Clock, User, alert, csrf_token


class LoginForm(FlaskForm):
    """The host's own form, with Flask-WTF's token."""

    login = StringField()
    pw = PasswordField()
    keep = BooleanField()


class Console:
    """A console with a log-in view of its own, which does more than check a password."""

    def __init__(self, folder: Path, clock: Clock, attach: dict[str, Any], **config: Any) -> None:
        self.clock = clock
        self.app = Flask("console", instance_path=str(folder))
        self.app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True, **config)
        self.users = {name: User(number, name, f"{name}-password") for number, name in enumerate(("ann", "ben"), 1)}
        self.seen: list[tuple[Any, ...]] = []
        self.leads_on: str | None = "/already-in"
        manager = LoginManager(self.app)
        manager.user_loader({str(user.id): user for user in self.users.values()}.get)
        self.app.add_url_rule("/sign-in/<tenant>", "sign_in", self.sign_in, methods=["GET", "POST"])
        self.app.add_url_rule("/me", "me", lambda: str(getattr(current_user, "username", "nobody")))
        self.app.add_url_rule("/out", "out", lambda: str(logout_user()))
        self.app.add_url_rule("/flashed", "flashed", lambda: str(get_flashed_messages()))
        self.app.add_url_rule("/kept", "kept", lambda: str(session.get("tenant")))
        self.two_factor = TwoFactor(clock=clock, **{"login_endpoint": "sign_in", **attach})
        self.two_factor.user_lookup(self.users.get)
        self.two_factor.init_app(self.app)

    def sign_in(self, tenant: str) -> Any:
        if current_user.is_authenticated:
            return redirect(self.leads_on) if self.leads_on else "already in"
        form = LoginForm()
        self.seen.append((tenant, form.login.data, form.pw.data, form.keep.data, request.form.get("realm")))
        user = self.users.get(form.login.data or "")
        if form.pw.data == "a fault":
            raise ValueError(form.pw.data)
        if form.pw.data == "abort":
            abort(401)
        if form.pw.data == "another":
            user, form.pw.data = self.users["ben"], "ben-password"
        if not form.validate_on_submit() or user is None or form.pw.data != user.password:
            flash("the host says no")
            return "the host's own page", 200
        login_user(user, remember=form.keep.data)
        session["tenant"] = tenant
        assert current_user.username == user.username
        after_this_request(lambda response: response.set_cookie("hosts", "own") or response)
        return redirect(request.args.get("next") or f"/home/{tenant}")

    def enroll(self, name: str) -> str:
        with self.app.app_context():
            return self.two_factor.enroll(self.users[name]).partition("secret=")[2].partition("&")[0]

    def code(self, secret: str) -> str:
        self.clock.move(30)
        return oathtool_code(secret, self.clock.at)

    def visit(self) -> Visit:
        return Visit(self)


class Visit:
    """Somebody who follows the forms as they are on the page."""

    def __init__(self, console: Console) -> None:
        self.client = console.app.test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    @property
    def me(self) -> str:
        return self.client.get("/me").text

    def send(self, page: TestResponse, **fields: str) -> TestResponse:
        """Fill the form of ``page`` in and send it where it says."""
        action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        assert action is not None
        hidden = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*type="hidden"[^>]*value="([^"]*)"', page.text))
        return self.client.post(action[1].replace("&amp;", "&"), data={**hidden, **fields})

    def log_in(self, name: str, password: str, at: str = "/sign-in/acme", **fields: str) -> TestResponse:
        page = self.send(self.get(at), identifier=name)
        if page.status_code == 302:
            page = self.get(str(page.location))
        return self.send(page, password=password, **fields)


HAND_ON: dict[str, Any] = {
    "identifier_field": "login",
    "password_field": "pw",
    "remember_field": "keep",
    "extra_fields": {"realm": "staff"},
}


@pytest.fixture
def console(tmp_path: Path, clock: Clock) -> Console:
    """A console whose view is handed the log-in."""
    return Console(tmp_path, clock, HAND_ON)


def test_the_hosts_view_is_handed_its_own_fields_and_its_answer_is_sent(console: Console) -> None:
    visit = console.visit()
    answer = visit.log_in("ben", "ben-password", at="/sign-in/acme?next=/me?x=1", remember="y")
    assert (answer.status_code, answer.location) == (302, "/me?x=1")
    assert console.seen == [("acme", "ben", "ben-password", True, "staff")]
    assert (visit.me, visit.get("/kept").text) == ("ben", "acme")
    cookies = {cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")}
    assert {"hosts", "remember_token", "session"} <= cookies
    assert visit.log_in("ann", "ann-password", at="/sign-in/other?switch=1").location == "/home/other"


@pytest.mark.requirement("VER-01", "VER-06")
def test_wrong_password_and_wrong_code_answer_alike_and_leave_nothing(console: Console) -> None:
    secret = console.enroll("ann")
    pages = []
    for name, password, code in (
        ("ann", "wrong", console.code(secret)),
        ("ann", "ann-password", "000000"),
        ("ann", "ann-password", ""),
        ("ann", "abort", console.code(secret)),
        ("ann", "another", console.code(secret)),
    ):
        visit = console.visit()
        visit.get("/sign-in/acme")
        answer = visit.log_in(name, password, code=code, remember="y")
        assert answer.status_code == 200
        assert alert(answer)
        assert "the host's own page" not in answer.text
        cookies = {cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")}
        assert not {"hosts", "remember_token"} & cookies
        assert (visit.me, visit.get("/kept").text, visit.get("/flashed").text) == ("nobody", "None", "[]")
        pages.append(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(set(pages)) == 1


@pytest.mark.requirement("RPL-01", "VER-08")
def test_the_code_is_spent_only_behind_a_right_password(console: Console) -> None:
    secret = console.enroll("ann")
    code = console.code(secret)
    visit = console.visit()
    assert visit.log_in("ann", "wrong", code=code).status_code == 200
    assert visit.log_in("ann", "ann-password", code=code).status_code == 302
    assert visit.me == "ann"
    other = console.visit()
    assert other.log_in("ann", "ann-password", code=code).status_code == 200
    assert other.me == "nobody"


@pytest.mark.requirement("SES-15", "SES-03")
def test_a_log_in_over_another_ends_the_other_and_a_failed_one_does_not(console: Console) -> None:
    secret = console.enroll("ann")
    visit = console.visit()
    visit.log_in("ben", "ben-password")
    before = visit.client.get_cookie("session")
    assert before is not None
    assert visit.log_in("ann", "ann-password", at="/sign-in/acme?switch=1", code="000000").status_code == 200
    assert visit.me == "ben"
    assert (
        visit.log_in("ann", "ann-password", at="/sign-in/acme?switch=1", code=console.code(secret)).status_code == 302
    )
    assert visit.me == "ann"
    copied = console.visit()
    copied.client.set_cookie("session", before.value)
    assert copied.me == "nobody"


def test_a_view_that_raises_lets_nobody_in_and_says_so_in_the_log(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    visit = console.visit()
    answer = visit.log_in("ann", "a fault")
    assert answer.status_code == 503
    assert "a fault" not in caplog.text
    assert "ValueError" in caplog.text
    assert visit.me == "nobody"


def test_a_view_that_lets_somebody_else_in_is_told_in_the_log(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    visit = console.visit()
    assert visit.log_in("ann", "another").status_code == 200
    assert "user_lookup does not find" in caplog.text
    assert visit.me == "nobody"


def test_names_without_an_account_run_the_view_too(console: Console) -> None:
    assert console.visit().log_in("nobody", "x").status_code == 200
    assert console.seen == [("acme", "nobody", "x", False, "staff")]


@pytest.mark.requirement("CSR-01")
def test_a_hand_on_without_a_token_is_refused_before_the_view(console: Console) -> None:
    visit = console.visit()
    page = visit.send(visit.get("/sign-in/acme"), identifier="ben")
    step = re.search(r'name="step"[^>]*value="([^"]+)"', page.text)
    assert step is not None
    answer = visit.client.post("/sign-in/acme", data={"step": step[1], "password": "ben-password"})
    assert answer.status_code == 400
    assert console.seen == []


def test_to_hand_on_needs_a_view() -> None:
    with pytest.raises(WiringError, match="login_endpoint="):
        TwoFactor(password_field="pw")


# The step in the form


@pytest.mark.parametrize(
    ("leads_to", "lands"),
    [
        ("/already-in", "/already-in"),
        ("http://localhost/already-in?as=ben", "/already-in?as=ben"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/sign-in/blue", "/"),
        ("/two-factor/identify", "/"),
        (None, "/"),
    ],
)
def test_whoever_is_in_is_led_on_by_the_hosts_own_view_and_on_this_site_only(
    tmp_path: Path, clock: Clock, leads_to: str | None, lands: str
) -> None:
    """Some consoles' root leads to the log-in: without the view's redirect it would go round and round."""
    console = Console(tmp_path, clock, {})
    visit = console.visit()
    visit.log_in("ben", "ben-password")
    console.leads_on = leads_to
    answer = visit.get("/sign-in/acme")
    assert (answer.status_code, answer.location, visit.me) == (302, lands, "ben")
    assert visit.get("/sign-in/acme?next=/me").location == "/me"


@pytest.fixture
def forgetful(tmp_path: Path, clock: Clock) -> Console:
    """A console that clears the session of whoever is not logged in."""
    console = Console(tmp_path, clock, {}, TWOFACTOR_STEP="form")

    @console.app.before_request
    def forget() -> None:
        if not current_user.is_authenticated:
            session.clear()

    return console


@pytest.mark.requirement("SES-06", "CSR-01")
def test_people_log_in_where_the_sessions_of_strangers_are_cleared(forgetful: Console) -> None:
    secret = forgetful.enroll("ann")
    visit = forgetful.visit()
    assert visit.log_in("ann", "ann-password", at="/sign-in/acme?next=/me", code="000000").status_code == 200
    answer = visit.log_in("ann", "ann-password", at="/sign-in/acme?next=/me", code=forgetful.code(secret))
    assert (answer.status_code, answer.location) == (302, "/me")
    assert visit.me == "ann"
    assert visit.send(visit.get("/two-factor/manage"), code=forgetful.code(secret)).status_code == 302


@pytest.mark.requirement("SES-06")
def test_a_step_in_the_form_is_too_old_after_ten_minutes_and_no_other_text_is_one(forgetful: Console) -> None:
    visit = forgetful.visit()
    page = visit.send(visit.get("/sign-in/acme"), identifier="ben")
    assert visit.send(page, password="ben-password", step="1.AAAA").location == "/two-factor/identify"
    assert visit.get("/two-factor/credential").location == "/two-factor/identify"
    forgetful.clock.move(601)
    late = visit.send(page, password="ben-password")
    assert "start again" in late.text
    assert visit.me == "nobody"


@pytest.mark.requirement("CSR-01", "CSR-02")
@pytest.mark.parametrize("change", ["none", "another browser", "planted", "old", "nothing"])
def test_the_token_of_a_browser_without_a_session_is_good_in_that_browser_for_an_hour(
    forgetful: Console, change: str
) -> None:
    visit, other = forgetful.visit(), forgetful.visit()
    token = csrf_token(visit.get("/sign-in/acme"))
    if change == "another browser":
        visit = other
    elif change == "planted":
        visit.client.set_cookie("twofactor_csrf", "a" * 32)
    elif change == "old":
        forgetful.clock.move(3601)
    data = {"identifier": "ben"} if change == "nothing" else {"identifier": "ben", "csrf_token": token}
    answer = visit.client.post("/two-factor/identify", data=data)
    assert answer.status_code == (200 if change == "none" else 400)


# No name at all


@pytest.mark.parametrize("step", ["session", "form"])
def test_a_console_with_one_account_asks_for_no_name(tmp_path: Path, clock: Clock, step: str) -> None:
    console = Console(tmp_path, clock, {"identifier_field": None}, TWOFACTOR_STEP=step)
    console.two_factor.user_lookup(lambda _: console.users["ann"])
    secret = console.enroll("ann")
    visit = console.visit()
    page = visit.client.get("/sign-in/acme?next=/me", follow_redirects=True)
    assert 'name="password"' in page.text
    assert 'name="identifier"' not in page.text
    assert "Not you" not in page.text
    assert visit.send(page, password="ann-password", code="000000").status_code == 200
    assert visit.send(page, password="ann-password", code=console.code(secret)).location == "/me"
    assert visit.me == "ann"
    visit.get("/out")
    page = visit.client.get("/sign-in/acme", follow_redirects=True)
    clock.move(601)
    late = visit.client.get("/two-factor/credential", follow_redirects=True)
    late = visit.send(page, password="ann-password") if step == "form" else late
    assert "start again" in late.text
    assert 'name="password"' in late.text


# Where to go then


@pytest.mark.requirement("RED-01")
@pytest.mark.parametrize(
    ("param", "query", "leads_to"),
    [
        ("return_to", "return_to=/me", "/me"),
        (("url", "redirect"), "redirect=/me", "/me"),
        ("return_to", "next=/me", "/me"),
        ("return_to", "return_to=http://localhost/me?x=1", "/me?x=1"),
        ("return_to", "return_to=//e.test/me", "/"),
        ("return_to", "return_to=http://localhost.e.test/me", "/"),
        ("return_to", "return_to=http://localhost@e.test/me", "/"),
        ("return_to", "return_to=http://localhost//e.test", "/"),
        ("return_to", "return_to=http://localhost/\\e.test", "/"),
        ("return_to", "return_to=https://localhost/me", "/"),
        (lambda: "/me", "", "/me"),
        (lambda: None, "", "/"),
        (lambda: "http://e.test/", "", "/"),
    ],
)
def test_the_target_is_read_where_the_hosts_links_have_it(
    tmp_path: Path, clock: Clock, param: Any, query: str, leads_to: str
) -> None:
    console = Console(tmp_path, clock, {"next_param": param})
    assert console.visit().log_in("ben", "ben-password", at=f"/sign-in/acme?{query}").location == leads_to


def test_a_function_for_the_target_that_raises_is_a_failed_hook(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    console = Console(tmp_path, clock, {"next_param": lambda: str(1 / 0)})
    assert console.visit().get("/sign-in/acme").status_code == 503
    assert "next_param" in caplog.text


# Tokens and layouts of the host's


@pytest.mark.requirement("CSR-01")
def test_our_forms_carry_the_token_of_the_hosts_own_scheme(tmp_path: Path, clock: Clock) -> None:
    made: list[int] = []

    def token() -> str:
        made.append(1)
        return "the-hosts"

    for csrf in ((token, "_token"), SimpleNamespace(field_name="_token", token=token)):
        console = Console(tmp_path / str(len(made)), clock, {"csrf": csrf})

        @console.app.before_request
        def check() -> None:
            if request.method == "POST" and request.form.get("_token") != "the-hosts":
                abort(418)

        secret = console.enroll("ann")
        visit = console.visit()
        assert visit.log_in("ann", "ann-password", code=console.code(secret)).status_code == 302
        assert visit.send(visit.get("/two-factor/manage"), code=console.code(secret)).status_code == 302
        assert visit.client.post("/two-factor/identify", data={"_token": "the-hosts"}).status_code == 400
    assert made


def test_our_pages_fill_the_block_that_the_hosts_layout_has(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    layout = "<title>{% block title %}{% endblock %}</title><nav>menu</nav>{% block body %}old{% endblock %}<p>foot</p>"
    (folder / "layout.html").write_text(layout)
    config = {"TWOFACTOR_BASE_TEMPLATE": "layout.html", "TWOFACTOR_CONTENT_BLOCK": "body"}
    console = Console(tmp_path, clock, {}, **config)
    console.app.template_folder = str(folder)
    for page in ("/sign-in/acme", "/two-factor/identify"):
        text = console.visit().get(page).text
        assert re.sub(r"\s", "", text).startswith("<title>Login</title><nav>menu</nav><link")
        assert 'name="identifier"' in text
        assert "twofactor.css" in text
        assert text.rstrip().endswith("<p>foot</p>")
        assert "old" not in text


def test_the_host_renders_our_pages_in_a_layout_that_needs_more(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    names: list[Any] = []
    secret = "".join(["a", "-", "secret"])

    def render(templates: list[str], **context: Any) -> str:
        names.append(templates)
        if context["twofactor"].page == "challenge":
            raise ValueError(secret)
        return render_template_string("{{ menu }}: {{ twofactor.title }}", menu="our menu", **context)

    console = Console(tmp_path, clock, {"render": render})
    page = console.visit().get("/two-factor/identify")
    assert page.text == "our menu: Log in"
    assert names == [["twofactor/brands/default/identify.html", "twofactor/identify.html"]]
    console.enroll("ann")
    visit = console.visit()
    with console.app.test_request_context():
        login_user(console.users["ann"])
        values = dict(session)
    with visit.client.session_transaction() as kept:
        kept.update(values)
    broken = visit.get("/two-factor/challenge")
    assert broken.status_code == 503
    assert "Please try again later" in broken.text
    assert secret not in caplog.text
