"""For the tests of hosts: a fake authenticator app, log-in, a frozen clock, what every route and every store owes.

Nothing here runs in a console. `log_in` does what a person does and skips no check; what writes a session or moves the
clock does so by name, in a test that calls it (FLG-11). Fixtures over these are in the pytest plugin.
"""

from .accounts import code_for
from .authenticator import Authenticator
from .client import TwoFactorClient, two_factor_client
from .clock import FrozenClock, frozen_clock
from .contract import StoreContract
from .pages import log_in
from .walk import Walk, assert_every_route_needs_second_factor

__all__ = [
    "Authenticator",
    "FrozenClock",
    "StoreContract",
    "TwoFactorClient",
    "Walk",
    "assert_every_route_needs_second_factor",
    "code_for",
    "frozen_clock",
    "log_in",
    "two_factor_client",
]
