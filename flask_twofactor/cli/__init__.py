"""``flask twofactor``: what an operator needs at 3 a.m.; exit status 0, 1 (no, or wrong) or 2 (usage).

A module for each concern; `base` has the group and what its commands share.
"""

from . import accounts, doctor, events, measures, preview, store, transfer
from .base import group

__all__ = ["accounts", "doctor", "events", "group", "measures", "preview", "store", "transfer"]
