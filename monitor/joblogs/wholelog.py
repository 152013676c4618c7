"""A run's log with all that belongs to it: waited for while its end is being written, import logs included.

Where a reader of logs and the rules for masking meet what is known of a run. What only adds to a log never
costs it: an import log that cannot be had is a sentence, and has little time. The platform writes the last
lines of a log shortly after it calls the run ended, so a log without them is looked at once or twice more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate

from monitor.clock import Clock
from monitor.errors import LogError, Reason, SfccError, StoppingError
from monitor.masking import Mask
from monitor.model import Execution
from monitor.settings import Settings
from monitor.sfcc import LogFile, LogReader, ReadLimits
from monitor.sfcc.logs.joblog import JobLog, assemble, with_imports
from monitor.sfcc.logs.loglines import says_it_ended

HEAD_BYTES = 256 * 1024
TAIL_BYTES = 2 * 1024 * 1024
IMPORT_HEAD_BYTES = 256 * 1024
IMPORT_TAIL_BYTES = 256 * 1024
IMPORT_SECONDS = 5.0  # for each import log: the alert waits meanwhile

LAG = timedelta(seconds=60)
"""For so long after a run's end its log may still be written."""
PAUSES = (1.0, 3.0)
"""Seconds before each further look at a log without an end; in all no more than a part of `log_wait`."""
PART_OF_WAIT = 4
ARCHIVED_AFTER = timedelta(days=2)
"""The platform moves logs away after three days of GMT; one day less, for clocks and for what it means."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How logs are read. wait: for seconds, it may raise to end all; pauses: see PAUSES."""

    limits: ReadLimits
    now: Callable[[], datetime]
    wait: Callable[[float], object]
    pauses: Sequence[float] = ()


def reading_by(settings: Settings, clock: Clock, stopping: threading.Event) -> Reading:
    """As an agent reads: waits end with StoppingError when `stopping` is set."""

    def wait(seconds: float) -> None:
        if clock.wait(stopping, seconds):
            raise StoppingError("ended early")

    most = settings.log_wait.total_seconds() / PART_OF_WAIT
    fitting = sum(total <= most for total in accumulate(PAUSES))
    return Reading(limits_of(settings), clock.now, wait, PAUSES[:fitting])


def limits_of(settings: Settings) -> ReadLimits:
    return ReadLimits(settings.log_time_limit.total_seconds(), settings.log_size_limit)


def whole_log(reader: LogReader, run: Execution, mask: Mask, reading: Reading) -> JobLog:
    """Raises LogError, or another SfccError, where the job's own log cannot be had."""
    if run.log_file_path is None:
        raise LogError(Reason.NOT_FOUND, "no log: the platform says that this run has none")
    age = None if run.ended is None else reading.now() - run.ended
    read = partial(
        reader.read,
        run.log_file_path,
        head_bytes=HEAD_BYTES,
        tail_bytes=TAIL_BYTES,
        limits=reading.limits,
        archived=age is not None and age >= ARCHIVED_AFTER,
    )
    pauses = reading.pauses if age is not None and age < LAG else ()
    # Kept in no variable: what was read is megabytes, and not needed once it is decoded.
    made = assemble(_settled(read, pauses, reading.wait), mask, job_id=run.job_id)
    if age is None:
        made = replace(made, note="; ".join(filter(None, (made.note, "the run was still going on"))))
    return _with_imports(reader, made, mask, reading) if made.imports else made


def _settled(
    read: Callable[[], LogFile], pauses: Sequence[float], wait: Callable[[float], object]
) -> LogFile:
    """Once it has its end, or grows no more: what a log ends with is nowhere documented."""
    log = read()
    for pause in pauses:
        if says_it_ended(log):
            break
        wait(pause)
        before = log.size
        with suppress(SfccError):
            log = read()
        if log.size is not None and log.size == before:
            break
    return log


def _with_imports(reader: LogReader, made: JobLog, mask: Mask, reading: Reading) -> JobLog:
    limits = replace(reading.limits, seconds=min(reading.limits.seconds, IMPORT_SECONDS))
    found: list[JobLog] = []
    missing: list[str] = []
    for path in made.imports:
        name = path.rpartition("/")[2]
        try:
            log = reader.read(
                path,
                head_bytes=IMPORT_HEAD_BYTES,
                tail_bytes=IMPORT_TAIL_BYTES,
                limits=limits,
                archived=False,
            )
        except SfccError as error:
            missing.append(f"without {name}: {str(error).removeprefix('no log: ')}")
            if error.reason is Reason.PERMISSION:  # one sentence says it for all of them
                break
        else:
            found.append(assemble(log, mask, is_import=True))
    return with_imports(made, found, missing)
