"""A long stretch of an instance's history for looking back at: every run of it, without what nobody asks for.

The steps of a run are read only where they tell something: one of them did not end well, or the run took so
long that its progress matters. Most histories are good runs, and would not fit into memory with all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
)

from alerts.columns import Instant
from monitor.history.executions import ACTIVE
from monitor.history.rows import WRITTEN, columns, decode
from monitor.history.schema import executions, series
from monitor.model import Execution, ExitStatus, Step

Patience = Callable[[str], timedelta]
"""Of a job: how long its runs may take before anybody asks for their progress."""

CHUNK = 2000

PLAIN_WORDS = frozenset({"finished", "ok", "OK"})
"""What a step says that tells nothing."""

_WORDS = re.compile(r'"(?:execution_status|exit_code|exit_status|status)"\s*:\s*"((?:[^"\\]|\\.)*)"')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def past(
    conn: Connection,
    instance: str,
    *,
    since: datetime | None,
    until: datetime,
    keep: int,
    patience: Patience,
) -> Iterator[Execution]:
    """Runs that had begun at `until`, in no order; of each series `keep` final ones from before `since`.

    All of them without `since`. None is `backfilled`: a look back announces what it finds.
    """
    statements: tuple[Select[Any], ...] = (_ALL,)
    place: dict[str, Any] = {"of": instance, "until": until}
    if since is not None:
        statements = (_SINCE, _ACTIVE)
        place |= {"since": since, "keep": keep}
    shared: dict[Any, Any] = {}
    for statement in statements:
        with conn.execute(statement, place, execution_options={"yield_per": CHUNK}) as rows:
            for row in rows:
                if row[_ID] is not None:  # as for a series without any run
                    yield _run(row, shared, patience)


def is_plain(steps: Sequence[Step]) -> bool:
    """Whether all of them ended well, without a word that somebody may have a name for."""
    return all(
        word is None or word in PLAIN_WORDS
        for step in steps
        for word in (
            step.execution_status,
            step.status,
            step.exit_status and step.exit_status.code,
            step.exit_status and step.exit_status.status,
        )
    )


def _run(row: Sequence[Any], shared: dict[Any, Any], patience: Patience) -> Execution:
    """Most runs have ended, and well: they are made here of the few things that tell of them."""
    text, start, end = row[_STEPS], row[_START], row[_END]
    if start is None or end is None or row[_MISSING]:
        return _whole(row, text)
    took = (end - start) * _TICK
    if text is not None and (took > patience(row[_JOB]) or not PLAIN_WORDS.issuperset(_WORDS.findall(text))):
        return _whole(row, text)
    instance, job_id, run_id, scope, word, status, code, exit_word, message, *_ = row
    login, client, restart, attempt, retries = row[_LOGIN : _LOGIN + 5]
    once = shared.setdefault
    ending = once((code, message, exit_word), None)
    if ending is None and not code is message is exit_word is None:
        ending = shared[code, message, exit_word] = ExitStatus(code, message, exit_word)
    return Execution(
        *(once(instance, instance), once(job_id, job_id), run_id, once(scope, scope), once(word, word)),
        once(status, status),
        ending,
        _EPOCH + start * _TICK,
        _EPOCH + end * _TICK,
        duration=None if row[_TOOK] is None else row[_TOOK] * _TICK,
        user_login=once(login, login),
        client_id=once(client, client),
        is_restart=restart,
        current_retry_attempt=attempt,
        max_retries=retries,
        steps=None if text is None else (),
    )


def _whole(row: Sequence[Any], steps: str | None) -> Execution:
    values = list(row)
    values[_STEPS] = None if steps is None else json.loads(steps)
    return decode(values)


_NAMES = WRITTEN[: len(columns())]
_JOB, _ID, _STEPS, _START, _END, _TOOK, _LOGIN, _MISSING = (
    _NAMES.index(name)
    for name in ("job_id", "id", "steps", "start_time", "end_time", "duration", "user_login", "missing")
)
_LEFT_OUT: dict[str, ColumnElement[Any]] = {
    "steps": cast(executions.c.steps, Text),
    "creation_date": case((executions.c.start_time.is_(None), columns()[_NAMES.index("creation_date")])),
    "last_modified": case(
        (
            or_(executions.c.end_time.is_(None), executions.c.start_time.is_(None)),
            columns()[_NAMES.index("last_modified")],
        )
    ),
    "log_file_path": null(),
    "is_log_file_existing": null(),
    "version": literal(""),
    "backfilled": false(),
}
_SLIM = tuple(_LEFT_OUT.get(name, one).label(name) for name, one in zip(_NAMES, columns(), strict=True))
_SERIES = ("instance", "job_id", "scope")
_BEGAN = executions.c.instance == bindparam("of"), executions.c.began_at <= bindparam("until")
_ALL = select(*_SLIM).where(*_BEGAN)
_ACTIVE = select(*_SLIM).where(*_BEGAN, ACTIVE)


_BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)


def _since() -> Select[Any]:
    """Series by series: the last `keep` final runs that began before `since`, and all that began later."""
    of_series = and_(*(executions.c[name] == series.c[name] for name in _SERIES))
    first = (
        select(executions.c.began_at)
        .where(of_series, executions.c.ended_at.is_not(None), executions.c.began_at < bindparam("since"))
        .order_by(executions.c.began_at.desc())
        .limit(1)
        .offset(bindparam("keep", type_=Integer) - 1)
        .correlate(series)
        .scalar_subquery()
    )
    windows = (
        select(
            *(series.c[name] for name in _SERIES),
            func.coalesce(first, literal(_BEFORE_ALL, Instant())).label("since"),
        )
        .where(series.c.instance == bindparam("of"))
        .cte("windows")
    )
    of_window = and_(
        *(executions.c[name] == windows.c[name] for name in _SERIES),
        executions.c.began_at >= windows.c.since,
        executions.c.began_at <= bindparam("until"),
        executions.c.ended_at.is_not(None),
    )
    # Without an outer join it might read all executions first and then look for their windows.
    return select(*_SLIM).select_from(windows.outerjoin(executions, of_window))


_SINCE = _since()
