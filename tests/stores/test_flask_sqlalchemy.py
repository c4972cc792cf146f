"""``TWOFACTOR_DATABASE_URI = "flask-sqlalchemy"``: the tables live in the host's own database, on its engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect
from sqlalchemy.pool import QueuePool

from flask_twofactor.errors import WiringError
from tests.support.host import Host


@contextmanager
def sharing(make_app: Callable[..., Host], uri: str, **config: Any) -> Iterator[Host]:
    """A console with Flask-SQLAlchemy, set up after the extension."""
    host = make_app(TWOFACTOR_DATABASE_URI="flask-sqlalchemy", SQLALCHEMY_DATABASE_URI=uri, **config)
    SQLAlchemy().init_app(host.app)
    yield host
    with host.app.app_context():
        host.app.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture(params=["sqlite:///console.sqlite", "sqlite://"], ids=["file", "memory"])
def shared(request: pytest.FixtureRequest, make_app: Callable[..., Host]) -> Iterator[Host]:
    """That console, its database in a file and in memory."""
    with sharing(make_app, request.param) as host:
        yield host


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
    pool = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": 1}
    with sharing(make_app, "sqlite:///console.sqlite", SQLALCHEMY_ENGINE_OPTIONS=pool) as host:
        person = host.person()
        person.log_in("bob")
        assert person.me == "bob"
        with host.app.app_context():
            assert host.app.extensions["sqlalchemy"].engine.pool.checkedout() == 0


def test_a_host_without_that_extension_is_told_the_line_that_is_missing(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_DATABASE_URI="flask-sqlalchemy")
    with pytest.raises(WiringError, match=r"db\.init_app\(app\)"):
        host.person().get("/me")
