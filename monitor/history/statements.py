"""The few statements that SQLite and PostgreSQL spell differently."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from monitor.model import RunId


def upsert(
    conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, add: Collection[str] = ()
) -> None:
    """Insert rows, or overwrite those with the same primary key; columns of `add` are summed up instead."""
    if not rows:
        return
    statement = _INSERT[conn.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    changes = {
        name: table.c[name] + statement.excluded[name] if name in add else statement.excluded[name]
        for name in rows[0]
        if name not in keys
    }
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)


def insert_missing(conn: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row unless there is one with its primary key."""
    conn.execute(_INSERT[conn.dialect.name](table).on_conflict_do_nothing(), [row])


def by_run(conn: Connection, table: Table, instance: str, runs: Iterable[RunId]) -> Select[Any]:
    """The rows of these runs in a table of executions, and a row of nulls for each that is not there.

    One JSON parameter keeps the statement's text the same for any number of runs. SQLite uses no index
    for a list of pairs, and would rather scan the table first: an outer join lets it no choice.
    """
    pairs: BindParameter[str] = bindparam("runs", json.dumps([list(run) for run in runs]))
    parts: list[ColumnElement[Any]]
    if conn.dialect.name == "sqlite":
        source = func.json_each(pairs).table_valued("value", name="named")
        parts = [func.json_extract(source.c.value, path) for path in ("$[0]", "$[1]")]
    else:
        source = func.json_array_elements(cast(pairs, JSON)).table_valued("value", name="named")
        parts = [source.c.value.op("->>")(index) for index in (0, 1)]
    is_same = and_(table.c.instance == instance, table.c.job_id == parts[0], table.c.id == parts[1])
    return select(table).select_from(source.outerjoin(table, is_same))


_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
