"""Records as the flows make them, for tests of the stores."""

from __future__ import annotations

import secrets

from flask_twofactor.core.keyring import token_digest
from flask_twofactor.core.records import Enrolment, Mark, Trusted, new_id
from flask_twofactor.core.totp import step_at
from tests.support.host import START

STEP = step_at(START)


def new_digest() -> str:
    return token_digest(secrets.token_urlsafe(32))


def make_mark(subject: str = "alice", enrolment: str = "", at: int = START) -> Mark:
    return Mark(new_digest(), subject, enrolment, at, at, at, at)


def make_pending(subject: str = "alice", opened_by: str | None = None, at: int = START) -> Enrolment:
    return Enrolment(new_id(), subject, "1.sealed", at, opened_by=opened_by or new_digest())


def make_trusted(factor: str, subject: str = "alice", at: int = START) -> Trusted:
    return Trusted(new_id(), subject, factor, new_digest(), at, at)


def make_confirmed(subject: str = "alice", at: int = START) -> Enrolment:
    return Enrolment(new_id(), subject, "1.sealed", at, confirmed_at=at)
