"""``flask twofactor``: what an operator needs at 3 a.m.; exit status 0, 1 (no, or wrong) or 2 (usage).

A module for each concern; `base` has the group and what its commands share.
"""

from types import ModuleType

from .base import group


def _load() -> tuple[ModuleType, ...]:
    from . import accounts, doctor, events, measures, preview, store, transfer  # noqa: PLC0415 - at first use

    return accounts, doctor, events, measures, preview, store, transfer


group.load = _load

__all__ = ["group"]
