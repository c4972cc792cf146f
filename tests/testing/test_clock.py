"""The frozen clock: it takes the place of an app's own, in all that the app has kept of it, and gives it back."""

from __future__ import annotations

import ast
import contextlib
import time
from pathlib import Path

import pytest
from flask import Flask

import flask_twofactor
from flask_twofactor import TwoFactor
from flask_twofactor.errors import Throttled, WiringError
from flask_twofactor.state import Clock as AppClock
from flask_twofactor.state import State
from flask_twofactor.testing import frozen_clock
from tests.support.host import START, Clock, Host
from tests.support.watching import state_of
from tests.test_extension import plain_app


def test_the_clock_of_an_app_that_has_the_time_of_day_stands_still(tmp_path: Path) -> None:
    app = plain_app(tmp_path)
    TwoFactor(app)
    state: State = app.extensions["twofactor"]
    with frozen_clock(app) as clock:
        before = state.now
        assert before == clock() == clock.at
        assert abs(before - time.time()) < 60
        clock.move(90)
        assert state.now == before + 90
    assert abs(state.now - time.time()) < 60


def test_the_clock_begins_with_the_present_time_step(host: Host) -> None:
    host.clock.move(29.5)
    with frozen_clock(host.app) as clock:
        assert clock.at == START


def test_the_app_has_its_own_clock_again_though_the_test_failed(host: Host) -> None:
    with pytest.raises(ZeroDivisionError), frozen_clock(host.app):
        assert 1 / 0
    host.clock.move(7)
    assert state_of(host).now == START + 7


def test_counters_that_were_opened_before_follow_the_frozen_clock(host: Host) -> None:
    throttle = state_of(host).throttle
    with frozen_clock(host.app) as clock:
        with contextlib.suppress(Throttled):
            for _ in range(1000):
                throttle.look_up("somebody")
        with pytest.raises(Throttled) as full:
            throttle.look_up("somebody")
        clock.move(full.value.retry_after)
        throttle.look_up("somebody")


def test_the_clock_of_another_app_of_the_same_two_factor_goes_on(tmp_path: Path, clock: Clock) -> None:
    apps = [plain_app(tmp_path / "one"), plain_app(tmp_path / "two")]
    two_factor = TwoFactor(clock=clock)
    for app in apps:
        two_factor.init_app(app)
    with frozen_clock(apps[0]):
        clock.move(300)
        assert [app.extensions["twofactor"].now for app in apps] == [START, START + 300]


def test_an_app_without_two_factor_is_named_as_the_reason() -> None:
    with pytest.raises(WiringError, match=r"TwoFactor\(app\)"), frozen_clock(Flask("bare")):
        pass


@pytest.mark.requirement("FLG-11", "VER-11")
def test_nothing_that_a_console_runs_gives_its_clock_another_source() -> None:
    package = Path(flask_twofactor.__file__).parent
    writes = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "source" and isinstance(node.ctx, ast.Store):
                writes.append((path.relative_to(package).as_posix(), ast.unparse(node)))
    assert ("testing/clock.py", "state.clock.source") in writes
    assert [write for write in writes if not write[0].startswith("testing/")] == [("state.py", "self.source")]
    assert AppClock.__slots__ == ("source",)
