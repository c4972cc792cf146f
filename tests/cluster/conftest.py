from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.nodes import Cluster, running_cluster

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The machines of this run."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(whole_cluster: Cluster) -> Iterator[Cluster]:
    """The machines, all of them up; fails the test in which one of them wrote of an error that nobody expected."""
    before = len(whole_cluster.log())
    yield whole_cluster
    for server in (whole_cluster.postgresql, whole_cluster.redis, *whole_cluster.nodes, whole_cluster.nginx):
        server.start()
    assert "Traceback" not in whole_cluster.log()[before:]


@pytest.fixture
def names() -> Callable[[int], list[str]]:
    """Gives so many names of accounts that no other test has."""
    return lambda count: [f"person-{number}" for number in itertools.islice(_numbers, count)]
