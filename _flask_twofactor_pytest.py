"""The pytest plugin of flask_twofactor: fixtures for the tests of a console, over its own fixture ``app``.

It is a module beside the package, because pytest imports the plugins of all that is installed at every run. The package
is imported where a test asks for a fixture: after coverage has begun to measure, and at no cost for other projects.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def two_factor_clock(app: Any) -> Iterator[Any]:
    """A clock that stands still, in the place of the app's: ``clock()``, ``clock.at``, ``clock.move(seconds)``."""
    from flask_twofactor.testing import frozen_clock

    with frozen_clock(app) as clock:
        yield clock


@pytest.fixture
def two_factor_client(app: Any) -> Any:
    """A test client with ``login(user, password=None)``, ``logout()`` and ``enroll(user)``."""
    from flask_twofactor.testing import two_factor_client

    return two_factor_client(app)


@pytest.fixture
def code_for(app: Any) -> Callable[[Any], str]:
    """``code_for(user)``: a code of the account that is good now."""
    from flask_twofactor.testing import code_for

    return functools.partial(code_for, app)
