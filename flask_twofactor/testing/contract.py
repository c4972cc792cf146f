"""What every store owes, as tests: `StoreContract`."""

from __future__ import annotations

from .authenticators import Authenticators
from .factors import Factors
from .listing import Listing
from .races import Races
from .recording import Recording
from .recovering import Recovering
from .sessions import Sessions
from .spending import Spending
from .trusting import Trusting


class StoreContract(Sessions, Factors, Authenticators, Spending, Recovering, Trusting, Recording, Listing, Races):
    """The tests of every verb of `flask_twofactor.stores.base.Store`, one behaviour each, and of races.

    Subclass it in a test module, under a name that pytest collects, and say how a handle is opened: `make_store`.
    """
