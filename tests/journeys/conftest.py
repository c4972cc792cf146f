"""What the journeys share: the consoles, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from tests.journeys import sites
from tests.journeys.sites import Site
from tests.support.host import Clock


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder of the example console as its first start leaves it: hashing passwords is the slow part."""
    folder = tmp_path_factory.mktemp("seeded") / "instance"
    with sites.harbor(folder, Clock()):
        return folder


@pytest.fixture
def harbor(seeded: Path, tmp_path: Path, clock: Clock) -> Iterator[Site]:
    """The example console."""
    with sites.harbor(copytree(seeded, tmp_path / "instance"), clock) as site:
        yield site


@pytest.fixture
def plain(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    """The host that shows our pages in our own layout."""
    with sites.plain(tmp_path / "instance", clock) as site:
        yield site


@pytest.fixture(params=["harbor", "plain"])
def site(request: pytest.FixtureRequest) -> Site:
    """Each console in turn: our pages in a host's layout, and in our own."""
    served: Site = request.getfixturevalue(request.param)
    return served
