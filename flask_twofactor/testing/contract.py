"""What every store owes, as tests: `StoreContract`."""

from __future__ import annotations

from .factors import Factors
from .races import Races
from .recording import Recording
from .recovering import Recovering
from .sessions import Sessions
from .spending import Spending


class StoreContract(Sessions, Factors, Spending, Recovering, Recording, Races):
    """The tests of every verb of `flask_twofactor.stores.base.Store`, one behaviour each, and of races.

    Subclass it in a test module, under a name that pytest collects, and say how a handle is opened: `make_store`.
    """
