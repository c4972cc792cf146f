"""Everything that there is to do, at DEBUG, with SQL echoed: no log, signal or notice holds what it is done with."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blinker import NamedSignal
from flask_sqlalchemy import SQLAlchemy
from werkzeug.test import TestResponse

from flask_twofactor import signals
from flask_twofactor.core.records import Notice
from flask_twofactor.flows import rescue
from flask_twofactor.web.session import KEYS, TRUSTED_COOKIE, trust
from tests.attacks.test_enrolment import forms_of
from tests.support.host import SECRET_KEY, Host, Person, csrf_token, make_host, secret_on
from tests.support.spares import ADD, NEW, REMOVE, code_of, id_of
from tests.support.trusting import holding, password_alone, value_of
from tests.support.watching import broken_store, dump, session_of, state_of

SHEET = "/two-factor/recovery-codes"
WRONG = "tfrc-zzzz-zzzz-zzzz-zzzz-zzzz-zzzz"


class Life:
    """Somebody who does all that there is to do, and every value that nobody else may read."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.known: set[str] = {SECRET_KEY, "bob-password", "typed-wrong", WRONG, WRONG.replace("-", "")}
        self.person = host.person()

    def keep(self, person: Person | None = None) -> None:
        """Keep what a browser holds, and the values in it."""
        person = person or self.person
        self.known.update(value for value in person.cookies().values() if len(value) > 8)
        self.known.update(
            str(value) for key, value in session_of(person).items() if key in KEYS and len(str(value)) > 40
        )
        cookie = value_of(person)
        with self.host.app.test_request_context(headers={"Cookie": f"{TRUSTED_COOKIE}={cookie}"}):
            self.known.update(token.value for token in trust(state_of(self.host)))

    def code(self, secret: str, steps: int = 0) -> str:
        """Give a code of a secret, half a minute later; it is one of the values."""
        self.host.clock.move(30)
        self.known.update(forms_of(secret))
        made = code_of(self.host, secret, steps)
        self.known.add(made)
        return made

    def text(self, page: TestResponse) -> list[str]:
        """Read recovery codes off a page; they are some of the values, as they are printed and as they are judged."""
        found = re.findall(r"<li><code>([^<]+)</code></li>", page.text)
        self.known.update(
            [*found, *(one.replace("-", "") for one in found), *(one[5:].replace("-", "") for one in found)]
        )
        return found

    def rescue(self) -> str:
        """Have a rescue code made."""
        with self.host.app.app_context():
            made = rescue.issue(state_of(self.host), self.host.users["bob"], "an operator", "a witness").code
        self.known.update([made, made.replace("-", ""), made[5:].replace("-", "")])
        return made

    def log_in(self, code: str, **fields: str) -> Person:
        person = self.host.person()
        page = person.identify("bob")
        self.known.add(csrf_token(page))
        person.credential("bob-password", code, **fields)
        self.keep(person)
        return person


def live(host: Host) -> set[str]:
    """Go through a whole life of an account; gives every value that nobody else may read."""
    life = Life(host)
    bob, known, state = life.person, life.known, state_of(host)
    bob.log_in("bob", remember="y")
    bob.begin_setup()
    first = host.secrets["bob"] = bob.secret
    bob.post("/two-factor/setup", code=host.wrong_code("bob"))
    known.add(host.wrong_code("bob"))
    bob.post("/two-factor/setup", code=life.code(first))
    codes = life.text(bob.get(SHEET))
    life.keep()

    # Trusted browsers: trusted, used, copied, forgotten
    trusting = life.log_in(life.code(first), trust="y", remember="y")
    copied = value_of(trusting)
    trusting.get("/logout")
    password_alone(trusting, "bob")
    assert trusting.me == "bob"
    life.keep(trusting)
    password_alone(holding(host, copied), "bob")
    again = life.log_in(life.code(first), trust="y")
    again.post("/two-factor/browsers/forget", "/two-factor/sessions")

    # Recovery codes: right, wrong, used, new
    for code in (codes[0], codes[0], WRONG, codes[1].upper()):
        life.log_in(code)
    bob.post("/two-factor/recovery", code=codes[2])
    bob.post("/two-factor/recovery", code=life.code(first))
    codes = life.text(bob.get(SHEET))
    assert len(codes) == 10
    life.keep()

    # A further authenticator: wrong, right, and the first one removed
    bob.post(ADD, name="Tablet", code=life.code(first))
    second = secret_on(bob.get(NEW))
    bob.post(NEW, code="000001")
    bob.post(NEW, code=life.code(second))
    page = f"{REMOVE}?authenticator={id_of(host, '', '2')}"
    bob.post(REMOVE, page, authenticator=id_of(host, "", "2"), code="000001")
    bob.post(REMOVE, page, authenticator=id_of(host, "", "2"), code=life.code(second))
    assert len(state.store.factor("2").authenticators) == 1  # type: ignore[union-attr]
    life.keep()
    bob.post("/two-factor/sessions")
    bob.post("/two-factor/password", password="typed-wrong")

    # A rescue code, a new set-up, and the end
    made = life.rescue()
    for verb in ("charge", "recovery", "spend"):
        with broken_store(host, verb):
            life.log_in(made)
            life.log_in(codes[3])
    host.clock.move(86400)
    rescued = life.log_in(life.rescue())
    rescued.begin_setup()
    third = host.secrets["bob"] = rescued.secret
    rescued.post("/two-factor/setup", code=life.code(third))
    codes = life.text(rescued.get(SHEET))
    life.keep(rescued)
    with broken_store(host, "add_trusted"):
        life.log_in(life.code(third), trust="y")
    rescued.disable("bob", codes[0])
    with host.app.app_context():
        host.two_factor.end_sessions(host.users["bob"])
        host.two_factor.reset(host.users["bob"], "a test")
    return known


def found_in(text: str, known: set[str]) -> list[str]:
    """Give the values that stand in a text, as words of their own: six digits are part of many a number."""
    return [value for value in known if re.search(rf"(?<![0-9A-Za-z]){re.escape(value)}(?![0-9A-Za-z])", text)]


@contextlib.contextmanager
def heard(host: Host) -> Iterator[list[str]]:
    """Hear every signal of ours, and every notice."""
    said: list[str] = []

    @host.two_factor.notify
    def notify(user: Any, notice: Notice) -> None:
        said.append(f"notice {notice!r}")

    def receive(sender: Any, **values: Any) -> None:
        said.append(f"signal {values!r}")

    for signal in [one for one in vars(signals).values() if isinstance(one, NamedSignal)]:
        signal.connect(receiver=receive, sender=host.app)
    yield said


@pytest.fixture(params=["our engine", "the host's engine"])
def console(request: pytest.FixtureRequest, tmp_path: Any) -> Host:
    """A console whose SQL is echoed: by our engine, and by one of the host's that shows all parameters and rows."""
    config: dict[str, Any] = {"TWOFACTOR_TRUSTED_BROWSERS": True}
    if request.param == "our engine":
        return make_host(tmp_path, **config)
    config |= {
        "TWOFACTOR_DATABASE_URI": "flask-sqlalchemy",
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/twofactor.sqlite",
        "SQLALCHEMY_ENGINE_OPTIONS": {"echo": "debug"},
    }
    host = make_host(tmp_path, **config)
    SQLAlchemy(host.app)
    return host


@pytest.mark.requirement("LOG-02", "LOG-06", "STO-12", "REC-03", "TRB-02")
def test_no_log_signal_or_notice_of_a_whole_life_holds_a_secret_a_code_or_what_a_browser_holds(
    console: Host, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Attack 107, with all that stands beside the code of an authenticator."""
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "flask_twofactor"):
        caplog.set_level(logging.DEBUG, name)
    with caplog.at_level(logging.DEBUG), heard(console) as said:
        known = live(console)
    kinds = {record.name.partition(".")[0] for record in caplog.records}
    assert {"flask_twofactor", "sqlalchemy"} <= kinds
    out, err = capfd.readouterr()
    lines = [f"{one.getMessage()} {one.args!r} {one.exc_text} {vars(one).get('twofactor')!r}" for one in caplog.records]
    text = "\n".join([*lines, *said, out, err])
    for announced in ("trusted-browser-added", "recovery-code-used", "authenticator-added", "rescue-used", "copied"):
        assert announced in text, "the log is the one that was to be searched"
    assert len(known) > 60
    assert found_in(text, known) == []
    assert set(found_in(f"{text} {' '.join(known)}", known)) == known, "each of them would have been found"


@pytest.mark.requirement("STO-01", "STO-04", "STO-05", "REC-03", "TRB-02")
def test_no_row_of_a_whole_life_holds_any_of_it_either(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_TRUSTED_BROWSERS=True)
    kept: list[str] = []
    forget = state_of(host).store.reset

    def reset(subject: str) -> bool:
        kept.append(repr(dump(host)))
        return bool(forget(subject))

    vars(state_of(host).store)["reset"] = reset
    known = live(host)
    [rows] = kept
    assert "recovery" in rows
    assert found_in(rows, known) == []
