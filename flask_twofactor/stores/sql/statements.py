"""Every statement that the store runs, built once: an index finds the place, and each write names its condition."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from sqlalchemy import String, and_, bindparam, case, delete, extract, func, insert, null, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.expression import Insert

from ...core.budget import Budget
from .schema import MYSQL, account, enrolment, event, mark, meta, recovery, trusted

_S: BindParameter[str] = bindparam("s")
_ID: BindParameter[str] = bindparam("i")
_PAGE = 500
"""Rows that a list reads at once: it is walked in bounded memory."""


@functools.cache
def statements(dialect: str) -> Mapping[str, ClauseElement]:
    """Give the store's statements by name, for a database of this dialect."""
    return MappingProxyType(
        {
            **_meta(),
            **_account(),
            **_marks(),
            **_enrolments(),
            **_recovery(),
            **_trusted(),
            **_events(),
            **_lists(),
            **_clock(dialect),
        }
    )


class InsertOrIgnore(Insert):
    """An INSERT that does nothing where the key stands.

    Not by the dialects' own constructs: to import three of them, of which one is used, takes as long as all of ours.
    """

    inherit_cache = True


@compiles(InsertOrIgnore, "sqlite", "postgresql")
def _ignore(clause: Any, compiler: Any, **options: Any) -> str:
    return f"{compiler.visit_insert(clause, **options)} ON CONFLICT DO NOTHING"


@compiles(InsertOrIgnore, *MYSQL)
def _ignore_on_mysql(clause: Any, compiler: Any, **options: Any) -> str:
    # Not INSERT IGNORE: it locks the row that stands shared, and of three at once two would wait for each other.
    key, names = next(iter(clause.table.primary_key)), compiler.preparer
    same = f"{names.format_column(key)} = {names.format_column(key, use_table=True)}"
    return f"{compiler.visit_insert(clause, **options)} ON DUPLICATE KEY UPDATE {same}"


def _meta() -> dict[str, ClauseElement]:
    named = meta.c.name == bindparam("n")
    return {
        "meta": select(meta.c.value).where(named),
        "add_meta": InsertOrIgnore(meta),
        "swap_meta": update(meta).where(named, meta.c.value == bindparam("old")).values(value=bindparam("new")),
    }


def _account() -> dict[str, ClauseElement]:
    mine = account.c.subject == _S
    # Joined, not asked in subqueries: at every request.
    with_mark = account.outerjoin(mark, and_(mark.c.digest == bindparam("d"), mark.c.subject == account.c.subject))
    own = (account.c.epoch, account.c.factor, account.c.required, account.c.grace_from)
    marked = [column for column in mark.c if column.name not in ("source", "agent")]
    return {
        "standing": select(*own, *marked).select_from(with_mark).where(mine),
        "lock_account": select(*_budget(), account.c.factor, account.c.grace_from).where(mine).with_for_update(),
        "add_account": InsertOrIgnore(account),
        "set_budget": update(account)
        .where(mine)
        .values({column: bindparam(f"b_{column.name}") for column in _budget()}),
        "set_epoch": update(account).where(mine).values(epoch=bindparam("e")),
        "set_factor": update(account).where(mine).values(factor=bindparam("f")),
        "set_required": update(account)
        .where(mine, account.c.required != bindparam("r"))
        .values(required=bindparam("r2")),
        "set_grace": update(account).where(mine).values(grace_from=bindparam("t")),
    }


def _marks() -> dict[str, ClauseElement]:
    this = mark.c.digest == bindparam("d")
    return {
        "owner": select(mark.c.subject).where(this),
        "marks": select(*mark.c).where(mark.c.subject == _S).order_by(mark.c.seen_at.desc(), mark.c.digest),
        "add_mark": insert(mark),
        "touch_mark": update(mark).where(this).values(seen_at=bindparam("t")),
        "drop_mark": delete(mark).where(this),
        "drop_marks": delete(mark).where(mark.c.subject == _S),
    }


def _enrolments() -> dict[str, ClauseElement]:
    mine = enrolment.c.subject == _S
    this = and_(mine, enrolment.c.id == _ID)
    pending, confirmed = enrolment.c.confirmed_at.is_(None), enrolment.c.confirmed_at.is_not(None)
    # Outer: a factor without an authenticator that can be read is a factor still (STO-06).
    of_factor = account.outerjoin(enrolment, and_(enrolment.c.subject == account.c.subject, confirmed))
    return {
        "factor": select(account.c.factor, *enrolment.c)
        .select_from(of_factor)
        .where(account.c.subject == _S, account.c.factor.is_not(None))
        .order_by(enrolment.c.confirmed_at, enrolment.c.id),
        "confirmed": select(func.count()).select_from(enrolment).where(mine, confirmed),
        "spent": select(enrolment.c.last_step, enrolment.c.earlier).where(this, confirmed),
        "pending": select(*enrolment.c).where(mine, enrolment.c.opened_by == bindparam("o")),
        "add_enrolment": insert(enrolment),
        "add_pending": InsertOrIgnore(enrolment),
        "spend_step": update(enrolment)
        .where(this, confirmed, enrolment.c.last_step == bindparam("old"))
        .values(last_step=bindparam("k"), earlier=bindparam("e")),
        "confirm": update(enrolment)
        .where(this, pending)
        .values(confirmed_at=bindparam("t"), last_step=bindparam("k"), opened_by=null()),
        "count_try": update(enrolment)
        .where(this, pending, enrolment.c.tries < bindparam("m"))
        .values(tries=enrolment.c.tries + 1),
        "reseal": update(enrolment).where(this, enrolment.c.sealed == bindparam("old")).values(sealed=bindparam("new")),
        "drop_enrolment": delete(enrolment).where(this, confirmed),
        "drop_enrolments": delete(enrolment).where(mine),
        "drop_others": delete(enrolment).where(mine, confirmed, enrolment.c.id != _ID),
        "drop_pendings": delete(enrolment).where(mine, pending),
        "drop_stale_pendings": delete(enrolment).where(
            mine, pending, or_(enrolment.c.created_at < bindparam("t"), enrolment.c.tries >= bindparam("m"))
        ),
    }


def _recovery() -> dict[str, ClauseElement]:
    mine = recovery.c.subject == _S
    this = and_(mine, recovery.c.digest == bindparam("d"), recovery.c.enrolment == _ID)
    presented = func.max(case((recovery.c.digest == bindparam("d"), recovery.c.expires_at), else_=0))
    return {
        "recovery": select(func.sum(case((recovery.c.expires_at == 0, 1), else_=0)), presented).where(mine),
        "add_recovery": insert(recovery),
        "spend_recovery": delete(recovery).where(this),
        "drop_recovery": delete(recovery).where(mine),
        "drop_rescue": delete(recovery).where(mine, recovery.c.expires_at > 0),
        "set_sheet": update(account).where(account.c.subject == _S).values(sheet=bindparam("o")),
        "take_sheet": update(account)
        .where(account.c.subject == _S, account.c.sheet == bindparam("o"))
        .values(sheet=""),
    }


def _trusted() -> dict[str, ClauseElement]:
    mine, this = trusted.c.subject == _S, trusted.c.id == _ID
    return {
        "trusted": select(*trusted.c).where(mine).order_by(trusted.c.used_at.desc(), trusted.c.id),
        "trusted_browser": select(*trusted.c).where(this),
        "add_trusted": insert(trusted),
        "renew_trusted": update(trusted)
        .where(this, mine, trusted.c.digest == bindparam("d"))
        .values(digest=bindparam("new"), used_at=bindparam("t")),
        "drop_trusted_browser": delete(trusted).where(this, mine),
        "drop_trusted": delete(trusted).where(mine),
    }


def _events() -> dict[str, ClauseElement]:
    columns = [column for column in event.c if column.name != "id"]
    newest = select(*columns).order_by(event.c.id.desc()).limit(bindparam("m"))
    of_kind = or_(bindparam("k", type_=String) == "", event.c.kind == bindparam("k2"))
    like = newest.where(event.c.at >= bindparam("t"), of_kind)
    return {
        "add_event": insert(event).values({column: bindparam(column.name) for column in columns}).inline(),
        "drop_old_events": delete(event).where(event.c.at < bindparam("t")),
        "drop_events": delete(event).where(event.c.subject == _S),
        "events": newest,
        "events_of": newest.where(event.c.subject == _S),
        "events_like": like,
        "events_of_like": like.where(event.c.subject == _S),
    }


def _lists() -> dict[str, ClauseElement]:
    # So that every database finds the place in its index: neither a row comparison nor an OR of two ranges does.
    after = and_(enrolment.c.subject >= _S, or_(enrolment.c.subject > bindparam("s2"), enrolment.c.id > _ID))
    since = select(func.min(enrolment.c.confirmed_at)).where(enrolment.c.subject == account.c.subject).scalar_subquery()
    listed = (account.c.subject, account.c.factor, since, account.c.required, account.c.grace_from, *_budget())
    return {
        "enrolments": select(*enrolment.c).where(after).order_by(enrolment.c.subject, enrolment.c.id).limit(_PAGE),
        "count_enrolments": select(func.count()).select_from(enrolment),
        "accounts": select(*listed).where(account.c.subject > _S).order_by(account.c.subject).limit(_PAGE),
        "account": select(*listed).where(account.c.subject == _S),
        "old_events": select(event.c.id).where(event.c.at < bindparam("t")).limit(_PAGE),
        "drop_event": delete(event).where(event.c.id == _ID),
        **_old("marks", mark, mark.c.seen_at < bindparam("t")),
        **_old("trusted", trusted, trusted.c.created_at < bindparam("t")),
        **_old(
            "pendings", enrolment, and_(enrolment.c.confirmed_at.is_(None), enrolment.c.created_at < bindparam("t"))
        ),
        **_old("rescues", recovery, and_(recovery.c.expires_at > 0, recovery.c.expires_at < bindparam("t"))),
    }


def _old(what: str, table: Any, is_old: Any) -> dict[str, ClauseElement]:
    """Build what gives the accounts of rows whose time is over, and what deletes those of one account."""
    return {
        f"with_old_{what}": select(table.c.subject).where(is_old).limit(_PAGE),
        f"drop_old_{what}": delete(table).where(table.c.subject == _S, is_old),
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
