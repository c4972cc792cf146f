"""Trusted browsers in tests: a console that has them, somebody who ticks the box, and what the browser holds then."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from flask_twofactor.web.session import TRUSTED_COOKIE
from tests.support.host import Host, Person, csrf_token
from tests.support.watching import rows

BOX = 'name="trust"'
DAY = 86400


def trusting(make_app: Any, **config: Any) -> Host:
    """Make a console with trusted browsers, and with ``alice`` and ``mallory`` enrolled."""
    host: Host = make_app(**{"TWOFACTOR_TRUSTED_BROWSERS": True, **config})
    host.enroll("alice")
    host.enroll("mallory")
    return host


def ticked(host: Host, name: str = "alice", person: Person | None = None, **fields: str) -> Person:
    """Log in with a code and the box ticked, half a minute ago; still logged in."""
    person = person or host.person()
    answer = person.log_in(name, trust="y", **fields)
    assert answer.status_code == 302, answer.text
    host.clock.move(30)
    return person


def value_of(person: Person) -> str:
    """Give the value of the trusted cookie, "" for none."""
    return person.cookies().get(TRUSTED_COOKIE, "")


def holding(host: Host, value: str, **environ: Any) -> Person:
    """Give a new browser that holds this trusted cookie and nothing else."""
    person = host.person(**environ)
    person.client.set_cookie(TRUSTED_COOKIE, value)
    return person


def password_alone(person: Person, name: str = "alice", password: str | None = None) -> TestResponse:
    """Log in without a code, on whatever page is shown."""
    page = person.identify(name)
    given = {"csrf_token": csrf_token(page), "password": f"{name}-password" if password is None else password}
    return person.client.post("/two-factor/credential", data=given, environ_overrides=person.environ)


def gets_in(host: Host, value: str, name: str = "alice") -> str:
    """Try a trusted cookie and the password in a new browser; gives the new value where it got in, "" where not."""
    person = holding(host, value)
    answer = password_alone(person, name)
    assert (answer.status_code == 302) is (person.me == name)
    return value_of(person) if person.me == name else ""


def trusted_rows(host: Host) -> list[dict[str, Any]]:
    """Read the table of trusted browsers."""
    return rows(host, "twofactor_trusted")
