"""A hand on one execution: finish it, abort it, mark it, write its log. For tests and scenarios.

Whatever is done is done at the world's present; `at` may date it back, but a lagging search index shows
it no sooner than it was done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import RLock

from monitor.simulator.documents import execution_document
from monitor.simulator.exchange import JSON, Content
from monitor.simulator.execution import Execution, StepExecution
from monitor.simulator.files import LEGACY_LOGS, Files
from monitor.simulator.history import History
from monitor.simulator.instant import compact, from_ms, to_ms
from monitor.simulator.joblog import BytesContent, import_log_text
from monitor.simulator.model import Outcome, StepSpec
from monitor.simulator.planner import DEFAULT_STEPS, lay_out


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run stands on: the world without its future."""

    lock: RLock
    now: Callable[[], int]
    new_step_id: Callable[[], str]
    history: History
    files: Files


class Run:
    def __init__(self, ground: Ground, execution: Execution) -> None:
        self._ground = ground
        self.execution = execution

    def __repr__(self) -> str:
        return f"Run({self.job_id!r}, {self.id!r})"

    @property
    def id(self) -> str:
        return self.execution.id

    @property
    def job_id(self) -> str:
        return self.execution.job_id

    @property
    def log_path(self) -> str:
        return self.execution.log_path

    @property
    def start_time(self) -> datetime | None:
        return None if self.execution.start is None else from_ms(self.execution.start)

    @property
    def end_time(self) -> datetime | None:
        return None if self.execution.end is None else from_ms(self.execution.end)

    def document(self) -> JSON:
        return execution_document(self.execution, self._ground.now())

    def begin(self, at: datetime | None = None) -> "Run":
        """A pending run starts to run."""
        with self._ground.lock:
            self._begin(self._moment(at))
        return self

    def finish(
        self,
        at: datetime | None = None,
        code: str = "OK",
        status: str | None = None,
        message: str | None = None,
        failed_step: str | None = None,
        trace: tuple[str, ...] = (),
    ) -> "Run":
        """`status` is "error" for the code ERROR, else "ok", unless given; the code is free text."""
        judged = status or ("error" if code == "ERROR" else "ok")
        outcome = Outcome(code, judged, message, failed_step, trace=trace)
        with self._ground.lock:
            end = self._moment(at)
            self._end(end, outcome)
            self._close_steps(end, outcome)
            self._ground.history.changed(self.execution)
        return self

    def abort(self, at: datetime | None = None, reason: str | None = None) -> "Run":
        with self._ground.lock:
            end = self._moment(at)
            self._end(end, Outcome("ABORTED", "error"))
            self.execution.aborted = True
            self.execution.reason = reason
            self._cut_steps(end)
            for step in self.execution.steps:
                if step.end == end:
                    step.code, step.status = "ABORTED", "error"
            self._ground.history.changed(self.execution)
        return self

    def mark(self, execution_status: str, retry: tuple[int, int] | None = None) -> "Run":
        """Show another execution_status from now on, such as "paused" or "retrying"."""
        with self._ground.lock:
            self.execution.marks.append((self._ground.now(), execution_status))
            if retry is not None:
                self.execution.retry = retry
            self._ground.history.changed(self.execution)
        return self

    def next_step(self, step_id: str | None = None, code: str = "OK", message: str | None = None) -> "Run":
        """End the step that runs and start the next one of the plan, or the one named."""
        with self._ground.lock:
            now, steps = self._ground.now(), self.execution.steps
            plan = self.execution.plan or DEFAULT_STEPS
            spec = StepSpec(step_id) if step_id else plan[min(len(steps), len(plan) - 1)]
            if steps and steps[-1].end is None:
                steps[-1].end, steps[-1].code, steps[-1].message = now, code, message
                steps[-1].status = "error" if code == "ERROR" else "ok"
            steps.append(self._new_step(spec, now))
        return self

    def touch(self) -> "Run":
        """Move last_modified, as progress within a step does."""
        self.execution.touched = self._ground.now()
        return self

    def write_log(self, log: bytes | Content) -> "Run":
        """Replace the log's text, which is otherwise told from the run itself."""
        self.execution.log = log
        return self

    def write_import_log(self, log: bytes | None = None, *, name: str | None = None) -> str:
        """The separate log of an import step, below Impex/log; the job's log names its path, which is
        returned. By default it tells of a product with an error and one with a warning."""
        with self._ground.lock:
            now = self._ground.now()
            found = name or f"import-{compact(now)}-{len(self.execution.import_logs) + 1}.log"
            content = BytesContent(import_log_text(now) if log is None else log)
            self._ground.files.put(f"{LEGACY_LOGS}/{found}", content, now)
            path = f"/Sites{LEGACY_LOGS}/{found}"
            self.execution.import_logs.append((now, path))
        return path

    def archive_log(self) -> "Run":
        """The file is moved away; the execution still says where it was."""
        self.execution.log_archived = True
        return self

    def _moment(self, at: datetime | None) -> int:
        return self._ground.now() if at is None else to_ms(at)

    def _begin(self, at: int) -> None:
        run = self.execution
        self._ground.history.discard(run)
        run.begun = at
        run.start = at if run.start is None else run.start
        run.touched = max(run.touched, at)
        if not run.steps:
            run.steps.append(self._new_step((run.plan or DEFAULT_STEPS)[0], at))
        self._ground.history.add(run)

    def _end(self, end: int, outcome: Outcome) -> None:
        run = self.execution
        if run.begun is None:
            self._begin(min(end, run.start if run.start is not None else end))
        run.end, run.end_known = end, self._ground.now()
        run.outcome, run.aborted = outcome, False
        run.marks = []

    def _cut_steps(self, end: int) -> None:
        """What would have started later never does; what runs ends now."""
        self.execution.steps = [step for step in self.execution.steps if step.start <= end]
        for step in self.execution.steps:
            step.end = end if step.end is None else min(step.end, end)

    def _close_steps(self, end: int, outcome: Outcome) -> None:
        """Steps that were never told of share the time since the last one that was."""
        run = self.execution
        told = [step for step in run.steps if step.end is not None and step.end < end]
        rest = self._rest(len(told), end, outcome)
        since = (told[-1].end if told else run.begun) or end
        closing = lay_out(rest, since, end, outcome, run.scopes[0], self._ground.new_step_id)
        for old, new in zip(run.steps[len(told) :], closing, strict=False):
            new.id = old.id  # a step keeps the id it was seen with
        run.steps = [*told, *closing]

    def _rest(self, told: int, end: int, outcome: Outcome) -> list[StepSpec]:
        run = self.execution
        specs = [*(step.spec for step in run.steps), *(run.plan or DEFAULT_STEPS)[len(run.steps) :]]
        if outcome.failed_step is not None:
            named = [spec.step_id for spec in specs[told:]]
            return specs[told:] if outcome.failed_step in named else [StepSpec(outcome.failed_step)]
        begun = sum(step.start <= end for step in run.steps)
        return specs[told : max(begun, told + 1)] if outcome.failed else specs[told:] or specs[-1:]

    def _new_step(self, spec: StepSpec, at: int) -> StepExecution:
        return StepExecution(self._ground.new_step_id(), spec, spec.scope or self.execution.scopes[0], at)
