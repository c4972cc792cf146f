"""The clock, compared with the database's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.consoles import make_console, one, severities
from tests.support.host import Clock

OFF = [(0, None), (12, None), (-12, None), (20, "weak"), (-20, "weak"), (40, "wrong"), (-40, "wrong")]


@pytest.mark.requirement("CLK-01")
@pytest.mark.parametrize("database_kind", ["postgresql", "mariadb"])
def test_a_clock_that_is_off_is_told_by_how_much(database_uri: str, tmp_path: Path) -> None:
    clock = Clock()
    app = make_console(tmp_path, clock, config={"TWOFACTOR_DATABASE_URI": database_uri})
    store = app.extensions["twofactor"].store
    for seconds, severity in OFF:
        clock.at = store.clock() + seconds
        assert severities(app) == ({"clock-off": severity} if severity else {})
    clock.at = store.clock() + 3600
    assert "ahead of the database's" in one(app, "clock-off").text
    clock.at -= 7200
    assert "behind the database's" in one(app, "clock-off").text


def test_a_file_has_no_clock_to_compare_with(tmp_path: Path) -> None:
    clock = Clock()
    app = make_console(tmp_path, clock)
    clock.move(-86400 * 365)
    assert severities(app) == {}
