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
_WHAT = {ENABLED: "turned on", DISABLED: "turned off", RESET: "reset by an administrator"}


def tell(state: State, user: Any, kind: str, brand: Brand, origin: Origin | None = None) -> None:
    """Hand the host's ``notify`` a notice of what has happened; a hook that raises undoes nothing, and is logged."""
    if state.hooks.notify is None:
        return
    try:
        account = str(state.hooks.ask("account_name", user))
        state.hooks.ask("notify", user, _write(kind, account, brand, origin, state.now))
    except HookFailed:
        logger.error("a notice was not delivered: kind=%s", kind)


def _write(kind: str, account: str, brand: Brand, origin: Origin | None, now: int) -> Notice:
    what = f"two-factor authentication was {_WHAT[kind]}"
    when = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    where = f"From: {origin.address}\nBrowser: {origin.agent}\n" if origin else ""
    help_at = f": {brand.support_url}" if brand.support_url else "."
    body = (
        f"Hello,\n\n{what} for your account {account} at {brand.name}.\n\nWhen: {when}\n{where}\n"
        f"If this was not you, change your password now, and ask the people who run {brand.name} for help{help_at}\n"
    )
    return Notice(kind, now, origin, f"{brand.name}: {what}", body)
