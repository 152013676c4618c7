"""Executions as the instance keeps them, each able to say what it looked like at any instant.

A planned run carries its whole future (start, steps, end) from the moment it is created; what shows of it
depends on the time it is looked at. So a running clock costs nothing, and a search index that lags is a
look at an earlier instant. Times are milliseconds; knows no documents and no files.
"""

from dataclasses import dataclass, field
from typing import Protocol

from monitor.simulator.exchange import JSON, Content
from monitor.simulator.instant import compact, parse_iso
from monitor.simulator.model import ORGANIZATION, SCHEDULE, Outcome, Starter, StepSpec

RETRIED = frozenset({"retrying", "retried", "restarting", "restarted"})


class Row(Protocol):
    """What the history needs to keep, find and forget an execution."""

    @property
    def id(self) -> str: ...
    @property
    def job_id(self) -> str: ...
    @property
    def start(self) -> int | None: ...
    @property
    def known(self) -> int: ...
    @property
    def ended(self) -> int | None: ...
    @property
    def failed(self) -> bool: ...
    @property
    def plain(self) -> bool:
        """Over, with status OK, and of no further interest."""
        ...

    def start_at(self, now: int) -> int | None: ...
    def end_at(self, now: int) -> int | None: ...
    def status_at(self, now: int) -> str | None: ...


@dataclass(slots=True)
class StepExecution:
    id: str
    spec: StepSpec
    scope: str
    start: int
    end: int | None = None
    code: str = "OK"
    status: str = "ok"
    message: str | None = None


@dataclass(slots=True, eq=False)
class Execution:
    id: str
    job_id: str
    created: int
    known: int  # when it became known: a lagging index shows it from then on
    start: int | None  # start_time, which may be there while the run is pending
    begun: int | None  # from when on it is running
    log_suffix: str
    end: int | None = None
    end_known: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    aborted: bool = False
    marks: list[tuple[int, str]] = field(default_factory=list)
    starter: Starter = SCHEDULE
    scopes: tuple[str, ...] = (ORGANIZATION,)
    plan: tuple[StepSpec, ...] = ()
    steps: list[StepExecution] = field(default_factory=list)
    description: str | None = None
    server: str = "ecom-1"
    retry: tuple[int, int] | None = None  # attempt, of how many
    is_restart: bool = False
    reason: str | None = None
    has_log: bool = True
    log: bytes | Content | None = None  # in place of the text that is told from the run
    log_archived: bool = False
    import_logs: list[tuple[int, str]] = field(default_factory=list)  # since when, and the path
    touched: int = 0

    @property
    def ended(self) -> int | None:
        return self.end

    @property
    def failed(self) -> bool:
        return self.aborted or self.outcome.failed

    @property
    def plain(self) -> bool:
        return self.end is not None and self.outcome.code == "OK" and not self.aborted and not self.marks

    @property
    def log_name(self) -> str:
        return f"Job-{self.job_id}-{self.log_suffix}.log"

    @property
    def log_path(self) -> str:
        return f"/Sites/LOGS/jobs/{self.job_id}/{self.log_name}"

    @property
    def legacy_log_name(self) -> str:
        return f"Job-{self.job_id}-{compact(self.created)}.log"

    def over(self, now: int) -> bool:
        return self.end is not None and self.end <= now and self.end_known <= now

    def start_at(self, now: int) -> int | None:
        return self.start if self.start is not None and self.start <= now else None

    def end_at(self, now: int) -> int | None:
        return self.end if self.over(now) else None

    def execution_status_at(self, now: int) -> str:
        marked = [word for at, word in self.marks if at <= now]
        if marked:
            return marked[-1]
        if self.over(now):
            return "aborted" if self.aborted else "finished"
        return "running" if self.begun is not None and self.begun <= now else "pending"

    def status_at(self, now: int) -> str:
        """Overloaded by the platform: the execution status while active, the exit code afterwards."""
        if self.over(now) and not self.aborted:
            return self.outcome.code
        return self.execution_status_at(now).upper()

    def modified_at(self, now: int) -> int:
        moments = [self.created, self.begun, self.touched, self.end_at(now)]
        moments += [at for at, _ in self.marks]
        for step in self.steps:
            moments += [step.start, step.end]
        return max((at for at in moments if at is not None and at <= now), default=self.created)


@dataclass(slots=True, eq=False)
class NoiseRun:
    """One run of a system job: short, green, without steps or log. It exists from its end on."""

    id: str
    job_id: str
    start: int
    ended: int

    @property
    def known(self) -> int:
        return self.ended

    @property
    def failed(self) -> bool:
        return False

    @property
    def plain(self) -> bool:
        return True

    def start_at(self, now: int) -> int | None:
        return self.start if self.start <= now else None

    def end_at(self, now: int) -> int | None:
        return self.ended if self.ended <= now else None

    def status_at(self, now: int) -> str:
        return "OK" if self.ended <= now else "RUNNING"


@dataclass(slots=True, eq=False)
class RawDocument:
    """A document put in by hand and shown as it is, whatever it says or lacks."""

    document: JSON
    known: int
    id: str = ""
    job_id: str = ""
    start: int | None = None
    ended: int | None = None
    failed: bool = False

    @classmethod
    def of(cls, document: JSON, known: int) -> "RawDocument":
        exit_status = document.get("exit_status")
        bad = isinstance(exit_status, dict) and exit_status.get("status") == "error"
        return cls(
            document=document,
            known=known,
            id=_text(document.get("id")),
            job_id=_text(document.get("job_id")),
            start=_moment(document.get("start_time")),
            ended=_moment(document.get("end_time")),
            failed=bad or document.get("execution_status") == "aborted",
        )

    @property
    def plain(self) -> bool:
        return False

    def start_at(self, now: int) -> int | None:
        return self.start if self.known <= now else None

    def end_at(self, now: int) -> int | None:
        return self.ended if self.known <= now else None

    def status_at(self, now: int) -> str | None:
        status = self.document.get("status")
        return status if isinstance(status, str) and self.known <= now else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object) -> int | None:
    try:
        return parse_iso(value) if isinstance(value, str) else None
    except ValueError:
        return None
