"""A run's log as an attachment: fetched, masked, cut, with its telling lines.

Where the log reader of an instance, the rules for masking and the settings of the job meet; `alerts`
knows this only as a callable that turns a reference into a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Engine

from alerts.model import Attachment, FetchFailed
from monitor.detect.refs import parse_attachment_ref
from monitor.errors import LogError, SfccError
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.masking import Mask
from monitor.policy import Policy
from monitor.sfcc import LogFile, LogReader
from monitor.sfcc.joblog import assemble

HEAD_BYTES = 256 * 1024
TAIL_BYTES = 2 * 1024 * 1024


class LogFetcher:
    def __init__(
        self,
        engine: Engine,
        readers: Mapping[str, LogReader],
        policies: Mapping[str, Policy],
        mask: Mask,
        count: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._readers = readers
        self._policies = policies
        self._mask = mask
        self._count = count

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
        with reading(self._engine) as connection:
            run = history.get(connection, key)
        if run is None:
            raise FetchFailed("no log: the run is no longer in the history", final=True)
        if run.log_file_path is None:
            raise FetchFailed("no log: the platform says this run has none", final=True)
        # Kept in no variable: what was read is megabytes, and not needed once it is decoded.
        made = assemble(_read(reader, run.log_file_path), self._mask, job_id=key.job_id)
        excerpt_only = self._policies[key.instance].job(key.job_id).attach == "excerpt"
        return Attachment(
            ref=ref,
            name=made.name,
            content=None if excerpt_only else made.content,
            lines=made.lines,
            note=made.note,
            masked=made.masked,
        )


def _read(reader: LogReader, path: str) -> LogFile:
    try:
        return reader.read(path, head_bytes=HEAD_BYTES, tail_bytes=TAIL_BYTES)
    except LogError as error:
        raise FetchFailed(str(error), final=not error.retryable) from error
    except SfccError as error:
        raise FetchFailed(f"no log: {error}") from error
