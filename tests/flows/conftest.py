"""The flows are called as the views call them: with a state, inside an app context, without HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_twofactor.state import State
from tests.support.host import Host
from tests.support.watching import Heard, state_of


@pytest.fixture
def state(enrolled: Host) -> Iterator[State]:
    """The state of a console where ``alice`` (1) and ``mallory`` (3) have the factor, ``bob`` (2) and ``carol`` not."""
    with enrolled.app.app_context():
        yield state_of(enrolled)


@pytest.fixture
def heard(enrolled: Host) -> Heard:
    return Heard(enrolled)


class Calls:
    """A store that notes what is asked of it, with all arguments."""

    def __init__(self, state: State) -> None:
        self._store = state.store
        self.made: list[tuple[Any, ...]] = []
        state.__dict__["store"] = self

    def __getattr__(self, verb: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.made.append((verb, *arguments, *named.items()))
            return getattr(self._store, verb)(*arguments, **named)

        return call

    def of(self, verb: str) -> list[tuple[Any, ...]]:
        """Give the arguments of each call of a verb."""
        return [made[1:] for made in self.made if made[0] == verb]


@pytest.fixture
def calls(state: State) -> Calls:
    return Calls(state)
