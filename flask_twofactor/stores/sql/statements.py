"""Every statement that the store runs, built once: an index finds the place, and each write names its condition."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from sqlalchemy import and_, bindparam, delete, extract, func, insert, null, or_, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import BindParameter

from ...core.budget import Budget
from .schema import account, enrolment, event, mark, meta, recovery

_S: BindParameter[str] = bindparam("s")
_ID: BindParameter[str] = bindparam("i")


@functools.cache
def statements(dialect: str) -> Mapping[str, ClauseElement]:
    """Give the store's statements by name, for a database of this dialect."""
    writes = {**_account_writes(dialect), **_enrolment_writes(dialect), **_recovery_writes()}
    return MappingProxyType({**_reads(), **writes, **_events(), **_clock(dialect)})


def insert_or_ignore(table: Any, dialect: str) -> ClauseElement:
    """Build an INSERT that does nothing where the key stands."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    # Not INSERT IGNORE: it locks the row that stands shared, and of three at once two would wait for each other.
    first = next(iter(table.primary_key))
    return mysql.insert(table).on_duplicate_key_update({first.name: first})


def _reads() -> dict[str, ClauseElement]:
    confirmed = enrolment.c.confirmed_at.is_not(None)
    # Joined, not asked in subqueries: at every request, and one enrolment at most stands for an account.
    all_of_it = account.outerjoin(
        mark, and_(mark.c.digest == bindparam("d"), mark.c.subject == account.c.subject)
    ).outerjoin(enrolment, and_(enrolment.c.subject == account.c.subject, confirmed))
    columns = (account.c.epoch, enrolment.c.id, *mark.c)
    # So that every database finds the place in its index: neither a row comparison nor an OR of two ranges does.
    after = and_(enrolment.c.subject >= _S, or_(enrolment.c.subject > bindparam("s2"), enrolment.c.id > bindparam("i")))
    return {
        "meta": select(meta.c.value).where(meta.c.name == bindparam("n")),
        "standing": select(*columns).select_from(all_of_it).where(account.c.subject == _S),
        "lock_account": select(*_budget()).where(account.c.subject == _S).with_for_update(),
        "owner": select(mark.c.subject).where(mark.c.digest == bindparam("d")),
        "enrolment": select(*enrolment.c).where(enrolment.c.subject == _S, confirmed),
        "spent": select(enrolment.c.last_step, enrolment.c.earlier).where(
            enrolment.c.subject == _S, enrolment.c.id == _ID, confirmed
        ),
        "recovery_left": select(func.count()).select_from(recovery).where(recovery.c.subject == _S),
        "pending": select(*enrolment.c).where(enrolment.c.subject == _S, enrolment.c.opened_by == bindparam("o")),
        "next_enrolment": select(*enrolment.c).where(after).order_by(enrolment.c.subject, enrolment.c.id).limit(1),
    }


def _account_writes(dialect: str) -> dict[str, ClauseElement]:
    return {
        "add_meta": insert_or_ignore(meta, dialect),
        "swap_meta": update(meta)
        .where(meta.c.name == bindparam("n"), meta.c.value == bindparam("old"))
        .values(value=bindparam("new")),
        "add_account": insert_or_ignore(account, dialect),
        "set_budget": update(account)
        .where(account.c.subject == _S)
        .values({column: bindparam(f"b_{column.name}") for column in _budget()}),
        "set_epoch": update(account).where(account.c.subject == _S).values(epoch=bindparam("e")),
        "add_mark": insert(mark),
        "touch_mark": update(mark).where(mark.c.digest == bindparam("d")).values(seen_at=bindparam("t")),
        "drop_mark": delete(mark).where(mark.c.digest == bindparam("d")),
        "drop_marks": delete(mark).where(mark.c.subject == _S),
        "drop_old_marks": delete(mark).where(mark.c.subject == _S, mark.c.seen_at < bindparam("t")),
    }


def _enrolment_writes(dialect: str) -> dict[str, ClauseElement]:
    this = and_(enrolment.c.subject == _S, enrolment.c.id == _ID)
    pending = enrolment.c.confirmed_at.is_(None)
    return {
        "add_enrolment": insert(enrolment),
        "add_pending": insert_or_ignore(enrolment, dialect),
        "spend_step": update(enrolment)
        .where(this, enrolment.c.confirmed_at.is_not(None), enrolment.c.last_step == bindparam("old"))
        .values(last_step=bindparam("k"), earlier=bindparam("e")),
        "confirm": update(enrolment)
        .where(this, pending)
        .values(confirmed_at=bindparam("t"), last_step=bindparam("k"), opened_by=null()),
        "count_try": update(enrolment)
        .where(this, pending, enrolment.c.tries < bindparam("m"))
        .values(tries=enrolment.c.tries + 1),
        "reseal": update(enrolment).where(this, enrolment.c.sealed == bindparam("old")).values(sealed=bindparam("new")),
        "drop_enrolment": delete(enrolment).where(this),
        "drop_enrolments": delete(enrolment).where(enrolment.c.subject == _S),
        "drop_pendings": delete(enrolment).where(enrolment.c.subject == _S, pending),
        "drop_stale_pendings": delete(enrolment).where(
            enrolment.c.subject == _S,
            pending,
            or_(enrolment.c.created_at < bindparam("t"), enrolment.c.tries >= bindparam("m")),
        ),
    }


def _recovery_writes() -> dict[str, ClauseElement]:
    this = and_(recovery.c.subject == _S, recovery.c.digest == bindparam("d"), recovery.c.enrolment == _ID)
    return {
        "add_recovery": insert(recovery),
        "spend_recovery": delete(recovery).where(this),
        "drop_recovery": delete(recovery).where(recovery.c.subject == _S),
        "set_sheet": update(account).where(account.c.subject == _S).values(sheet=bindparam("o")),
        "take_sheet": update(account)
        .where(account.c.subject == _S, account.c.sheet == bindparam("o"))
        .values(sheet=""),
    }


def _events() -> dict[str, ClauseElement]:
    columns = [column for column in event.c if column.name != "id"]
    newest = select(*columns).order_by(event.c.id.desc()).limit(bindparam("m"))
    return {
        "add_event": insert(event).values({column: bindparam(column.name) for column in columns}).inline(),
        "drop_old_events": delete(event).where(event.c.at < bindparam("t")),
        "drop_events": delete(event).where(event.c.subject == _S),
        "events": newest,
        "events_of": newest.where(event.c.subject == _S),
    }


def _clock(dialect: str) -> dict[str, ClauseElement]:
    """Build what asks for the Unix seconds of a server's clock; SQLite has no server."""
    if dialect == "sqlite":
        return {}
    if dialect == "postgresql":
        return {"clock": select(func.floor(extract("epoch", func.clock_timestamp())))}
    return {"clock": select(func.unix_timestamp())}


def _budget() -> list[Any]:
    return [account.c[one.name] for one in fields(Budget)]
