"""The tables of a version never change: a store made by one release of it serves every other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects import mysql, postgresql, sqlite

from flask_twofactor.stores.sql.schema import MYSQL, SCHEMA_VERSION, metadata

TABLES = Path(__file__).parent / "tables.txt"
DATABASES: list[Any] = [sqlite, postgresql, mysql]


def described() -> Iterator[str]:
    """Give what the tables are, a line for each column and constraint."""
    yield f"version {SCHEMA_VERSION}"
    for table in metadata.sorted_tables:
        rows = table.dialect_options["sqlite"]["with_rowid"]
        yield f"{table.name}: {'rows with an id on SQLite' if rows else 'kept by its key on SQLite'}"
        for column in table.columns:
            kinds = list(dict.fromkeys(str(column.type.compile(dialect=one.dialect())) for one in DATABASES))
            words = [" / ".join(kinds), "null" if column.nullable else "not null"]
            words += ["primary key"] * column.primary_key + ["unique"] * bool(column.unique)
            words += ["counts up"] * (column.autoincrement is True)
            yield f"  {column.name}: {', '.join(words)}"
        for one in sorted((one for one in table.constraints if isinstance(one, UniqueConstraint)), key=str):
            if one.name:
                yield f"  {one.name}: unique ({', '.join(column.name for column in one.columns)})"


def test_the_tables_of_a_version_never_change() -> None:
    """Who changes a table gives `SCHEMA_VERSION` another value, and writes tables.txt anew by running this module."""
    assert [*described()] == TABLES.read_text(encoding="utf-8").splitlines()


def test_the_text_of_account_keys_is_compared_exactly_by_mysql_and_by_mariadb() -> None:
    assert MYSQL == ("mysql", "mariadb")
    kinds = {
        name: str(metadata.tables["twofactor_mark"].c.subject.type.compile(dialect=_mysql(name))) for name in MYSQL
    }
    assert kinds == {
        "mysql": "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "mariadb": "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    }


def _mysql(name: str) -> Any:
    dialect: Any = mysql.dialect()
    dialect.name = name
    dialect.is_mariadb = name == "mariadb"
    return dialect


if __name__ == "__main__":
    TABLES.write_text("".join(f"{line}\n" for line in described()), encoding="utf-8")
