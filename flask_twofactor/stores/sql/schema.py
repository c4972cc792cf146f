"""The tables, all of them ours, keyed by the host's account key; the host's tables are not touched.

Every index is a primary key or a unique constraint, so that ``CREATE TABLE IF NOT EXISTS`` is the whole of
making them, on every database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, UniqueConstraint
from sqlalchemy.ext.compiler import compiles

SCHEMA_VERSION = "5"
metadata = MetaData()

MYSQL = ("mysql", "mariadb")
"""What SQLAlchemy calls MySQL and MariaDB; under the first name it connects to both."""


class _Exact(String):
    """A text that compares byte for byte, on MySQL too, whose own default folds case."""


@compiles(_Exact, *MYSQL)
def _exact_on_mysql(kind: _Exact, compiler: Any, **_: Any) -> str:
    # MariaDB's utf8mb4_bin takes "alice " for "alice"; MySQL does not know the other one.
    collation = "utf8mb4_nopad_bin" if compiler.dialect.is_mariadb else "utf8mb4_bin"
    return f"VARCHAR({kind.length}) CHARACTER SET utf8mb4 COLLATE {collation}"


meta = Table(
    "twofactor_meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(512), nullable=False),
)

account = Table(
    "twofactor_account",
    metadata,
    Column("subject", _Exact(255), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    # The id of the `Factor` that stands: the one place that says whether it is on.
    Column("factor", String(32), nullable=True),
    # 1 where an operator made the factor mandatory; when the first log-in under the rule was, 0 for none yet.
    Column("required", Integer, nullable=False),
    Column("grace_from", BigInteger, nullable=False),
    # The account's `Budget`: times separated by commas, 50 and twice 100 at most.
    Column("unknown", String(1200), nullable=False),
    Column("known", String(2400), nullable=False),
    Column("recovery", String(2400), nullable=False),
    Column("in_a_row", Integer, nullable=False),
    Column("told_few", BigInteger, nullable=False),
    Column("told_many", BigInteger, nullable=False),
    # `Sheet.once` of recovery codes that nobody was shown yet, else "".
    Column("sheet", String(64), nullable=False),
    sqlite_with_rowid=False,
)

enrolment = Table(
    "twofactor_enrolment",
    metadata,
    Column("subject", _Exact(255), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("sealed", String(512), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger, nullable=True),
    Column("opened_by", String(64), nullable=True, unique=True),
    Column("last_step", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    # The steps of `Spent.earlier`, separated by commas, 16 at most.
    Column("earlier", String(256), nullable=False),
    Column("name", String(64), nullable=False),
    sqlite_with_rowid=False,
)

mark = Table(
    "twofactor_mark",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("subject", _Exact(255), nullable=False),
    Column("enrolment", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("password_at", BigInteger, nullable=False),
    Column("code_at", BigInteger, nullable=False),
    Column("rescued", Integer, nullable=False),
    Column("source", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    UniqueConstraint("subject", "digest", name="twofactor_mark_subject"),
    UniqueConstraint("seen_at", "digest", name="twofactor_mark_seen"),
    sqlite_with_rowid=False,
)

recovery = Table(
    "twofactor_recovery",
    metadata,
    Column("subject", _Exact(255), primary_key=True),
    Column("digest", String(64), primary_key=True),
    # The id of the factor that the code stands in for.
    Column("enrolment", String(32), nullable=False),
    # Of a rescue code, after which it is none any more; 0 of a recovery code, which does not expire.
    Column("expires_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

trusted = Table(
    "twofactor_trusted",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", _Exact(255), nullable=False),
    Column("factor", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("source", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    UniqueConstraint("subject", "id", name="twofactor_trusted_subject"),
    UniqueConstraint("created_at", "id", name="twofactor_trusted_created"),
    sqlite_with_rowid=False,
)

event = Table(
    "twofactor_event",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("subject", _Exact(255), nullable=False),
    Column("source", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    # A JSON object: reason, factor, offset, by, count.
    Column("details", Text, nullable=False),
    UniqueConstraint("subject", "id", name="twofactor_event_subject"),
    UniqueConstraint("at", "id", name="twofactor_event_at"),
)

counter = Table(
    "twofactor_counter",
    metadata,
    Column("name", _Exact(160), primary_key=True),
    Column("hits", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    UniqueConstraint("expires_at", "name", name="twofactor_counter_expiry"),
)
