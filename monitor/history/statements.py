"""The few statements that SQLite and PostgreSQL spell differently.

Each is made once: building a statement takes longer than SQLite needs to run it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    String,
    Table,
    and_,
    bindparam,
    cast,
    func,
    select,
)

from monitor.model import RunId


def upsert(
    conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, add: Collection[str] = ()
) -> None:
    """Insert rows, or overwrite those with the same primary key; columns of `add` are summed up instead."""
    if rows:
        conn.execute(_upsert(conn.dialect.name, table, tuple(rows[0]), frozenset(add)), rows)


def upsert_encoded(
    conn: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """As `upsert`, of values in the order of `names` and as the driver takes them."""
    if not rows:
        return
    text, order = _for_driver(conn.dialect, table, names)
    if order is None:
        conn.exec_driver_sql(text, [dict(zip(names, row, strict=True)) for row in rows])
    elif order == names:
        conn.exec_driver_sql(text, list(rows))
    else:
        in_order = itemgetter(*map(names.index, order))
        conn.exec_driver_sql(text, [in_order(row) for row in rows])


def insert_missing(conn: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row unless there is one with its primary key."""
    conn.execute(_insert_missing(conn.dialect.name, table), row)


def by_run(table: Table, columns: Iterable[ColumnElement[Any]]) -> Mapping[str, Select[Any]]:
    """By dialect: the rows of some runs in a table of executions.

    Parameters: `instance`, and `runs` as `run_list` makes it. One JSON parameter keeps the statement's text
    the same for any number of runs. SQLite uses no index for a list of pairs, and would rather scan the
    table first: an outer join lets it no choice, as long as no condition tells it that it is none.
    """
    return {dialect: _by_run(dialect, table, columns) for dialect in _DIALECTS}


def run_list(runs: Iterable[RunId]) -> str:
    return json.dumps([list(run) for run in runs])


def _by_run(dialect: str, table: Table, columns: Iterable[ColumnElement[Any]]) -> Select[Any]:
    parts: list[ColumnElement[Any]]
    if dialect == "sqlite":
        source = func.json_each(bindparam("runs", type_=String)).table_valued("value", name="named")
        parts = [func.json_extract(source.c.value, path) for path in ("$[0]", "$[1]")]
    else:
        source = func.json_array_elements(cast(bindparam("runs", type_=String), JSON)).table_valued(
            "value", name="named"
        )
        parts = [source.c.value.op("->>")(index) for index in (0, 1)]
    is_same = and_(
        table.c.instance == bindparam("instance"), table.c.job_id == parts[0], table.c.id == parts[1]
    )
    is_there = func.coalesce(table.c.id, "") != ""
    return select(*columns).select_from(source.outerjoin(table, is_same)).where(is_there)


_DIALECTS = ("sqlite", "postgresql")


def _insert(dialect: str, table: Table) -> Any:
    # Only the one in use is loaded: the other takes 3 MB.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


@lru_cache(maxsize=64)
def _upsert(dialect: str, table: Table, names: tuple[str, ...], add: frozenset[str]) -> Any:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    changes = {
        name: table.c[name] + statement.excluded[name] if name in add else statement.excluded[name]
        for name in names
        if name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


@lru_cache(maxsize=8)
def _insert_missing(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@lru_cache(maxsize=8)
def _for_driver(dialect: Dialect, table: Table, names: tuple[str, ...]) -> tuple[str, tuple[str, ...] | None]:
    """The text, and the order in which it takes its parameters; None where it takes them by name."""
    compiled = _upsert(dialect.name, table, names, frozenset()).compile(dialect=dialect, column_keys=names)
    return compiled.string, tuple(compiled.positiontup) if compiled.positiontup is not None else None
