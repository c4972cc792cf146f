"""The audit log: a line an outcome, with the same facts as fields, and nothing that opens anything."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from flask_twofactor import TwoFactor
from tests.support.host import Host, Person
from tests.support.watching import ghost, session_of, state_of

AUDIT = "flask_twofactor.audit"
HOSTILE = "a\r\nFORGED\x1b[31m\u2028\u202e\x85\x00"


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == AUDIT]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Give what a formatter that writes JSON finds."""
    found: dict[str, Any] = record.twofactor  # type: ignore[attr-defined]
    return found


@pytest.mark.requirement("LOG-04")
def test_control_characters_forge_no_line_wherever_they_come_from(
    make_app: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    def wire(two_factor: TwoFactor) -> None:
        two_factor.user_key(lambda user: f"{HOSTILE}{user.id}")

    host = make_app(wire=wire)
    person = host.person(HTTP_USER_AGENT="Evil\x1b[31m\u2028", REMOTE_ADDR=HOSTILE)
    with caplog.at_level(logging.DEBUG):
        person.identify("bob")
        person.credential(HOSTILE)
        with host.app.app_context():
            host.two_factor.reset(host.users["bob"], by=HOSTILE)
            host.two_factor.verify(host.users["bob"], HOSTILE)
    written = [record.getMessage() for record in caplog.records if record.name.startswith("flask_twofactor")]
    assert len(written) >= 3
    assert all(line.isprintable() and len(line.splitlines()) == 1 for line in written)
    assert any("FORGED" in line for line in written), "the host's own key is there, escaped"


@pytest.mark.requirement("LOG-01")
def test_a_line_has_its_facts_as_fields_too(enrolled: Host, caplog: pytest.LogCaptureFixture) -> None:
    person = enrolled.person(REMOTE_ADDR="198.51.100.7", HTTP_USER_AGENT="Browser/1")
    with caplog.at_level(logging.INFO, AUDIT):
        person.log_in("alice")
    [record] = lines(caplog)
    assert json.loads(json.dumps(fields(record))) == {
        "kind": "twofactor-logged-in",
        "subject": "1",
        "at": int(enrolled.clock.at),
        "factor": True,
        "by": "code",
        "offset": 0,
        "source": "198.51.100.0/24",
        "agent": "Browser/1",
    }
    for name, value in fields(record).items():
        assert f"{name}={value!r}" in record.getMessage() or name == "kind"


def a_life(host: Host, person: Person) -> set[str]:
    """Do most of what there is to do; gives what no log may hold."""
    held: set[str] = set()

    def keep() -> None:
        held.update(str(value) for key, value in session_of(person).items() if key.startswith("_twofactor"))
        held.update(value for value in person.cookies().values() if value)

    person.identify("bob")
    keep()
    person.credential("not the password of bob")
    person.log_in("bob", remember="y")
    keep()
    person.begin_setup()
    held.update({person.secret, host.users["bob"].password, "not the password of bob", "a password as a name"})
    host.secrets["bob"] = person.secret
    held.update({host.wrong_code("bob"), host.code("bob")})
    person.post("/two-factor/setup", code=host.wrong_code("bob"))
    sheet = person.client.get(str(person.post("/two-factor/setup", code=host.code("bob")).location)).text
    recovery = sheet.split("<code>")[1].split("</code>")[0]
    held.update({recovery, recovery.replace("-", "")})
    keep()
    host.clock.move(60)
    held.add(host.code("bob"))
    person.post("/two-factor/challenge", code=host.wrong_code("bob"))
    person.post("/two-factor/challenge", code=host.code("bob"))
    keep()
    person.post("/two-factor/password", password="not the password of bob")
    person.post("/two-factor/password", password="bob-password")
    host.person().identify("a password as a name")
    person.disable("bob", recovery)
    keep()
    with host.app.app_context():
        host.two_factor.end_sessions(host.users["bob"])
    return held


@pytest.mark.requirement("LOG-02", "LOG-03")
def test_no_line_and_no_field_holds_a_password_a_code_a_key_or_a_cookie(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        held = a_life(host, host.person())
    written = " ".join(record.getMessage() + json.dumps(fields(record)) for record in lines(caplog))
    for kind in ("enabled", "disabled", "recovery-code-used", "set-up-refused", "password-confirmed", "code-rejected"):
        assert f"twofactor-{kind}" in written
    assert len(held) > 12
    everything = written + " ".join(record.getMessage() for record in caplog.records)
    assert not [value for value in held if re.search(rf"\b{re.escape(value)}\b", everything)]


@pytest.mark.requirement("LOG-03")
def test_a_name_without_an_account_is_a_digest_in_the_fields_too(
    enrolled: Host, caplog: pytest.LogCaptureFixture
) -> None:
    absent = ghost(enrolled, box=False)
    with caplog.at_level(logging.INFO, AUDIT):
        person = enrolled.person()
        person.identify(absent)
        person.credential("wrong")
    [record] = lines(caplog)
    assert (fields(record)["subject"], fields(record)["reason"]) == ("", "no-account")
    assert absent not in str(record.__dict__)
    assert fields(record)["name"] == state_of(enrolled).keyring.digest(f"known name\n{absent}")[:32]
