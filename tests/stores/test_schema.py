"""What the tables have room for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from flask_twofactor.core.records import Enrolment, new_id
from flask_twofactor.errors import SchemaMismatch
from flask_twofactor.stores.sql import Database, SqlStore
from flask_twofactor.stores.sql.schema import SCHEMA_VERSION


@pytest.mark.requirement("ENR-16")
def test_an_account_may_hold_several_enrolments(tmp_path: Path) -> None:
    """The verbs of today keep one; the rows, and a mark's bond to one of them, have room for a phone and a spare."""
    database = Database.connect(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store = SqlStore(database)
    store.init()
    phone, spare = (Enrolment(new_id(), "alice", "sealed", 1, confirmed_at=1) for _ in range(2))
    with database.transaction() as run:
        run.write("add_enrolment", **{**asdict(phone), "earlier": ""})
        run.write("add_enrolment", **{**asdict(spare), "earlier": ""})
    assert {row.id for row in store.enrolments()} == {phone.id, spare.id}
    database.close()


def test_tables_of_another_release_are_refused_with_both_versions(tmp_path: Path) -> None:
    database = Database.connect(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store = SqlStore(database)
    store.init()
    assert store.replace_meta("schema", SCHEMA_VERSION, "1")
    with pytest.raises(SchemaMismatch, match=f"version 1, this release needs version {SCHEMA_VERSION}"):
        store.init()
    database.close()
