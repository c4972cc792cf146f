"""Every journey, where it starts and where it ends, for the tests that break it at each of its calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask_twofactor.flows import rescue
from tests.support.host import Host, Person, secret_on
from tests.support.spares import code_of
from tests.support.watching import state_of

STEP = 30
NAME, PASSWORD = "alice", "alice-password"
Call = Callable[[Host, Person], Any]


class Things(NamedTuple):
    """How many of what hangs on the factor an account has."""

    authenticators: int
    recovery_codes: int
    trusted_browsers: int


@dataclass(frozen=True)
class Journey:
    """What a person does, where it starts and ends: who is in, and whether the account has the factor."""

    prepare: Call
    walk: Call
    who: tuple[str | None, str | None]
    factor: tuple[bool, bool]
    answer: Any = None
    """What a call from Python answers at the end, None for a page."""
    or_else: tuple[str | None, ...] = ()
    """Who may be in as well after a fault."""
    things: tuple[Things, Things] | None = None
    """What hangs on the factor at the start and at the end, where that is what the journey is about."""
    owes_setup: bool = False
    """Whether the password alone leads to the set-up, with the factor off."""


# Where journeys start


def _anew(host: Host, person: Person) -> None:
    pass


def _enrolled(host: Host, person: Person) -> None:
    host.enroll(NAME)


def _in_without_factor(host: Host, person: Person) -> None:
    person.log_in(NAME)


def _ended_before(host: Host, person: Person) -> None:
    with host.app.app_context():
        host.two_factor.end_sessions(host.users[NAME])


def _in_with_factor(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in(NAME)
    host.clock.move(STEP)


def _in_for_long(host: Host, person: Person) -> None:
    _in_with_factor(host, person)
    host.clock.move(40000)


def _in_as_another(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in("bob")


def _remembered(host: Host, person: Person) -> None:
    _ended_before(host, person)
    person.log_in(NAME, remember="y")
    _close(person)


def _remembered_with_factor(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in(NAME, remember="y")
    _close(person)
    host.clock.move(STEP)


def _with_recovery_codes(host: Host, person: Person) -> None:
    host.enroll(NAME)
    host.secrets["a recovery code"] = _python("new_recovery_codes")(host, person)[0]


def _in_with_recovery_codes(host: Host, person: Person) -> None:
    _with_recovery_codes(host, person)
    person.log_in(NAME)
    host.clock.move(STEP)


def _in_by_a_recovery_code(host: Host, person: Person) -> None:
    _with_recovery_codes(host, person)
    _log_in_with_a_recovery_code(host, person)


def _trusted_and_in(host: Host, person: Person) -> None:
    host.enroll(NAME)
    person.log_in(NAME, trust="y")
    host.clock.move(STEP)


def _trusted(host: Host, person: Person) -> None:
    _trusted_and_in(host, person)
    person.get("/logout")


def _in_with_two(host: Host, person: Person) -> None:
    _in_with_factor(host, person)
    _add_an_authenticator(host, person)
    host.clock.move(STEP)


def _in_to_set_up(host: Host, person: Person) -> None:
    state_of(host).store.set_required("1", True)
    person.log_in(NAME)


def _with_a_rescue_code(host: Host, person: Person) -> None:
    host.enroll(NAME)
    with host.app.app_context():
        made = rescue.issue(state_of(host), host.users[NAME], "an operator", "a witness")
    host.secrets["a rescue code"] = made.code


def _close(person: Person) -> None:
    person.use_cookies({name: value for name, value in person.cookies().items() if name != "session"})


# What people do


def log_in(host: Host, person: Person) -> None:
    """Log in with everything right, asking for the fewest pages."""
    page = "/two-factor/identify?switch=1"
    person.post("/two-factor/identify", page, identifier=NAME)
    code = host.code(NAME) if NAME in host.secrets else ""
    person.post("/two-factor/credential", page, password=PASSWORD, code=code)


def _log_in_remembered(_: Host, person: Person) -> None:
    person.log_in(NAME, remember="y")


def _legacy(host: Host, person: Person) -> None:
    person.client.post("/legacy", data={"name": NAME, "password": PASSWORD})


def _legacy_and_challenge(host: Host, person: Person) -> None:
    _legacy(host, person)
    _challenge(host, person)


def _challenge(host: Host, person: Person) -> None:
    person.post("/two-factor/challenge", code=host.code(NAME))


def _return_and_challenge(host: Host, person: Person) -> None:
    person.get("/me")
    _challenge(host, person)


def _set_up(host: Host, person: Person) -> None:
    person.begin_setup()
    host.secrets[NAME] = person.secret
    person.post("/two-factor/setup", code=host.code(NAME))


def _log_in_by(host: Host, person: Person, code: str, **fields: str) -> None:
    page = "/two-factor/identify?switch=1"
    person.post("/two-factor/identify", page, identifier=NAME)
    person.post("/two-factor/credential", page, password=PASSWORD, code=code, **fields)


def _log_in_with_a_recovery_code(host: Host, person: Person) -> None:
    _log_in_by(host, person, host.secrets["a recovery code"])


def _log_in_and_trust(host: Host, person: Person) -> None:
    _log_in_by(host, person, host.code(NAME), trust="y")


def _log_in_by_trust(host: Host, person: Person) -> None:
    _log_in_by(host, person, "")


def _legacy_and_trust(host: Host, person: Person) -> None:
    _legacy(host, person)
    person.get("/two-factor/challenge")


def _challenge_and_trust(host: Host, person: Person) -> None:
    _legacy(host, person)
    person.post("/two-factor/challenge", code=host.code(NAME), trust="y")


def _add_an_authenticator(host: Host, person: Person) -> None:
    person.post("/two-factor/authenticators/add", name="Tablet", code=host.code(NAME))
    secret = secret_on(person.get("/two-factor/authenticators/new"))
    person.post("/two-factor/authenticators/new", code=code_of(host, secret))
    person.get("/two-factor/authenticators")


def _remove_an_authenticator(host: Host, person: Person) -> None:
    factor = state_of(host).store.factor("1")
    spare = next((one.id for one in factor.authenticators if one.name), "") if factor else ""
    page = f"/two-factor/authenticators/remove?authenticator={spare}"
    path = "/two-factor/authenticators/remove"
    person.post(path, page, authenticator=spare, code=host.code(NAME))


def _make_new_recovery_codes(host: Host, person: Person) -> None:
    person.post("/two-factor/recovery", code=host.code(NAME))
    person.get("/two-factor/recovery-codes")


def _forget_the_browser(_: Host, person: Person) -> None:
    person.post("/two-factor/browsers/forget", "/two-factor/sessions")


def _rescue(host: Host, person: Person) -> None:
    _log_in_by(host, person, host.secrets["a rescue code"])
    _set_up(host, person)


def _step_up_and_go_on(host: Host, person: Person) -> None:
    person.post("/two-factor/password", password=PASSWORD)
    person.get("/two-factor/settings")


def _getting(path: str) -> Call:
    return lambda _, person: person.get(path)


def _python(name: str, *arguments: Any) -> Call:
    def call(host: Host, _: Person) -> Any:
        with host.app.app_context():
            given = [host.code(NAME) if one is code else one for one in arguments]
            return getattr(host.two_factor, name)(host.users[NAME], *given)

    return call


def _forget(host: Host, _: Person) -> None:
    with host.app.app_context():
        host.two_factor.forget("1")


code = object()
NOBODY, HER, SHE_GOES = (None, None), (NAME, NAME), (NAME, None)
COMES, ANOTHER = (None, NAME), ("bob", NAME)
ONE, TWO, WITH_CODES, WITH_TRUST = Things(1, 0, 0), Things(2, 0, 0), Things(1, 10, 0), Things(1, 0, 1)
OFF, ON, TURNED_ON, TURNED_OFF = (False, False), (True, True), (False, True), (True, False)
JOURNEYS = {
    "log in without factor": Journey(_anew, log_in, COMES, OFF),
    "log in with factor": Journey(_enrolled, log_in, COMES, ON),
    "log in over another": Journey(_in_as_another, log_in, ANOTHER, ON),
    # The host let her in, and she has no factor: nothing of ours was passed by.
    "legacy log-in without factor": Journey(_anew, _legacy, COMES, OFF, or_else=(NAME,)),
    "legacy log-in and challenge": Journey(_enrolled, _legacy_and_challenge, COMES, ON),
    "legacy log-in over another": Journey(_in_as_another, _legacy_and_challenge, ANOTHER, ON),
    "log in to be remembered": Journey(_ended_before, _log_in_remembered, COMES, OFF),
    "come back remembered": Journey(_remembered, _getting("/me"), HER, OFF),
    "remember me with factor": Journey(_remembered_with_factor, _return_and_challenge, COMES, ON),
    "set up": Journey(_in_without_factor, _set_up, HER, TURNED_ON),
    "disable": Journey(_in_with_factor, lambda _, person: person.disable(NAME), HER, TURNED_OFF),
    "password again": Journey(_in_with_factor, _step_up_and_go_on, HER, ON),
    "password again without factor": Journey(_in_without_factor, _step_up_and_go_on, HER, OFF),
    "log out everywhere else": Journey(_in_with_factor, lambda _, person: person.post("/two-factor/sessions"), HER, ON),
    "log in with a recovery code": Journey(_with_recovery_codes, _log_in_with_a_recovery_code, COMES, ON),
    "the page after a recovery code": Journey(_in_by_a_recovery_code, _getting("/two-factor/recovery-used"), HER, ON),
    "log in with the trust box": Journey(_enrolled, _log_in_and_trust, COMES, ON),
    "log in by a trusted browser": Journey(_trusted, _log_in_by_trust, COMES, ON),
    "legacy log-in and a trusted browser": Journey(_trusted, _legacy_and_trust, COMES, ON),
    "legacy log-in and the trust box": Journey(_enrolled, _challenge_and_trust, COMES, ON),
    "add an authenticator": Journey(_in_with_factor, _add_an_authenticator, HER, ON, things=(ONE, TWO)),
    "remove an authenticator": Journey(_in_with_two, _remove_an_authenticator, HER, ON, things=(TWO, ONE)),
    "new recovery codes": Journey(
        _in_with_recovery_codes, _make_new_recovery_codes, HER, ON, things=(WITH_CODES, WITH_CODES)
    ),
    "forget a browser": Journey(_trusted_and_in, _forget_the_browser, HER, ON, things=(WITH_TRUST, ONE)),
    "set up because of the rule": Journey(_in_to_set_up, _set_up, COMES, TURNED_ON, owes_setup=True),
    "rescue and set-up anew": Journey(_with_a_rescue_code, _rescue, COMES, ON),
    "the page of sessions": Journey(_trusted_and_in, _getting("/two-factor/sessions"), HER, ON),
    "the page of activity": Journey(_in_with_factor, _getting("/two-factor/activity"), HER, ON),
    "code again": Journey(_in_with_factor, _challenge, HER, ON),
    "log out": Journey(_in_with_factor, _getting("/logout"), SHE_GOES, ON),
    "the gate on a page of the host": Journey(_in_for_long, _getting("/me"), HER, ON),
    "the panel": Journey(_in_with_factor, _getting("/profile"), HER, ON),
    "the settings page": Journey(_in_with_factor, _getting("/two-factor/settings"), HER, ON),
    "verify": Journey(_enrolled, _python("verify", code), NOBODY, ON, answer=True),
    "is_enabled": Journey(_enrolled, _python("is_enabled"), NOBODY, ON, answer=True),
    "reset": Journey(_in_with_factor, _python("reset", "a test"), SHE_GOES, TURNED_OFF, answer=True),
    "end_sessions": Journey(_in_with_factor, _python("end_sessions"), SHE_GOES, ON, answer=1),
    "forget": Journey(_in_with_factor, _forget, SHE_GOES, TURNED_OFF),
}
