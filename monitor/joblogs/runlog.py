"""A run's log for a person at the command line: the stored copy, else from the instance."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import escape

from sqlalchemy import Connection, Engine

from alerts import attachments
from alerts.model import Attachment
from monitor.access import connection_to
from monitor.detect.refs import attachment_ref
from monitor.errors import LogError, MonitorError, Reason
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.executions import Judged
from monitor.joblogs.wholelog import Reading, limits_of, whole_log
from monitor.masking import Mask
from monitor.model import Execution, Outcome, RunKey
from monitor.settings import Settings

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FoundRun:
    """is_stopgap: a failed run was asked for, none is known, and this is the newest."""

    run: Execution
    outcome: Outcome
    is_stopgap: bool = False


def find_run(engine: Engine, job: str, execution_id: str | None, instance: str | None) -> FoundRun:
    """That run, or the job's last failed one, else its newest one.

    Raises MonitorError when there is none, or when several instances have it.
    """
    with reading(engine) as connection:
        names = sorted({one.instance for one in stats.series(connection, instance) if one.job_id == job})
        if execution_id is not None:
            return _by_id(connection, [RunKey(name, job, execution_id) for name in names])
        if not names:
            raise MonitorError(f"no run of {job} is known")
        _need_one(f"the job {job}", names)
        bad = _newest(connection, names[0], job, [Outcome.FAILED, Outcome.ABORTED])
        found = bad or _newest(connection, names[0], job, None)
    if found is None:
        raise MonitorError(f"no run of {job} is in the history any more")
    return FoundRun(found.execution, found.outcome, is_stopgap=bad is None)


def read_log(settings: Settings, engine: Engine, run: Execution, mask: Mask) -> Attachment:
    """With the import logs it names; raises an SfccError, mostly LogError, where the instance has none."""
    ref = attachment_ref(run.key)
    with reading(engine) as connection:
        kept = attachments.load(connection, [ref]).get(ref)
    if kept is not None and kept.content is not None:
        return kept
    return read_log_there(settings, run, mask)


def read_log_there(settings: Settings, run: Execution, mask: Mask) -> Attachment:
    """The same, of an instance that no history is kept of."""
    if run.log_file_path is None:
        raise LogError(Reason.NOT_FOUND, "no log: the platform says that this run has none")
    how = Reading(limits_of(settings), lambda: datetime.now(UTC), time.sleep)
    made = whole_log(connection_to(settings, run.instance).logs, run, mask, how)
    ref = attachment_ref(run.key)
    return Attachment(ref, made.name, made.content, lines=made.lines, note=made.note, masked=made.masked)


def _by_id(connection: Connection, keys: list[RunKey]) -> FoundRun:
    runs = [run for key in keys if (run := history.get(connection, key)) is not None]
    if not runs:
        lists = f"; `sfcc-job-monitor history {keys[0].job_id}` lists those that are" if keys else ""
        raise MonitorError(f"this run is not in the history{lists}")
    _need_one(f"the run {runs[0].id}", [run.instance for run in runs])
    (run,) = runs
    same_start = history.search(
        connection,
        instance=run.instance,
        job=escape(run.job_id),
        since=run.began,
        until=run.began and run.began + _MICROSECOND,
        limit=sys.maxsize,
    )
    return next(FoundRun(one.execution, one.outcome) for one in same_start if one.execution.id == run.id)


def _need_one(what: str, instances: list[str]) -> None:
    if len(instances) > 1:
        raise MonitorError(f"several instances have {what} ({', '.join(instances)}): choose with --instance")


def _newest(connection: Connection, instance: str, job: str, outcomes: list[Outcome] | None) -> Judged | None:
    found = history.search(connection, instance=instance, job=escape(job), outcomes=outcomes, limit=1)
    return found[0] if found else None
