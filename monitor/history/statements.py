"""The few statements that SQLite and PostgreSQL spell differently."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, BindParameter, ColumnElement, Connection, Table, bindparam, cast, func
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


def named(conn: Connection, runs: Iterable[RunId]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """Columns (job_id, id) of a row source with one row for each run, to be joined.

    One JSON parameter keeps the statement's text the same for any number of runs; SQLite does not use
    an index for a list of pairs.
    """
    pairs: BindParameter[str] = bindparam("runs", json.dumps([list(run) for run in runs]))
    if conn.dialect.name == "sqlite":
        pair = func.json_each(pairs).table_valued("value", name="named").c.value
        return func.json_extract(pair, "$[0]"), func.json_extract(pair, "$[1]")
    pair = func.json_array_elements(cast(pairs, JSON)).table_valued("value", name="named").c.value
    return pair.op("->>")(0), pair.op("->>")(1)


_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
