"""A run's log as an attachment: of which run, and what it means for an alert when there is none.

Where the log reader of an instance and the settings of the job meet; `alerts` knows this only as a callable
that turns a reference into a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import Engine

from alerts.model import Attachment, FetchFailed
from monitor.detect.refs import parse_attachment_ref
from monitor.errors import LogError, SfccError
from monitor.history import executions as history
from monitor.history.engine import reading as reading_state
from monitor.joblogs.wholelog import Reading, whole_log
from monitor.masking import Mask
from monitor.model import Execution
from monitor.policy import Policy
from monitor.sfcc import LogReader
from monitor.sfcc.logs.joblog import JobLog

GONE_AFTER = timedelta(hours=1)
"""So long after a run's end a log that is not there does not come any more."""


class LogFetcher:
    def __init__(
        self,
        engine: Engine,
        readers: Mapping[str, LogReader],
        policies: Mapping[str, Policy],
        mask: Mask,
        count: Callable[[str], None],
        reading: Reading,
    ) -> None:
        self._engine = engine
        self._readers = readers
        self._policies = policies
        self._mask = mask
        self._count = count
        self._reading = reading

    def __call__(self, ref: str) -> Attachment:
        """Raises `FetchFailed` with a sentence fit for the alert."""
        try:
            attachment = self._fetch(ref)
        except FetchFailed as error:
            self._count("failed" if error.final else "retried")
            raise
        self._count("stored")
        return attachment

    def _fetch(self, ref: str) -> Attachment:
        key = parse_attachment_ref(ref)
        reader = self._readers.get(key.instance)
        if reader is None:
            raise FetchFailed(f"no log: the instance {key.instance} is no longer in the settings", final=True)
        with reading_state(self._engine) as connection:
            run = history.get(connection, key)
        if run is None:
            raise FetchFailed("no log: the run is no longer in the history", final=True)
        if run.log_file_path is None:
            raise FetchFailed("no log: the platform says this run has none", final=True)
        made = self._made(reader, run)
        excerpt_only = self._policies[key.instance].job(key.job_id).attach == "excerpt"
        return Attachment(
            ref=ref,
            name=made.name,
            content=None if excerpt_only else made.content,
            lines=made.lines,
            note=made.note,
            masked=made.masked,
        )

    def _made(self, reader: LogReader, run: Execution) -> JobLog:
        try:
            return whole_log(reader, run, self._mask, self._reading)
        except LogError as error:
            raise FetchFailed(str(error), final=not error.retryable or self._is_gone(run, error)) from error
        except SfccError as error:
            raise FetchFailed(f"no log: {error}") from error

    def _is_gone(self, run: Execution, error: LogError) -> bool:
        ended = run.ended
        return error.status == 404 and ended is not None and self._reading.now() - ended > GONE_AFTER
