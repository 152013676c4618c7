"""What is taken out of a state at a person's wish: all of a source, or a name wherever it stands.

SQL on a given connection. Which columns hold text is read from the tables, so that none can be left out.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    and_,
    cast,
    delete,
    exists,
    or_,
    select,
    update,
)

from alerts import codec
from alerts.chunks import chunks
from alerts.schema import (
    acks,
    alert_groups,
    attachments,
    incident_events,
    incidents,
    notifications,
    occurrences,
    outbox,
    tellings,
)

FORGOTTEN = "forgotten"
"""Stands where a name was: a run by hand stays one."""

Replace = Callable[[str], str]


def forget_source(conn: Connection, source: str, ref_prefix: str) -> int:
    """Deletes its incidents and all that was told of them; answers how many. ref_prefix: of its files."""
    ids = list(conn.scalars(select(incidents.c.id).where(incidents.c.source == source)))
    _forget_messages(conn, {*ids})
    keys: set[str] = set()
    for chunk in chunks(ids):
        keys.update(conn.scalars(select(tellings.c.group_key).where(tellings.c.incident_id.in_(chunk))))
        for table in (occurrences, incident_events, tellings, acks):
            conn.execute(delete(table).where(table.c.incident_id.in_(chunk)))
        conn.execute(delete(incidents).where(incidents.c.id.in_(chunk)))
    told = exists().where(tellings.c.group_key == alert_groups.c.key)
    for chunk in chunks(keys):
        conn.execute(delete(alert_groups).where(alert_groups.c.key.in_(chunk), ~told))
    conn.execute(delete(attachments).where(attachments.c.ref.startswith(ref_prefix, autoescape=True)))
    return len(ids)


def _forget_messages(conn: Connection, ids: set[str]) -> None:
    """Messages about nothing else go; of the others what was about these."""
    gone: list[str] = []
    for chunk in chunks(conn.scalars(select(notifications.c.id)).all()):
        some = select(notifications.c.id, notifications.c.content).where(notifications.c.id.in_(chunk))
        for row in conn.execute(some).all():
            if not codec.incident_ids(row.content) & ids:
                continue
            left = codec.without_incidents(row.content, ids)
            if left["incidents"]:
                same = notifications.c.id == row.id
                conn.execute(update(notifications).where(same).values(content=left))
            else:
                gone.append(row.id)
    for chunk in chunks(gone):
        conn.execute(delete(outbox).where(outbox.c.notification_id.in_(chunk)))
        conn.execute(delete(notifications).where(notifications.c.id.in_(chunk)))


def replacing(name: str) -> Replace:
    """Where it stands as a word of its own: `jdoe` is not part of `jdoe.smith` nor of an address."""
    word = re.compile(rf"(?<![\w@])(?<!\w[.-]){re.escape(name)}(?![\w@]|[.-]\w)")
    return lambda text: word.sub(FORGOTTEN, text)


def forget_name(conn: Connection, metadata: MetaData, name: str) -> int:
    """In all texts of these tables, packed ones included, but for keys. Answers how many rows changed.

    What has a length is a word of our own, such as a state, and no text.
    """
    replace = replacing(name)
    return sum(_in_table(conn, table, name, replace) for table in metadata.sorted_tables)


def _in_table(conn: Connection, table: Table, name: str, replace: Replace) -> int:
    texts = [one for one in table.c if not one.primary_key and isinstance(one.type, Text | JSON)]
    packed = [one for one in table.c if isinstance(one.type, LargeBinary)]
    if not texts and not packed:
        return 0
    keys = list(table.primary_key)
    # Whatever an escape of JSON makes of the name: its plainest part is there as it is.
    plain = max(re.split(r"[^A-Za-z0-9]+", name), key=len)
    holds = [cast(one, String).contains(plain, autoescape=True) for one in texts]
    there = or_(*holds, *(one.is_not(None) for one in packed))
    changed = 0
    for key in conn.execute(select(*keys).where(there)).mappings().all():
        # One at a time: the files of a month are more than there is memory.
        row = conn.execute(select(*texts, *packed).where(_same(keys, key))).mappings().one()
        values = {one.name: _replaced(row[one.name], replace) for one in (*texts, *packed)}
        news = {column: value for column, value in values.items() if value != row[column]}
        if news:
            conn.execute(update(table).where(_same(keys, key)).values(news))
            changed += 1
    return changed


def _same(keys: Iterable[Any], row: Any) -> ColumnElement[bool]:
    return and_(*(key == row[key.name] for key in keys))


def _replaced(value: Any, replace: Replace) -> Any:
    match value:
        case str():
            return replace(value)
        case bytes():
            text = gzip.decompress(value).decode("utf-8", "surrogateescape")
            new = replace(text)
            if new == text:
                return value
            return gzip.compress(new.encode("utf-8", "surrogateescape"), mtime=0)
        case list():
            return [_replaced(one, replace) for one in value]
        case dict():
            return {key: _replaced(one, replace) for key, one in value.items()}
    return value
