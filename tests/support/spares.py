"""A spare authenticator in tests: added by the pages, and its codes."""

from __future__ import annotations

from flask_twofactor.core.totp import code_at, step_at
from tests.support.host import Host, Person, secret_on
from tests.support.watching import rows

LIST = "/two-factor/authenticators"
ADD = f"{LIST}/add"
NEW = f"{LIST}/new"
REMOVE = f"{LIST}/remove"


def code_of(host: Host, secret: str, steps: int = 0) -> str:
    """Give the code of a secret now, or ``steps`` steps away."""
    return code_at(secret, step_at(host.clock.at) + steps)


def logged_in(host: Host, name: str = "alice") -> Person:
    """Give somebody who logged in with a code half a minute ago."""
    person = host.person()
    assert person.log_in(name).status_code == 302
    host.clock.move(30)
    return person


def opened(person: Person, name: str = "Tablet", code: str | None = None) -> str:
    """Open the key of a further authenticator; gives its secret. The code that was used is spent half a minute ago."""
    host = person.host
    answer = person.post(ADD, name=name, code=host.code("alice") if code is None else code)
    assert (answer.status_code, answer.location) == (302, NEW), answer.text
    host.clock.move(30)
    return secret_on(person.get(NEW))


def added(person: Person, name: str = "Tablet") -> str:
    """Add an authenticator; gives its secret, whose last code was used half a minute ago."""
    secret = opened(person, name)
    answer = person.post(NEW, code=code_of(person.host, secret))
    assert (answer.status_code, answer.location) == (302, LIST), answer.text
    person.host.clock.move(30)
    return secret


def id_of(host: Host, name: str, subject: str = "1") -> str:
    """Give the id of an account's authenticator by its name, "" for the first."""
    [row] = [
        row
        for row in rows(host, "twofactor_enrolment")
        if (row["subject"], row["name"]) == (subject, name) and row["confirmed_at"]
    ]
    return str(row["id"])


def how_many(host: Host, subject: str = "1") -> int:
    """Give how many authenticators an account has."""
    return len([row for row in rows(host, "twofactor_enrolment") if row["subject"] == subject and row["confirmed_at"]])
