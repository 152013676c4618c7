"""Files kept for messages: wanted, fetched by workers, stored compressed, loaded when a message leaves.

SQL on a given connection, and one turn of the workers that fetch. No transaction is open while they do.
A message waits for its file for seconds only; the file itself is tried for much longer, because the platform
throws it away after some days and someone may ask for it.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from alerts.chunks import chunks
from alerts.crew import work_off
from alerts.model import Attachment, AttachmentState, FetchFailed
from alerts.schema import attachments

MAX_STORED = 1024 * 1024
"""Bytes, compressed."""

TURN = timedelta(minutes=2)
"""After that much time of one turn no further file is begun: who calls wants to be heard of."""
HOLD = timedelta(minutes=6)
"""How long a file that is being fetched is left alone by other workers: longer than any reading takes."""
_FIRST_RETRY = timedelta(seconds=5)
_LAST_RETRY = timedelta(minutes=10)
_TRIES = 40
"""With gaps of ten minutes at most: some six hours."""
_LABEL = "no log: "
"""What a reason may begin with; the message says it already."""

log = logging.getLogger(__name__)


def _unsaid(_ref: str) -> str:
    return ""


def _free(_conn: Connection) -> None:
    """Nobody else fetches."""


def want(
    conn: Connection,
    refs: Iterable[str],
    now: datetime,
    *,
    about: Callable[[str], str] = _unsaid,
    how: Callable[[str], str] = _unsaid,
) -> None:
    """Asks for files once; what is wanted, stored or failed already stays as it is.

    about, how: what a reference is the file of, and the command that shows it; see Attachment.
    """
    refs = list(dict.fromkeys(refs))
    there = states(conn, refs)
    for ref in (ref for ref in refs if ref not in there):
        row = _new_row(ref, now) | {"about": about(ref), "how": how(ref)}
        try:
            with conn.begin_nested():
                conn.execute(insert(attachments).values(row))
        except IntegrityError:  # another agent has just asked for the same
            continue


def states(conn: Connection, refs: Collection[str]) -> dict[str, AttachmentState]:
    found: dict[str, AttachmentState] = {}
    for chunk in chunks(refs):
        rows = conn.execute(
            select(attachments.c.ref, attachments.c.state).where(attachments.c.ref.in_(chunk))
        )
        found.update((row.ref, AttachmentState(row.state)) for row in rows)
    return found


def due(conn: Connection, now: datetime, limit: int = 10) -> list[str]:
    """Wanted files whose time has come, oldest first; held for this worker."""
    rows = conn.scalars(
        select(attachments.c.ref)
        .where(_is_due(now))
        .order_by(attachments.c.wanted_at, attachments.c.ref)
        .limit(limit)
    ).all()
    held = (update(attachments).where(attachments.c.ref == ref, _is_due(now)) for ref in rows)
    taken = [conn.execute(one.values(next_attempt_at=now + HOLD)).rowcount for one in held]
    return [ref for ref, count in zip(rows, taken, strict=True) if count]


def release(conn: Connection, ref: str, now: datetime) -> None:
    """Gives a file back untried."""
    held = and_(attachments.c.ref == ref, attachments.c.state == AttachmentState.WANTED.value)
    conn.execute(update(attachments).where(held).values(next_attempt_at=now))


def unhold(conn: Connection, now: datetime) -> None:
    """Frees what workers hold that are gone; what only waits for its next try has it a little earlier."""
    wanted = attachments.c.state == AttachmentState.WANTED.value
    conn.execute(update(attachments).where(wanted).values(next_attempt_at=now))


def stored(conn: Connection, attachment: Attachment, now: datetime) -> None:
    """Content that does not fit is left out and the note says so: its lines are kept in any case."""
    packed, note = _packed(attachment)
    values = {
        "state": AttachmentState.STORED.value,
        "name": attachment.name,
        "content": packed,
        "lines": list(attachment.lines),
        "note": note,
        "masked": attachment.masked,
        "finished_at": now,
    }
    conn.execute(update(attachments).where(attachments.c.ref == attachment.ref).values(values))


def failed(conn: Connection, ref: str, why: str, now: datetime) -> None:
    note = why.removeprefix(_LABEL)
    values = {"state": AttachmentState.FAILED.value, "note": note, "finished_at": now}
    conn.execute(update(attachments).where(attachments.c.ref == ref).values(values))


def later(conn: Connection, ref: str, why: str, now: datetime) -> None:
    """Tries again with growing gaps, and gives up in the end."""
    attempts = conn.scalar(select(attachments.c.attempts).where(attachments.c.ref == ref)) or 0
    if attempts + 1 >= _TRIES:
        failed(conn, ref, why, now)
        return
    gap = min(_LAST_RETRY, _FIRST_RETRY * 2 ** min(attempts, 20))
    values = {"attempts": attempts + 1, "next_attempt_at": now + gap, "note": why.removeprefix(_LABEL)}
    conn.execute(update(attachments).where(attachments.c.ref == ref).values(values))


def load(conn: Connection, refs: Collection[str], *, content: bool = True) -> dict[str, Attachment]:
    """What is there. A file not fetched (yet) comes without content, its note saying why.

    content: without it a file that is there has none of its bytes: a hundred of them would fill the memory.
    """
    columns = [column for column in attachments.c if column is not attachments.c.content]
    is_there = attachments.c.content.is_not(None).label("is_there")
    wanted = select(*columns, is_there, *([attachments.c.content] if content else []))
    found: dict[str, Attachment] = {}
    for chunk in chunks(refs):
        rows = conn.execute(wanted.where(attachments.c.ref.in_(chunk))).mappings()
        found.update((row["ref"], _attachment(row)) for row in rows)
    return found


def prune(conn: Connection, before: datetime) -> int:
    old = and_(attachments.c.wanted_at < before, attachments.c.state != AttachmentState.WANTED.value)
    return conn.execute(delete(attachments).where(old)).rowcount


def fetch_due(
    engine: Engine,
    fetch: Callable[[str], Attachment],
    now: Callable[[], datetime],
    limit: int = 50,
    workers: int = 4,
    *,
    stopping: Callable[[], bool] = lambda: False,
    stop_on: tuple[type[Exception], ...] = (),
    fence: Callable[[Connection], object] = _free,
) -> int:
    """One turn of the workers. Answers how many files were tried; a bad one never stops the others.

    limit: files of one turn. stopping: true ends the turn after what is under way. stop_on: what `fetch`
    raises when it was told to stop; the file is given back untried and the turn ends. fence: called first
    where a file is taken; what it raises ends the turn.
    """
    began = now()

    def take() -> str | None:
        with engine.begin() as conn:
            fence(conn)
            return next(iter(due(conn, now(), limit=1)), None)

    def enough(tried: int) -> bool:
        return tried >= limit or stopping() or now() - began >= TURN

    def do(ref: str) -> bool:
        try:
            _fetch_one(engine, ref, fetch, now, stop_on)
        except stop_on:
            with engine.begin() as conn:
                release(conn, ref, now())
            return False
        return True

    return work_off(take, do, workers=workers, enough=enough)


def _fetch_one(
    engine: Engine,
    ref: str,
    fetch: Callable[[str], Attachment],
    now: Callable[[], datetime],
    stop_on: tuple[type[Exception], ...],
) -> None:
    try:
        attachment = fetch(ref)
    except stop_on:
        raise
    except FetchFailed as error:
        settle = failed if error.final else later
        with engine.begin() as conn:
            settle(conn, ref, str(error), now())
        return
    except Exception as error:
        log.exception("attachment %s: fetching failed in an unforeseen way", ref)
        with engine.begin() as conn:
            later(conn, ref, f"unforeseen: {type(error).__name__}", now())
        return
    with engine.begin() as conn:
        stored(conn, attachment, now())


def _is_due(now: datetime) -> ColumnElement[bool]:
    """A file further ahead than any pause lasts is one from before the clock was set back."""
    ahead = attachments.c.next_attempt_at > now + max(HOLD, _LAST_RETRY)
    ready = or_(attachments.c.next_attempt_at <= now, ahead)
    return and_(attachments.c.state == AttachmentState.WANTED.value, ready)


def _packed(attachment: Attachment) -> tuple[bytes | None, str]:
    if attachment.content is None:
        return None, attachment.note
    packed = gzip.compress(attachment.content, mtime=0)
    if len(packed) <= MAX_STORED:
        return packed, attachment.note
    size = f"{len(packed):,} bytes even when compressed"
    return None, " ".join(filter(None, (attachment.note, f"The file was not kept: {size}.")))


def _attachment(row: RowMapping) -> Attachment:
    note = row["note"]
    if row["state"] == AttachmentState.WANTED:
        note = f"not there in time, tried again{f' ({note})' if note else ''}"
    packed = row.get("content")
    content = b"" if row["is_there"] else None
    return Attachment(
        ref=row["ref"],
        name=row["name"],
        content=content if packed is None else gzip.decompress(packed),
        lines=tuple(row["lines"]),
        note=note,
        masked=row["masked"],
        about=row["about"],
        how=row["how"],
    )


def _new_row(ref: str, now: datetime) -> dict[str, Any]:
    return {
        "ref": ref,
        "state": AttachmentState.WANTED.value,
        "wanted_at": now,
        "next_attempt_at": now,
        "lines": [],
    }
