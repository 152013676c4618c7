"""A run's log for a person at the command line: the stored copy, else from the instance."""

from __future__ import annotations

import sys
from functools import partial
from glob import escape

from sqlalchemy import Engine

from alerts import attachments
from alerts.model import Attachment
from monitor.access import connection_to
from monitor.detect.refs import attachment_ref
from monitor.errors import MonitorError
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.logfetch import HEAD_BYTES, TAIL_BYTES
from monitor.masking import Mask
from monitor.model import Execution, Outcome
from monitor.settings import Settings
from monitor.sfcc.joblog import assemble


def find_run(engine: Engine, job: str, execution_id: str | None, instance: str | None) -> Execution:
    """That run, or the job's last failed one, else its last one; raises MonitorError when there is none."""
    wanted = partial(history.search, instance=instance, job=escape(job))
    with reading(engine) as connection:
        if execution_id is not None:
            runs = [one for one in wanted(connection, limit=sys.maxsize) if one.execution.id == execution_id]
        else:
            bad = wanted(connection, outcomes=[Outcome.FAILED, Outcome.ABORTED], limit=1)
            runs = bad or wanted(connection, limit=1)
    if not runs:
        what = f"run {execution_id} of {job}" if execution_id else f"run of {job}"
        raise MonitorError(f"no {what} is in the history; `sfcc-job-monitor jobs` lists the jobs known")
    if len({one.execution.instance for one in runs}) > 1:
        names = ", ".join(sorted({one.execution.instance for one in runs}))
        raise MonitorError(f"several instances have it ({names}): choose with --instance")
    return runs[0].execution


def read_log(settings: Settings, engine: Engine, run: Execution, mask: Mask) -> Attachment:
    """Raises SfccError (LogError) where the instance does not give it either."""
    ref = attachment_ref(run.key)
    with reading(engine) as connection:
        kept = attachments.load(connection, [ref]).get(ref)
    if kept is not None and kept.content is not None:
        return kept
    if run.log_file_path is None:
        raise MonitorError("the platform says that this run has no log")
    made = assemble(
        connection_to(settings, run.instance).logs.read(
            run.log_file_path, head_bytes=HEAD_BYTES, tail_bytes=TAIL_BYTES
        ),
        mask,
    )
    return Attachment(ref, made.name, made.content, made.lines, made.note, made.masked)
