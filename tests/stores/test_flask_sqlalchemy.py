"""``TWOFACTOR_DATABASE_URI = "flask-sqlalchemy"``: the tables live in the host's own database, on its engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect
from sqlalchemy.pool import QueuePool

from flask_twofactor.errors import WiringError
from tests.support.host import Host


@pytest.fixture(params=["sqlite:///console.sqlite", "sqlite://"], ids=["file", "memory"])
def shared(request: pytest.FixtureRequest, make_app: Callable[..., Host]) -> Host:
    """A console with Flask-SQLAlchemy, set up after the extension."""
    host = make_app(TWOFACTOR_DATABASE_URI="flask-sqlalchemy", SQLALCHEMY_DATABASE_URI=request.param)
    SQLAlchemy().init_app(host.app)
    return host


def test_the_whole_journey_runs_on_the_host_s_engine(shared: Host) -> None:
    person = shared.person()
    person.log_in("bob")
    assert person.set_up("bob").status_code == 302
    shared.clock.move(30)
    other = shared.person()
    other.log_in("bob")
    assert (person.me, other.me) == ("bob", "bob")
    shared.clock.move(30)
    assert "MFA DISABLED" in person.get(str(person.disable("bob").location)).text
    assert other.me is None


def test_the_tables_are_in_the_host_s_database_and_nowhere_else(shared: Host, tmp_path: Path) -> None:
    shared.enroll("alice")
    with shared.app.app_context():
        engine = shared.app.extensions["sqlalchemy"].engine
        assert "twofactor_enrolment" in inspect(engine).get_table_names()
    assert not (tmp_path / "twofactor.sqlite").exists()


def test_no_connection_of_the_host_s_pool_is_kept(make_app: Callable[..., Host]) -> None:
    host = make_app(
        TWOFACTOR_DATABASE_URI="flask-sqlalchemy",
        SQLALCHEMY_DATABASE_URI="sqlite:///console.sqlite",
        SQLALCHEMY_ENGINE_OPTIONS={"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": 1},
    )
    SQLAlchemy().init_app(host.app)
    person = host.person()
    person.log_in("bob")
    assert person.me == "bob"
    with host.app.app_context():
        assert host.app.extensions["sqlalchemy"].engine.pool.checkedout() == 0


def test_a_host_without_that_extension_is_told_the_line_that_is_missing(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI="flask-sqlalchemy")
    with pytest.raises(WiringError, match=r"db\.init_app\(app\)"):
        host.person().get("/me")
