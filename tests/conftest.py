"""What every test may use; the parts are in tests/support/, one concern a module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.host import Clock, Host, Person, make_host
from tests.support.memory import write_to_memory
from tests.support.passwords import hash_passwords_cheaply
from tests.support.routes import compile_routes_once
from tests.support.templates import compile_templates_once

pytest_plugins = [
    "tests.support.noskips",
    "tests.support.figures",
    "tests.support.garbage",
    "tests.support.contexts",
    "tests.support.databases",
    "tests.support.browser",
]

write_to_memory()
compile_templates_once()
compile_routes_once()
hash_passwords_cheaply()

# Several machines take minutes: `make cluster` names this folder, and `make test` leaves it out.
collect_ignore = ["cluster"]

# A slow machine is no defect: examples have no deadline. All else as Hypothesis has it (CI is known to it).
settings.register_profile("flask_twofactor", parent=settings(), deadline=None)
settings.load_profile("flask_twofactor")


@pytest.fixture
def clock() -> Clock:
    """The clock that every decision about time asks."""
    return Clock()


@pytest.fixture
def make_app(tmp_path: Path, clock: Clock) -> Callable[..., Host]:
    """Make a host console with configuration keys of its own."""

    def make(**config: Any) -> Host:
        return make_host(config.pop("folder", tmp_path), clock, **config)

    return make


@pytest.fixture
def host(make_app: Callable[..., Host]) -> Host:
    """A console with ``alice``, ``bob``, ``mallory`` and ``carol``, none of them enrolled."""
    return make_app()


@pytest.fixture
def client(host: Host) -> Person:
    """Somebody at a browser with an empty cookie jar."""
    return host.person()


@pytest.fixture
def enrolled(host: Host) -> Host:
    """The console with ``alice`` and ``mallory`` enrolled: two-factor on."""
    host.enroll("alice")
    host.enroll("mallory")
    return host
