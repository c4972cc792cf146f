"""Keys are rotated while the console runs: nothing twice, nothing lost, and again where it was killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_twofactor.core.keyring import META, SECRET
from flask_twofactor.core.totp import code_at, step_at
from flask_twofactor.errors import StoreUnavailable
from flask_twofactor.flows import keys
from flask_twofactor.flows.keys import Rotation
from flask_twofactor.state import META_NAMES
from tests.support.host import Host, secret_on
from tests.support.watching import dump, rows, state_of, tamper, watched_store

OLD, NEW = "old " * 10, "new " * 10

pytestmark = pytest.mark.requirement("KEY-01")


@pytest.fixture
def both(make_app: Callable[..., Host]) -> Host:
    """A console with a new key, whose store was sealed with the old one.

    Alice has a phone and a spare, mallory one authenticator, bob is in the middle of his set-up.
    """
    old = make_app(TWOFACTOR_KEY=OLD)
    old.enroll("alice")
    old.enroll("mallory")
    person = old.person()
    person.log_in("alice")
    old.clock.move(30)
    person.post("/two-factor/authenticators/add", name="Spare", code=old.code("alice"))
    spare = secret_on(person.get("/two-factor/authenticators/new"))
    person.post("/two-factor/authenticators/new", code=code_at(spare, step_at(old.clock.at)))
    other = old.person()
    other.log_in("bob")
    other.begin_setup()
    with old.app.app_context():
        old.two_factor.new_recovery_codes(old.users["alice"])
    host = make_app(TWOFACTOR_KEY=NEW, TWOFACTOR_KEY_FALLBACKS=[OLD])
    host.secrets = old.secrets
    return host


def rotate(host: Host) -> Rotation:
    with host.app.app_context():
        return keys.rotate(state_of(host))


def opens_alone(make_app: Callable[..., Host]) -> None:
    """Show that the new key alone opens all that there is."""
    with make_app(TWOFACTOR_KEY=NEW).app.app_context() as context:
        state = context.app.extensions["twofactor"]
        assert all(state.keyring.is_current(META, state.store.meta(name), name) for name in META_NAMES)
        sealed = list(state.store.enrolments())
        assert len(sealed) == 4
        assert all(state.keyring.is_current(SECRET, one.sealed, one.subject, one.id) for one in sealed)


def test_every_secret_is_sealed_anew_pending_ones_and_spares_too(both: Host, make_app: Callable[..., Host]) -> None:
    assert rotate(both) == Rotation(resealed=4, current=0, unopened=(), lost=())
    opens_alone(make_app)


def test_a_second_run_writes_nothing(both: Host) -> None:
    rotate(both)
    before, asked = dump(both), list[str]()
    with watched_store(both, asked.append):
        assert rotate(both) == Rotation(resealed=0, current=4, unopened=(), lost=())
    assert dump(both) == before
    assert not {"reseal", "replace_meta"} & set(asked)


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_run_that_was_killed_is_taken_up_where_it_ended(both: Host, make_app: Callable[..., Host], done: int) -> None:
    resealed: list[str] = []

    def before(verb: str) -> None:
        if verb == "reseal":
            if len(resealed) == done:
                raise StoreUnavailable("killed")
            resealed.append(verb)

    with watched_store(both, before), pytest.raises(StoreUnavailable):
        rotate(both)
    assert both.app.test_cli_runner().invoke(args=["twofactor", "init-db"]).exit_code == 0  # both keys open it still
    assert rotate(both) == Rotation(resealed=4 - done, current=done, unopened=(), lost=())
    opens_alone(make_app)


def test_people_log_in_between_two_halves_of_a_run(both: Host) -> None:
    left = iter([None])

    def before(verb: str) -> None:
        if verb == "reseal" and next(left, "killed"):
            raise StoreUnavailable("killed")

    with watched_store(both, before), pytest.raises(StoreUnavailable):
        rotate(both)
    for name in ("alice", "mallory"):
        both.clock.move(30)
        person = both.person()
        person.log_in(name)
        assert person.me == name


def test_a_row_that_changed_meanwhile_is_left(both: Host) -> None:
    """Mallory sets up anew after the old row was read."""
    state = state_of(both)
    fresh: dict[str, Any] = {}

    def before(verb: str) -> None:
        if verb == "reseal" and not fresh:
            fresh["was"] = True
            with both.app.app_context():
                both.two_factor.reset(both.users["mallory"], by="ops")
            both.enroll("mallory")
            fresh.update({row["id"]: row["sealed"] for row in rows(both, "twofactor_enrolment")})

    with watched_store(both, before):
        done = rotate(both)
    assert done.resealed == 3
    [now] = [one for one in state.store.enrolments() if one.subject == "3"]
    assert now.sealed == fresh[now.id]
    both.clock.move(30)
    person = both.person()
    person.log_in("mallory")
    assert person.me == "mallory"


@pytest.mark.requirement("KEY-02")
def test_what_no_key_opens_is_named_and_the_rest_goes_on(both: Host) -> None:
    tamper(both, "UPDATE twofactor_enrolment SET sealed = '1.broken' WHERE subject = '3'")
    tamper(both, "UPDATE twofactor_meta SET value = '1.broken' WHERE name = 'recovery_key'")
    before = dump(both)["meta"]
    assert rotate(both) == Rotation(resealed=3, current=0, unopened=("3",), lost=("recovery_key",))
    changed = [row["name"] for row, was in zip(dump(both)["meta"], before, strict=True) if row != was]
    assert changed == ["decoy_key", "key_check"]


def test_each_enrolment_is_told_of_as_it_is_seen(both: Host) -> None:
    seen: list[int] = []
    with both.app.app_context():
        state = state_of(both)
        keys.rotate(state, lambda: seen.append(1))
        assert len(seen) == state.store.count_enrolments() == 4


def test_recovery_codes_work_with_the_new_key_alone(both: Host, make_app: Callable[..., Host]) -> None:
    with both.app.app_context():
        [code, *_] = both.two_factor.new_recovery_codes(both.users["alice"])
    rotate(both)
    host = make_app(TWOFACTOR_KEY=NEW)
    person = host.person()
    person.identify("alice")
    person.credential("alice-password", code)
    assert person.me == "alice"
