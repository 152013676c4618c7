"""Who may write for an instance, and who tells: SQL of the leases, by the database's clock.

A lease is a row with a holder, an epoch and an end. Taking it raises the epoch; a transaction that begins
with `hold` is committed only if nobody has taken the lease meanwhile: the row stays locked until then. The
clocks of the agents play no part, so two of them whose clocks differ never both believe that they hold it.
Knows nothing of what is done under a lease.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, bindparam, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from monitor.history.schema import leases
from monitor.history.statements import insert_missing

LENGTH_MS = 20_000
"""Milliseconds without a sign of life after which another agent takes over."""


@dataclass(frozen=True, slots=True)
class Lease:
    """epoch: how many times the lease was taken, this time included."""

    name: str
    holder: str
    epoch: int


class _DatabaseNow(ColumnElement[int]):
    """Milliseconds since 1970 by the clock of the database, at the moment it is asked for."""

    inherit_cache = True
    type = BigInteger()


@compiles(_DatabaseNow, "sqlite")
def _on_sqlite(_element: _DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(_DatabaseNow, "postgresql")
def _on_postgresql(_element: _DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


_NOW = _DatabaseNow()
_IS_LIVE = and_(
    leases.c.holder.is_not(None), leases.c.expires_at > _NOW, leases.c.expires_at <= _NOW + LENGTH_MS
)
"""A lease that ends further ahead than leases last is one from before the clock was set back."""


def take(
    conn: Connection, names: Iterable[str], holder: str, is_gone: Callable[[str], bool]
) -> dict[str, Lease]:
    """Takes what is free, what has run out, and what is held by somebody who is gone for certain."""
    taken = {}
    for name in sorted(set(names)):  # in one order, or two agents could wait for each other
        insert_missing(conn, leases, {"name": name, "epoch": 0, "expires_at": 0})
        wanted = select(leases.c.holder, leases.c.epoch, _IS_LIVE.label("is_live")).where(
            leases.c.name == name
        )
        row = conn.execute(wanted.with_for_update(skip_locked=True)).first()
        if row is None or (row.is_live and row.holder != holder and not is_gone(row.holder)):
            continue  # without a row: locked, so it is in use
        taken[name] = Lease(name, holder, row.epoch + 1)
        mine = {"holder": holder, "epoch": row.epoch + 1, "expires_at": _NOW + LENGTH_MS}
        conn.execute(update(leases).where(leases.c.name == name).values(mine))
    return taken


def hold(conn: Connection, lease: Lease) -> bool:
    """Whether the lease is still ours, and will be until this transaction ends."""
    return conn.execute(_HOLD, _place(lease)).first() is not None


def extend(conn: Connection, lease: Lease) -> bool:
    """As `hold`, and for its full length from now on; one that ran out and that nobody took goes on."""
    return bool(conn.execute(_EXTEND, _place(lease)).rowcount)


_IS_OURS = and_(
    leases.c.name == bindparam("of"),
    leases.c.holder == bindparam("held_by"),
    leases.c.epoch == bindparam("since"),
)
_HOLD = select(leases.c.epoch).where(_IS_OURS).with_for_update(read=True)
_EXTEND = update(leases).where(_IS_OURS).values(expires_at=_NOW + LENGTH_MS)


def renew(conn: Connection, holder: str, names: Collection[str]) -> set[str]:
    """Extends all that are held by it; returns those of the names that are not any more.

    A row that is locked is in use, and cannot be taken meanwhile: the others must not wait for it.
    """
    mine = leases.c.holder == holder
    free = select(leases.c.name).where(mine).order_by(leases.c.name).with_for_update(skip_locked=True)
    idle = and_(mine, leases.c.name.in_(conn.scalars(free).all()))
    conn.execute(update(leases).where(idle).values(expires_at=_NOW + LENGTH_MS))
    return set(names) - set(conn.scalars(select(leases.c.name).where(mine)))


def release(conn: Connection, holder: str) -> None:
    conn.execute(update(leases).where(leases.c.holder == holder).values(holder=None, expires_at=0))


def holders(conn: Connection) -> dict[str, str]:
    """Who holds what, by name; without what has run out."""
    rows = conn.execute(select(leases.c.name, leases.c.holder).where(_IS_LIVE))
    return {row.name: row.holder for row in rows}


def _place(lease: Lease) -> dict[str, str | int]:
    return {"of": lease.name, "held_by": lease.holder, "since": lease.epoch}
