"""Notices: tell the owner of an account, outside the session, that a factor came or went (ENR-12, LIF-06)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ..core.records import Brand, Notice, Origin
from ..errors import HookFailed
from ..state import State, logger

ENABLED = "enabled"
DISABLED = "disabled"
RESET = "reset"
RECOVERY_USED = "recovery-used"
RENEWED = "recovery-renewed"
TRUSTED = "browser-trusted"
ADDED = "authenticator-added"
REMOVED = "authenticator-removed"
RESCUE_ISSUED = "rescue-issued"
RESCUE_USED = "rescue-used"
_WHAT = {
    ENABLED: "two-factor authentication was turned on",
    DISABLED: "two-factor authentication was turned off",
    RESET: "two-factor authentication was reset by an administrator",
    RECOVERY_USED: "a recovery code was used",
    RENEWED: "new recovery codes were made, and the earlier ones no longer work",
    TRUSTED: "a browser was told to ask for no codes",
    ADDED: "another authenticator was added",
    REMOVED: "an authenticator was removed",
    RESCUE_ISSUED: "a rescue code was made by an administrator",
    RESCUE_USED: "a rescue code was used",
    "few": "somebody gave the right password and wrong codes, three times in a day",
    "many": "somebody gave the right password and wrong codes, ten times in a day",
    "stopped": "after a hundred wrong codes in a row no code is accepted any more",
}


def tell(state: State, user: Any, kind: str, more: str = "") -> None:
    """Hand the host's ``notify`` a notice of what has happened, once the response is sent (ENU-11).

    ``more`` is a sentence for its body. A hook that raises undoes nothing, and is logged.
    """
    if state.hooks.notify is None:
        return
    try:
        brand, origin, at = state.current_brand(), state.current_origin(), state.now
    except HookFailed:
        logger.error("a notice was not delivered: kind=%s", kind)
        return

    def deliver(person: Any) -> None:
        try:
            account = str(state.hooks.ask("account_name", person))
            state.hooks.ask("notify", person, _write(kind, account, brand, origin, at, more))
        except HookFailed:
            logger.error("a notice was not delivered: kind=%s", kind)

    state.later(user, deliver)


def _write(kind: str, account: str, brand: Brand, origin: Origin | None, now: int, more: str) -> Notice:
    what = _WHAT[kind]
    when = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    where = f"From: {origin.address}\nBrowser: {origin.agent}\n" if origin else ""
    help_at = f": {brand.support_url}" if brand.support_url else "."
    body = (
        f"Hello,\n\n{what} for your account {account} at {brand.name}.{more and ' ' + more}\n\nWhen: {when}\n{where}\n"
        f"If this was not you, change your password now, and ask the people who run {brand.name} for help{help_at}\n"
    )
    return Notice(kind, now, origin, f"{brand.name}: {what}", body)
