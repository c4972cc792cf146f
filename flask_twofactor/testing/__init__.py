"""For the tests of hosts: a fake authenticator app, a walk through the log-in pages, and what every store owes.

Nothing here runs in a console, and nothing here skips a check (FLG-11): the helpers do what a person does.
"""

from .authenticator import Authenticator
from .contract import StoreContract
from .pages import log_in

__all__ = ["Authenticator", "StoreContract", "log_in"]
