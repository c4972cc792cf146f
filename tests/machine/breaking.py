"""What breaks a product on purpose: verbs of its store, functions and settings that are replaced for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.host import Host
from tests.support.watching import state_of


class BrokenStore:
    """The app's store with some verbs replaced."""

    def __init__(self, store: Any, **verbs: Callable[..., Any]) -> None:
        self._store = store
        self.__dict__.update(verbs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@contextlib.contextmanager
def verbs(host: Host, **replaced: Callable[..., Any]) -> Iterator[None]:
    """Replace verbs of the app's store."""
    state = state_of(host)
    store = state.store
    state.__dict__["store"] = BrokenStore(store, **replaced)
    try:
        yield
    finally:
        state.__dict__["store"] = store


@contextlib.contextmanager
def patched(*replaced: tuple[Any, str, Any]) -> Iterator[None]:
    """Replace functions of modules, each given as the module, its name and what stands in for it."""
    with pytest.MonkeyPatch.context() as patch:
        for where, name, value in replaced:
            patch.setattr(where, name, value)
        yield


@contextlib.contextmanager
def settings(host: Host, **values: Any) -> Iterator[None]:
    """Set what the settings themselves would refuse."""
    host.app.test_client().get("/open")  # the settings are compared at the first request
    state = state_of(host)
    kept = state.settings
    changed = replace(kept)
    for name, value in values.items():
        object.__setattr__(changed, name, value)  # behind the back of its checks
    object.__setattr__(state, "settings", changed)
    try:
        yield
    finally:
        object.__setattr__(state, "settings", kept)
