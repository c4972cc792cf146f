"""What the tables have room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_twofactor.errors import SchemaMismatch
from flask_twofactor.stores.sql import Database, SqlStore
from flask_twofactor.stores.sql.schema import SCHEMA_VERSION
from tests.stores.records import STEP, make_confirmed, make_pending
from tests.support.host import START


@pytest.mark.requirement("ENR-16")
def test_an_account_may_hold_a_phone_and_a_spare(tmp_path: Path) -> None:
    database = Database.connect(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store = SqlStore(database)
    store.init()
    phone, spare = make_confirmed(), make_pending()
    assert store.put_enrolment(phone)
    assert store.open_enrolment(spare, 0, 10) == spare
    assert store.add_authenticator("alice", spare.id, phone.id, STEP, START) is True
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
