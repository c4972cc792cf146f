"""Log in: identify, check (password and code in one step), answer (challenge), and who is in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.budget import Attempt
from ..core.decoy import shows_code_box
from ..core.known import Known, short
from ..core.records import Factor, Mark, TrustToken
from ..errors import CodeRejected, HookFailed, LoginRefused, SignInAgain, Throttled
from ..signals import code_accepted, code_rejected, identified, logged_in, throttled
from ..state import State
from ..throttle import Ticket
from . import trusted
from .factor import Guess, Judged, Proven, Spend, judge
from .notices import NEW_BROWSER, tell

MAX_PASSWORD = 1024
"""Characters; a longer one is refused before the host's hash sees it (INP-01)."""


By = Literal["password", "code", "recovery", "rescue", "trusted"]
"""By what, besides the password, a log-in is complete: a trusted browser is one."""


@dataclass(frozen=True)
class Login:
    """A complete log-in: the user, the account's key, the session's new value, and by what.

    ``factor`` is the id of the factor that stands, "" where the account has none. ``offset`` says where a code of the
    authenticator matched, ``left`` how many recovery codes there are after one was used; each is None where it was no
    such code. ``trust`` is what the trusted browser holds from now on.
    """

    user: Any
    subject: str
    token: str = field(repr=False)
    factor: str = ""
    by: By = "password"
    offset: int | None = None
    left: int | None = None
    trust: TrustToken | None = None

    @property
    def with_code(self) -> bool:
        """Tell whether a code was part of it."""
        return self.by in ("code", "recovery", "rescue")


def identify(state: State, identifier: str, trust: Sequence[TrustToken] = ()) -> bool:
    """Tell whether the page for ``identifier`` (in normal form) asks for a code; equal work for all (ENU-01).

    ``trust`` is what its browser holds: one that its owner trusts is asked for none.
    """
    user = state.hooks.ask("user_lookup", identifier)
    subject = _subject(state, user, identifier)
    decoy = shows_code_box(state.decoy_key, identifier, state.settings.decoy_ratio)
    factor = _factor(state, user, subject, decoy)
    skips = trusted.skips(state, subject, factor.id if factor else "", trust)  # asked for everybody: the same work
    asked = factor is not None and not skips
    return state.settings.prompt == "uniform" or (decoy if user is None else asked)


def look_up(state: State, identifier: str, source: str, known: Sequence[Known]) -> None:
    """Count a name that somebody asks about, and announce it by its digest; raises `Throttled` (THR-16).

    A browser that somebody logged in with under this very name is not counted (THR-17).
    """
    name = name_digest(state, identifier)
    if not any(one.name == name for one in known):
        with _recorded(state, {"subject": "", "name": name.hex()}, "look-ups", source):
            state.throttle.look_up(_source(state, source))
    state.later(None, lambda _: state.send(identified, "", name=name.hex()))


def check(
    state: State,
    identifier: str,
    password: str,
    code: str | None,
    source: str,
    known: Sequence[Known] = (),
    judge_password: Callable[[Any, str], bool] | None = None,
    trust: Sequence[TrustToken] = (),
) -> Login:
    """Judge a log-in as a whole: identifier in normal form, password and code as typed.

    ``source`` names where it came from, ``known`` what its browser is known for, ``trust`` for which accounts it may
    skip the code; ``judge_password`` stands in for the hook where the host's own view judges the password. Raises
    `Throttled` where there were too many attempts, and `LoginRefused` where anything at all was wrong; nothing is
    spent then (VER-01, VER-06, VER-08).
    """
    user = state.hooks.ask("user_lookup", identifier)
    subject = _subject(state, user, identifier)
    # A name without an account is often a password in the wrong box: it is recorded as a digest (LOG-03).
    absent = {"subject": "", "name": name_digest(state, identifier).hex()}
    whose: dict[str, Any] = absent if user is None else {"subject": subject}
    with _recorded(state, whose, "log-in", source):
        ticket = _count(state, identifier, source, subject, known)
    decoy = shows_code_box(state.decoy_key, identifier, state.settings.decoy_ratio)
    factor = _factor(state, user, subject, decoy)
    held = trusted.present(state, subject, factor.id if factor else "", trust)
    ask = judge_password or (lambda user, password: _password_is_right(state, user, password))
    knows = len(password) <= MAX_PASSWORD and ask(user, password)
    # Asked after a wrong password too: what it costs must not tell that the password was right (VER-07).
    right = user is not None and state.hooks.is_yes("may_login", user) and knows
    guess = Guess(identifier, user, code, ticket.known, armed=right, takes_rescue=True)
    done, reason = _judge_factor(state, guess, subject, factor, held)
    if done is None:
        before = "no-account" if user is None else "password" if not knows else "may-login"
        state.record("twofactor-log-in-refused", **whose, reason=reason if right else before)
        raise LoginRefused("the log-in was not right")
    state.throttle.refund(ticket)
    return done


def _count(state: State, name: str, source: str, subject: str, known: Sequence[Known]) -> Ticket:
    """Count an attempt where it is seen: by the known browser where this is one, else by source, name and pair."""
    account = subject_digest(state, subject)
    browser = next((one.id.hex() for one in known if one.subject == account), "")
    if browser:
        browser = state.keyring.digest(f"known\n{subject}\n{browser}")
    return state.throttle.log_in(state.keyring.digest(f"name\n{name}"), _source(state, source), browser)


@contextlib.contextmanager
def _recorded(state: State, whose: dict[str, Any], where: str, source: str) -> Iterator[None]:
    """Record that somebody has to wait, if anybody has: once in ten minutes a source."""
    try:
        yield
    except Throttled:
        if state.throttle.is_news(digest := _source(state, source)):
            _announce_wait(state, whose, where, digest)
        raise


def _announce_wait(state: State, whose: dict[str, Any], where: str, source: str) -> None:
    state.record(throttled.name, **whose, reason=where)
    state.later(None, lambda _: state.send(throttled, whose["subject"], where=where, source=source))


def _source(state: State, source: str) -> str:
    return state.keyring.digest(f"source\n{source}")


def subject_digest(state: State, subject: str) -> bytes:
    """Name an account in a known browser's cookie."""
    return short(state.keyring.digest(f"known subject\n{subject}"))


def name_digest(state: State, identifier: str) -> bytes:
    """Name what was typed in a known browser's cookie."""
    return short(state.keyring.digest(f"known name\n{identifier}"))


def _judge_factor(
    state: State, guess: Guess, subject: str, factor: Factor | None, held: trusted.Held | None
) -> tuple[Login | None, str]:
    """Give the log-in where the factor is right too, else None and why it is not."""
    now = state.now
    life = factor.id if factor else ""
    token, mark = state.new_mark(subject, life, password_at=now, code_at=now if factor else 0)
    if guess.armed and factor is None:
        state.store.add_mark(mark)
        return Login(guess.user, subject, token), ""
    if guess.armed and held is not None and not (guess.text or "").strip():
        fresh = trusted.use(state, held, mark._replace(code_at=0))
        if fresh is not None:
            return Login(guess.user, subject, token, life, "trusted", trust=fresh), ""
    judged = judge(state, guess, factor, _spending(state, mark))
    if judged.reason:
        return None, judged.reason
    return _login(guess.user, token, mark, judged), ""


def _spending(state: State, mark: Mark) -> Spend:
    """Give the write that accepts a code and begins the session; after a rescue code it is one for set-up alone."""

    def spend(account: str, proven: Proven, attempt: Attempt) -> bool:
        session = mark._replace(rescued=1) if proven.rescue else mark
        return state.store.spend(account, proven.enrolment, proven.proof, attempt, session)

    return spend


def _login(user: Any, token: str, mark: Mark, judged: Judged) -> Login:
    by: By = "rescue" if judged.rescued else "code" if judged.left is None else "recovery"
    return Login(user, mark.subject, token, mark.enrolment, by, judged.offset, judged.left)


@dataclass(frozen=True)
class SignIn:
    """A session that answers: its user, account, what names it, and what it proved before.

    ``owes`` says that it has no mark yet; ``replaces`` is the digest of the mark that it has.
    """

    user: Any
    subject: str
    id: str = field(repr=False)
    password_at: int
    owes: bool
    replaces: str = field(default="", repr=False)


def answer(state: State, sign_in: SignIn, code: str | None, source: str, known: Sequence[Known] = ()) -> Login:
    """Judge the code that a session owes, or that step-up asks for.

    Raises `Throttled`, `SignInAgain` after too many wrong codes of one session, or `CodeRejected`.
    """
    subject = sign_in.subject
    tickets = [session_ticket(state, subject, sign_in.id)]
    if sign_in.owes:
        with _recorded(state, {"subject": subject}, "challenge", source):
            tickets.append(_count(state, f"challenge\n{subject}", source, subject, known))
    factor = state.store.factor(subject)
    life = factor.id if factor else ""
    token, mark = state.new_mark(subject, life, password_at=sign_in.password_at, code_at=state.now)
    known_enough = tickets[-1].known if sign_in.owes else _is_known(state, subject, known)
    guess = Guess(subject, sign_in.user, code, known_enough, takes_rescue=sign_in.owes)
    judged = judge(state, guess, factor, _spending(state, mark))
    if judged.reason:
        state.record(code_rejected.name, subject, reason=judged.reason)
        raise CodeRejected("the code was not right")
    if sign_in.replaces:
        state.store.remove_mark(sign_in.replaces)
    state.throttle.refund(*tickets)
    return _login(sign_in.user, token, mark, judged)


def answer_by_trust(state: State, sign_in: SignIn, trust: Sequence[TrustToken]) -> Login | None:
    """Complete a session that owes the code, where its browser is trusted; None where it is not (TRB-03)."""
    factor = state.store.factor(sign_in.subject)
    if factor is None or not sign_in.owes:
        return None
    held = trusted.present(state, sign_in.subject, factor.id, trust)
    if held is None:
        return None
    token, mark = state.new_mark(sign_in.subject, factor.id, password_at=sign_in.password_at, code_at=0)
    fresh = trusted.use(state, held, mark)
    if fresh is None:
        return None
    return Login(sign_in.user, sign_in.subject, token, factor.id, "trusted", trust=fresh)


def _is_known(state: State, subject: str, known: Sequence[Known]) -> bool:
    return any(one.subject == subject_digest(state, subject) for one in known)


def session_ticket(state: State, subject: str, sign_in: str) -> Ticket:
    """Count a code or a password of a session (bucket G)."""
    try:
        return state.throttle.sign_in(state.keyring.digest(f"sign-in\n{subject}\n{sign_in}"))
    except Throttled as error:
        _announce_wait(state, {"subject": subject}, "sign-in", "")
        raise SignInAgain(error.retry_after) from None


def entered(state: State, done: Login, known: Sequence[Known]) -> None:
    """Announce that a session began, once it has.

    Who gave a code of the authenticator is told where the browser was none that was ``known`` (LIF-06); of a
    recovery code the owner was told already.
    """
    state.announce(logged_in, done.subject, factor=done.with_code, by=done.by, offset=done.offset)
    if done.by == "code" and not _is_known(state, done.subject, known):
        tell(state, done.user, NEW_BROWSER)


def confirmed(state: State, done: Login) -> None:
    """Record that somebody who is in already gave a code again (step-up)."""
    state.record(code_accepted.name, done.subject, offset=done.offset)


def confirm_password(state: State, user: Any, password: str, sign_in: str, before: Mark | None) -> str:
    """Judge the password of a signed-in person (step-up); give the session's new value.

    Raises `SignInAgain` after too many wrong ones of that sign-in, or `LoginRefused` where it was not right.
    """
    subject = state.subject_of(user)
    ticket = session_ticket(state, subject, sign_in)
    if not _password_is_right(state, user, password):
        state.record("twofactor-password-refused", subject)
        raise LoginRefused("the password was not right")
    life, code_at, rescued = (before.enrolment, before.code_at, before.rescued) if before else ("", 0, 0)
    token, mark = state.new_mark(subject, life, password_at=state.now, code_at=code_at, rescued=rescued)
    state.store.add_mark(mark, replaces=before.digest if before else "")
    state.throttle.refund(ticket)
    state.record("twofactor-password-confirmed", subject)
    return token


def has_factor(state: State, subject: str) -> bool:
    """Tell whether a confirmed enrolment stands."""
    return state.store.factor(subject) is not None


def _subject(state: State, user: Any, identifier: str) -> str:
    decoy = state.decoy_subject(identifier)  # made for everybody: the same work (VER-07)
    return decoy if user is None else state.subject_of(user)


def _factor(state: State, user: Any, subject: str, decoy: bool) -> Factor | None:
    """Read the factor of an account; of another, and forget it, where a name without one is shown a code box.

    A row that is there takes longer to read than none, by a hundredth of the whole (VER-07).
    """
    if user is None:
        state.store.factor(state.stand_in.subject or subject if decoy else subject)
        return None
    factor = state.store.factor(subject)
    if factor is not None:
        state.stand_in.subject = subject
    return factor


def _password_is_right(state: State, user: Any, password: str) -> bool:
    """Ask the host, for an absent account too; a password over the limit is wrong for everybody.

    A hook that fails for nobody (it is logged) must not tell the absent names from the others: a hash is
    computed in its place, and the answer is no.
    """
    if len(password) > MAX_PASSWORD:
        return False
    if user is not None:
        return state.hooks.is_yes("password_check", user, password)
    try:
        state.hooks.is_yes("password_check", None, password)
    except HookFailed:
        state.hash_for_nobody(password)
    return False
