"""The state of the app that serves this request, and who its person is."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast

from flask import Flask, current_app, g, has_request_context, request
from flask_login import current_user

from ..core.records import Mark, Note, Origin, Standing
from ..errors import Forbidden, TwoFactorError, WiringError
from ..flows.verdicts import Verdict
from ..state import State, logger

Source = Literal["session", "cookie", "request"]


class Presence(NamedTuple):
    """Whom Flask-Login loaded for this request, from where, and what the gate says of it."""

    user: Any
    subject: str
    source: Source
    verdict: Verdict
    evidence: Standing | Note | None

    @property
    def proof(self) -> Mark | Note | None:
        """Give the mark or the note that the session presented."""
        return self.evidence.mark if isinstance(self.evidence, Standing) else self.evidence

    @property
    def password_at(self) -> int:
        """Give when the password was last checked in this sign-in, 0 for never."""
        return self.evidence.password_at if self.evidence else 0

    @property
    def rescued(self) -> str | None:
        """Give the id of the factor that a rescue code stood in for, which is to be set up anew; None for none."""
        found = self.evidence
        return found.factor if isinstance(found, Standing) and found.rescued else None

    @property
    def sign_in(self) -> str:
        """Give what names this sign-in: a pending key is bound to it (ENR-04)."""
        proof = self.proof
        return "" if proof is None else proof.digest if isinstance(proof, Mark) else proof.id


def current_state() -> State:
    """Give the state of the current app; an error that says what is missing where there is none."""
    try:
        return cast(State, current_app.extensions["twofactor"])
    except KeyError:
        raise WiringError("this app has no TwoFactor; attach one: TwoFactor(app)") from None


def presence() -> Presence | None:
    """Give who was loaded for this request, None for nobody; loads the user where that is still to come."""
    bool(current_user)  # the proxy loads, the gate judges and leaves its finding on g
    return cast("Presence | None", g.get("_twofactor_presence"))


def settings_person(*, owing_setup: bool = False) -> Presence | None:
    """Give the person whose factor the settings pages may touch, None for nobody.

    With ``owing_setup`` also one who has to set it up before anything else. Raises `Forbidden` for an identity that
    a ``request_loader`` gave: it is not from a session, and often nothing but a posted name.
    """
    found = presence()
    if found is None or not (found.verdict == "in" or (owing_setup and found.verdict == "setup")):
        return None
    if found.source == "request":
        raise Forbidden("the factor is managed from a session only")
    return found


def is_true(value: Any) -> bool:
    """Give the truth of an attribute that some hosts write as a method."""
    return bool(value() if callable(value) else value)


def client_source() -> str:
    """Name where the request came from: the IPv4 address, or the /64 of an IPv6 one (THR-07).

    ``request.remote_addr`` alone counts; forwarding headers do where the host installed ``ProxyFix``.
    """
    return _source_and_net(request.remote_addr or "")[0]


@functools.lru_cache(maxsize=1024)
def _source_and_net(remote: str) -> tuple[str, str]:
    """Give what counts as one source, and the /24 or /64 that people are told."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return "unknown", "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            net = str(ipaddress.ip_network((address, 64), strict=False))
            return net, net
        address = address.ipv4_mapped
    return str(address), str(ipaddress.ip_network((address, 24), strict=False))


def current_origin() -> Origin | None:
    """Give where the present request came from, None outside of any."""
    return client_origin() if has_request_context() else None


def later(user: Any, work: Callable[[Any], object]) -> None:
    """Run ``work`` with the user once the response is sent (ENU-11); at once outside a request.

    It runs in an app context of its own, with the user loaded anew where Flask-Login can: the one of the request
    may belong to a database session that has ended by then.
    """
    if not has_request_context():
        work(user)
        return
    if "_twofactor_later" not in g:
        g._twofactor_later = []
    g._twofactor_later.append((user, work))


def run_later(app: Flask, waiting: list[tuple[Any, Callable[[Any], object]]]) -> None:
    """Do what waits for the end of the response, once; what fails is logged, since nobody is there to be told."""
    if not waiting:
        return
    with app.app_context():
        while waiting:
            user, work = waiting.pop(0)
            try:
                work(_loaded_anew(user))
            except TwoFactorError as error:
                logger.error("after a response: %s", error)


def _loaded_anew(user: Any) -> Any:
    manager: Any = getattr(current_app, "login_manager", None)
    if manager is None or manager._user_callback is None or not hasattr(user, "get_id"):
        return user
    return manager._user_callback(user.get_id()) or user


def client_origin() -> Origin:
    """Give where the request came from for a notice: a /24 or /64, and 200 printable characters of the agent."""
    net = _source_and_net(request.remote_addr or "")[1]
    agent = "".join(char if char.isprintable() else "?" for char in request.user_agent.string[:200])
    return Origin(net, agent or "unknown")
