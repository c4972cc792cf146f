"""The tables, all of them ours, keyed by the host's account key; the host's tables are not touched.

Every index is a primary key or a unique constraint, so that ``CREATE TABLE IF NOT EXISTS`` is the whole of
making them, on every database.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION = "1"
metadata = MetaData()


def _exact(length: int) -> TypeEngine[str]:
    """Give a text type that compares byte for byte, on MySQL too, whose own default folds case."""
    exact = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(exact, "mysql").with_variant(exact, "mariadb")


meta = Table(
    "twofactor_meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(512), nullable=False),
)

account = Table(
    "twofactor_account",
    metadata,
    Column("subject", _exact(255), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("attempts", String(1024), nullable=False),
    sqlite_with_rowid=False,
)

enrolment = Table(
    "twofactor_enrolment",
    metadata,
    Column("subject", _exact(255), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("sealed", String(512), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger, nullable=True),
    Column("opened_by", String(64), nullable=True, unique=True),
    Column("last_step", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    sqlite_with_rowid=False,
)

mark = Table(
    "twofactor_mark",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("subject", _exact(255), nullable=False),
    Column("enrolment", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("password_at", BigInteger, nullable=False),
    Column("code_at", BigInteger, nullable=False),
    UniqueConstraint("subject", "digest", name="twofactor_mark_subject"),
    sqlite_with_rowid=False,
)

counter = Table(
    "twofactor_counter",
    metadata,
    Column("name", _exact(160), primary_key=True),
    Column("hits", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    UniqueConstraint("expires_at", "name", name="twofactor_counter_expiry"),
)
