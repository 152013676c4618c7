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
from monitor.errors import LogError, Reason, SfccError
from monitor.history import executions as history
from monitor.history import logaccess
from monitor.history.engine import reading as reading_state
from monitor.joblogs.wholelog import Reading, whole_log
from monitor.masking import Mask
from monitor.model import Execution
from monitor.policy import Policy
from monitor.sfcc import LogReader
from monitor.sfcc.logs.joblog import JobLog

GONE_AFTER = timedelta(hours=1)
"""So long after a run's end a log that is not there does not come any more."""

REFUSALS = frozenset({Reason.CREDENTIALS, Reason.PERMISSION})
"""Reasons for which no other log would be had either."""


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
        self._was_read(run)
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
            is_final = not error.retryable or self._is_gone(run, error)
            self._failed(run, error, runs=int(is_final))
            raise FetchFailed(str(error), final=is_final) from error
        except SfccError as error:
            self._failed(run, error, runs=0)
            raise FetchFailed(f"no log: {error}") from error

    def _failed(self, run: Execution, error: SfccError, *, runs: int) -> None:
        """runs: how many have to do without their log for good."""
        if error.reason not in REFUSALS:
            return
        message = str(error).removeprefix("no log: ")
        with self._engine.begin() as connection:
            logaccess.refused(connection, run.instance, at=self._reading.now(), message=message, runs=runs)

    def _was_read(self, run: Execution) -> None:
        with reading_state(self._engine) as connection:
            known = logaccess.load(connection, run.instance)
        if known is not None and known.read_at is None:
            with self._engine.begin() as connection:
                logaccess.was_read(connection, run.instance, self._reading.now())

    def _is_gone(self, run: Execution, error: LogError) -> bool:
        ended = run.ended
        return error.status == 404 and ended is not None and self._reading.now() - ended > GONE_AFTER
