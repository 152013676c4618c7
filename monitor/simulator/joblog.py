"""Job logs: the text a run has written up to an instant, and huge ones that exist only while they are read.

The text is told from the run alone, so the log of a running job grows as time passes, line by line. Lines
follow `[time GMT] LEVEL thread text`; the marker lines carry the ids of the execution and of its steps.
"""

from collections.abc import Iterator

from monitor.simulator.exchange import Content
from monitor.simulator.execution import Execution, StepExecution
from monitor.simulator.instant import SECOND, log_time

LEVELS = ("INFO", "WARN", "ERROR", "DEBUG", "FATAL", "TRACE")
PROGRESS_EVERY = 20 * SECOND
MOST_PROGRESS_LINES = 400
LINE_SIZE = 128  # of a generated log: fixed, so that any range can be made without what is before it

Line = tuple[int, str]  # when it is written, and the line, without its end


class BytesContent:
    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        yield self._data[start:stop]


class GeneratedLog:
    """A log of `size` bytes that is never held: each line is made from its number; `tail` ends it."""

    def __init__(self, size: int, *, tail: bytes = b"") -> None:
        if size < len(tail):
            raise ValueError(f"a log of {size} bytes cannot end with {len(tail)} bytes")
        self._size = size
        self._tail = tail

    @property
    def size(self) -> int:
        return self._size

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        body = self._size - len(self._tail)
        at = start
        while at < min(stop, body):
            last = min(stop, body, (at // LINE_SIZE + 512) * LINE_SIZE)
            yield _lines(at, last)
            at = last
        if stop > body:
            yield self._tail[max(0, start - body) : stop - body]


def log_content(run: Execution, now: int) -> Content:
    if run.log is None:
        return BytesContent(log_text(run, now))
    return BytesContent(run.log) if isinstance(run.log, bytes) else run.log


def log_text(run: Execution, now: int) -> bytes:
    return "".join(f"{line}\n" for at, line in _all_lines(run, now) if at <= now).encode()


def import_log_text(now: int) -> bytes:
    """A separate import log, in which one product is refused and another taken with doubts."""
    lines = (
        ("INFO", "Starting Import: catalog, mode MERGE"),
        ("ERROR", "DATAERROR: line 118: product 'M-4711': attribute 'color' has no value 'blau'"),
        ("WARN", "DATAWARNING: line 240: product 'M-4712': image 'a.jpg' not found"),
        ("INFO", "Processed 2 total elements: 1 error, 1 warning"),
    )
    return "".join(f"[{log_time(now)}] {level} {text}\n" for level, text in lines).encode()


def _all_lines(run: Execution, now: int) -> Iterator[Line]:
    if run.begun is None:
        return
    thread = f"SystemJobThread|{int(run.log_suffix[:7], 16)}|{run.job_id}"
    yield _line(run.begun, "INFO", f"{thread} Executing job [{run.job_id}][{run.id}]...")
    told = run.outcome.failed_step or (run.steps[-1].spec.step_id if run.steps else None)
    for step in run.steps:
        inside = f"{thread}|{step.spec.step_id}"
        marker = f"Executing step [{step.spec.step_id}][{step.id}] for [{step.scope}]..."
        yield _line(step.start, "INFO", f"{inside} {marker}")
        yield from _telling(run, step, inside, now)
        if step.end is not None and run.end is not None:
            if step.spec.step_id == told:
                yield from _trace(run, step.end, inside)
            yield _step_end(step, step.end, inside)
    if run.end is not None:
        yield _job_end(run, run.end, thread)


def _progress(step: StepExecution, inside: str, now: int) -> Iterator[Line]:
    stop = now if step.end is None else step.end
    pace = max(PROGRESS_EVERY, (stop - step.start) // MOST_PROGRESS_LINES if step.end is not None else 0)
    for number, at in enumerate(range(step.start + pace, stop, pace), start=1):
        yield _line(at, "INFO", f"{inside} Processed {number * 500} elements.")


def _telling(run: Execution, step: StepExecution, inside: str, now: int) -> Iterator[Line]:
    """How a step gets on, and the separate logs of imports that it wrote meanwhile, in order of time."""
    progress = list(_progress(step, inside, now))
    named = [
        _line(at, "INFO", f"{inside} Import log file: {path}")
        for at, path in run.import_logs
        if step.start <= at and (step.end is None or at <= step.end)
    ]
    return iter(sorted(progress + named, key=lambda line: line[0]) if named else progress)


def _trace(run: Execution, end: int, inside: str) -> Iterator[Line]:
    lines = run.outcome.trace or (_stack(run) if run.outcome.failed else ())
    for number, text in enumerate(lines):
        level, _, rest = text.partition(" ")
        at = end - len(lines) + number
        yield _line(at, level, f"{inside} {rest}") if level in LEVELS else (at, text)


def _stack(run: Execution) -> tuple[str, ...]:
    return (
        f"ERROR Error executing step: {run.outcome.message or 'unknown error'}",
        f"JobStepExecutionException: {run.outcome.message or 'unknown error'}",
        "\tat jobs.step.ScriptModuleStep.execute(ScriptModuleStep.java:118)",
        "\tat jobs.engine.StepExecutor.run(StepExecutor.java:64)",
        "\tat java.base/java.lang.Thread.run(Thread.java:840)",
    )


def _step_end(step: StepExecution, end: int, inside: str) -> Line:
    name = step.spec.step_id
    if step.code == "OK":
        return _line(end, "INFO", f"{inside} Step [{name}] completed successfully.")
    level = "ERROR" if step.status == "error" else "WARN"
    return _line(end, level, f"{inside} Step [{name}] finished with status [{step.code}].")


def _job_end(run: Execution, end: int, thread: str) -> Line:
    if run.aborted:
        return _line(end, "WARN", f"{thread} Execution of job was aborted.")
    level = "ERROR" if run.outcome.failed else "INFO"
    return _line(end, level, f"{thread} Execution of job finished with status [{run.outcome.code}].")


def _line(at: int, level: str, text: str) -> Line:
    return at, f"[{log_time(at)}] {level} {text}"


def _lines(start: int, stop: int) -> bytes:
    first, last = start // LINE_SIZE, -(-stop // LINE_SIZE)
    text = "".join(_numbered(number) for number in range(first, last))
    return text.encode()[start - first * LINE_SIZE : stop - first * LINE_SIZE]


def _numbered(number: int) -> str:
    at = 1_767_225_600_000 + number * 7  # 2026-01-01; a line every 7 ms
    text = f"[{log_time(at)}] INFO SystemJobThread|1|generated Processed element {number:012d}"
    return text.ljust(LINE_SIZE - 1) + "\n"
