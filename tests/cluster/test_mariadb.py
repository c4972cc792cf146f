"""The store's contract and its races once more, on MariaDB: too long for the default run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.stores import test_contract
from tests.stores.conftest import database, store  # noqa: F401
from tests.stores.test_races import *  # noqa: F403


@pytest.fixture  # type: ignore[no-redef]
def database_kind() -> str:
    """The database of these races."""
    return "mariadb"


@pytest.mark.requirement("RPL-08")
class TestContract(test_contract.Opened):
    @pytest.fixture(autouse=True)
    def _place(self, database_uri: str) -> Iterator[None]:
        self.uri = database_uri
        with contextlib.ExitStack() as self.close:
            yield
