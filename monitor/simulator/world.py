"""The instance: its jobs, what ran, runs and will run, and everything that can be switched about it.

The world never ticks. Whenever it is looked at, `sync` plays what was due since the last look, in the order
of time, so the same seed and clock give the same history however often one looks. All public methods take
the lock; a server's threads and a test may use one world together.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from threading import RLock

from monitor.simulator.account_manager import AccountManager
from monitor.simulator.clock import Clock
from monitor.simulator.documents import execution_document
from monitor.simulator.exchange import JSON, Content, RequestRecord
from monitor.simulator.execution import Execution, NoiseRun, RawDocument, StepExecution
from monitor.simulator.faults import Faults
from monitor.simulator.files import Files, place_of_log
from monitor.simulator.history import KEPT_OK, History
from monitor.simulator.instant import from_ms, span_ms, to_ms
from monitor.simulator.job import Job
from monitor.simulator.joblog import BytesContent
from monitor.simulator.model import (
    DEMO_ACCESS_KEY,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_ORGANIZATION,
    DEMO_SCOPES,
    DEMO_USER,
    FAILED,
    ORGANIZATION,
    SCHEDULE,
    JobSpec,
    Outcome,
    Permissions,
    Quirks,
    Starter,
    StepSpec,
)
from monitor.simulator.noise import noise_jobs, noise_length
from monitor.simulator.planner import DEFAULT_STEPS, decide, draw, lay_out, start_delay
from monitor.simulator.run import Ground, Run
from monitor.simulator.schedule import slots
from monitor.simulator.webdav_users import WebdavUsers

REQUESTS_KEPT = 100_000
FIRST_EXECUTION_ID = 2_664_334
FIRST_STEP_ID = 5_846_619
SITES_APART = 700  # ms between the starts of the sites of one multi-site job
NOISE_SETTLED = 2_000  # ms after which the system jobs of a round have ended

Event = Callable[[int], object]


class World:
    """`history` is how far back scheduled jobs and noise begin; `timezone` is that of cron schedules;
    `organization` is what SCAPI calls the instance."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 0,
        history: timedelta = timedelta(0),
        timezone: str = "UTC",
        organization: str = DEMO_ORGANIZATION,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.timezone = timezone
        self.organization = organization
        self.lock = RLock()
        self.quirks = Quirks()
        self.permissions = Permissions()
        self.faults = Faults(seed)
        self.account_manager = AccountManager()
        self.account_manager.add_client(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, scopes=DEMO_SCOPES)
        self.webdav_users = WebdavUsers()
        self.webdav_users.add(DEMO_USER, DEMO_ACCESS_KEY)
        self.requests: deque[RequestRecord] = deque(maxlen=REQUESTS_KEPT)
        self.history = History()
        self.files = Files()
        self.since = to_ms(clock.now() - history)
        self._jobs: dict[str, Job] = {}
        self._events: list[tuple[int, int, Event]] = []
        self._order = count()
        self._execution_ids = count(FIRST_EXECUTION_ID)
        self._step_ids = count(FIRST_STEP_ID)
        self._moment: int | None = None  # the time of the event that is being played
        self._ground = Ground(self.lock, self.now_ms, self._step_id, self.history, self.files)

    @property
    def tenant(self) -> str:
        return self.organization.removeprefix("f_ecom_")

    def now(self) -> datetime:
        """The instance's own time: the clock's, and the skew."""
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        return self._present() if self._moment is None else self._moment

    def sync(self) -> int:
        """Play what is due, forget what is old; returns the present in milliseconds."""
        with self.lock:
            now = self.now_ms()
            if self._moment is not None:
                return now
            while self._events and self._events[0][0] <= now:
                at, _, event = heappop(self._events)
                self._play(at, event)
            self.history.settle(now - span_ms(self.quirks.index_lag))
            for row in self.history.purge(now):
                if isinstance(row, Execution):
                    self.files.drop_run(row)
            return now

    def at(self, when: datetime, action: Callable[[], object]) -> None:
        """Do something when the clock comes to it, e.g. start a run by hand."""
        with self.lock:
            self._later(to_ms(when), lambda _at: action())

    def add_job(self, spec: JobSpec) -> None:
        with self.lock:
            job = Job(spec, slots(spec, self.since, self.timezone))
            self._jobs[spec.job_id] = job
            self._next_slot(job)

    def jobs(self) -> list[JobSpec]:
        return [job.spec for job in self._jobs.values()]

    def has_job(self, job_id: str) -> bool:
        return job_id in self._jobs

    def is_active(self, job_id: str) -> bool:
        with self.lock:
            return job_id in self._jobs and self._jobs[job_id].active(self.now_ms())

    def enable(self, job_id: str, *, enabled: bool = True) -> None:
        """Switch a job's schedule on or off; no trace of it is visible from outside."""
        self._jobs[job_id].enabled = enabled

    def swallowed(self, job_id: str) -> list[datetime]:
        """Slots at which the job did not start because it was still running."""
        self.sync()
        return [from_ms(at) for at in self._jobs[job_id].swallowed]

    def override(self, job_id: str, slot: datetime, outcome: Outcome, site: str | None = None) -> None:
        """Tell how the run of one slot ends, at one of its sites or at all."""
        self._jobs[job_id].told[to_ms(slot), site] = outcome

    def fail_next(self, job_id: str, outcome: Outcome = FAILED) -> None:
        """The next run of the job fails, by whatever it is started."""
        self._jobs[job_id].next_told = outcome

    def noise(self, jobs: int | Sequence[str] = 20, every: timedelta = timedelta(minutes=1)) -> None:
        """System jobs: Organization, green, without a log, each round of them within a second."""
        with self.lock:
            names, pace = noise_jobs(jobs), span_ms(every)
            for name in names:
                self._jobs.setdefault(name, Job(JobSpec(name, log=False), iter(())))
            self._later(-(-self.since // pace) * pace + NOISE_SETTLED, self._noise_event(names, pace))

    def start(  # noqa: PLR0913 - a test says what matters to it, by name
        self,
        job_id: str,
        *,
        at: datetime | None = None,
        scope: str | Sequence[str] = ORGANIZATION,
        user_login: str | None = None,
        client_id: str | None = None,
        steps: Sequence[StepSpec | str] = (),
        parameters: Mapping[str, str] | None = None,
        execution_id: str | None = None,
        pending: bool = False,
        outcome: Outcome | None = None,
        retry: tuple[int, int] | None = None,
        is_restart: bool = False,
        log: bool | bytes | Content = True,
    ) -> Run:
        """Start a run now or `at` a time, whatever else runs. Without an `outcome` it runs until it is
        finished by hand. `pending` waits for `begin()`, with a start_time if `at` is given. A time to
        come leaves it pending, without start_time, until then."""
        self.sync()
        with self.lock:
            now = self.now_ms()
            begun = None if pending else (now if at is None else to_ms(at))
            run = self._new(
                self._job(job_id),
                created=now if at is None else min(now, to_ms(at)),
                start=begun if at is None or (pending and self.quirks.pending_without_start) else to_ms(at),
                begun=begun,
                starter=Starter(user_login, client_id, dict(parameters or {})),
                scopes=(scope,) if isinstance(scope, str) else tuple(scope),
                execution_id=execution_id,
            )
            run.plan = tuple(StepSpec(step) if isinstance(step, str) else step for step in steps) or run.plan
            run.retry, run.is_restart, run.has_log = retry, is_restart, log is not False
            run.log = None if isinstance(log, bool) else log
            self._set_going(run, outcome)
            return Run(self._ground, run)

    def trigger(self, job_id: str, client_id: str, parameters: Mapping[str, str]) -> Run:
        """As an API client does: pending for a moment, then a run like any other of the job."""
        self.sync()
        with self.lock:
            now = self.now_ms()
            starter = Starter(client_id=client_id, parameters=dict(parameters))
            return Run(self._ground, self._planned(self._jobs[job_id], now, starter))

    def fail(self, job_id: str) -> Run:
        """Make the job fail at once: what runs ends badly; if nothing runs, a run is made that does."""
        self.sync()
        with self.lock:
            if self.is_active(job_id):
                run = Run(self._ground, self._jobs[job_id].open[-1])
            else:
                run = self.start(job_id)
            return run.finish(code="ERROR", message=FAILED.message)

    def put(self, document: JSON, log: bytes | Content | None = None) -> None:
        """Add a document as it is, in place of one with the same id (of which a lagging index then shows
        neither for a while); `log` is put where the document points to."""
        self.sync()
        with self.lock:
            row = RawDocument.of(document, self.now_ms())
            if row.id:
                self.forget(row.id)
            self.history.add(row)
            if log is not None:
                content = BytesContent(log) if isinstance(log, bytes) else log
                self.files.put(place_of_log(document), content, self.now_ms())

    def forget(self, run: Run | str) -> None:
        """The execution is gone: 404, and in no search."""
        with self.lock:
            row = self.history.by_id(run if isinstance(run, str) else run.id)
            if row is not None:
                self.history.discard(row)
                for job in self._jobs.values():
                    job.open = [kept for kept in job.open if kept is not row]

    def put_file(self, path: str, content: bytes | Content) -> None:
        """A file below /Sites, e.g. `/Impex/log/import.log`."""
        with self.lock:
            stored = BytesContent(content) if isinstance(content, bytes) else content
            self.files.put(path, stored, self.now_ms())

    def runs(self, job_id: str) -> list[Run]:
        """The job's executions that are in the history, by start."""
        self.sync()
        with self.lock:
            return [
                Run(self._ground, row) for row in self.history.of_job(job_id) if isinstance(row, Execution)
            ]

    def documents(self, job_id: str) -> list[JSON]:
        now = self.sync()
        with self.lock:
            return [execution_document(row, now) for row in self.history.of_job(job_id)]

    def _present(self) -> int:
        return to_ms(self.clock.now() + self.quirks.clock_skew)

    def _play(self, at: int, event: Event) -> None:
        self._moment = at
        try:
            event(at)
        finally:
            self._moment = None

    def _later(self, at: int, event: Event) -> None:
        heappush(self._events, (at, next(self._order), event))

    def _job(self, job_id: str) -> Job:
        return self._jobs.setdefault(job_id, Job(JobSpec(job_id), iter(())))

    def _next_slot(self, job: Job) -> None:
        at = next(job.slots, None)
        if at is not None:
            self._later(at, lambda slot: self._slot(job, slot))

    def _slot(self, job: Job, slot: int) -> None:
        self._next_slot(job)
        if self._jobs.get(job.spec.job_id) is not job or not job.enabled:
            return
        if job.active(slot):
            job.swallowed.append(slot)
            return
        for index, site in enumerate(job.spec.sites or (ORGANIZATION,)):
            told = job.told.get((slot, site), job.told.get((slot, None)))
            self._planned(job, slot, SCHEDULE, site=site, index=index, told=told)

    def _planned(
        self,
        job: Job,
        slot: int,
        starter: Starter,
        *,
        site: str = ORGANIZATION,
        index: int = 0,
        told: Outcome | None = None,
        attempt: int = 0,
    ) -> Execution:
        draws = draw(self.seed, job.spec.job_id, slot, site, attempt)
        outcome, length = decide(job.spec, draws, job.next_told or told)
        job.next_told = None
        begun = slot + start_delay(draw(self.seed, job.spec.job_id, slot)) + index * SITES_APART
        run = self._new(job, created=slot + index, start=begun, begun=begun, starter=starter, scopes=(site,))
        run.log_suffix = draws.suffix
        self._set_going(run, outcome, length)
        if outcome.failed:
            self._after_failure(job, run, slot, site, attempt)
        return run

    def _new(
        self,
        job: Job,
        *,
        created: int,
        start: int | None,
        begun: int | None,
        starter: Starter,
        scopes: tuple[str, ...],
        execution_id: str | None = None,
    ) -> Execution:
        identity = execution_id or self._execution_id()
        suffix = draw(self.seed, job.spec.job_id, identity).suffix
        run = Execution(identity, job.spec.job_id, created, self.now_ms(), start, begun, suffix)
        run.starter, run.scopes, run.plan = starter, scopes, job.spec.steps
        run.description, run.has_log = job.spec.description, job.spec.log
        job.open.append(run)
        return run

    def _set_going(self, run: Execution, outcome: Outcome | None, length: int | None = None) -> None:
        """Settle end and steps as far as they are known, and take the run into the history."""
        if outcome is not None and run.begun is not None:
            job = self._jobs[run.job_id]
            took = length or decide(job.spec, draw(self.seed, run.job_id, run.id), outcome)[1]
            run.end = run.end_known = run.begun + took
            run.outcome = outcome
            run.steps = lay_out(run.plan, run.begun, run.end, outcome, run.scopes[0], self._step_id)
        elif run.begun is not None:
            first = (run.plan or DEFAULT_STEPS)[0]
            run.steps = [StepExecution(self._step_id(), first, first.scope or run.scopes[0], run.begun)]
        self.files.add_run(run)
        if run.start is not None and run.start > self.now_ms():
            self.history.wait(run)
            self._later(run.start, lambda _at: self.history.started(run))
        else:
            self.history.add(run)

    def _after_failure(self, job: Job, run: Execution, slot: int, site: str, attempt: int) -> None:
        retry, end = job.spec.retry, run.end or slot
        if retry is None or attempt == retry.max_retries:
            if retry is not None:
                run.retry = (attempt, retry.max_retries)
            if job.spec.stop_on_error:
                self._later(end, lambda _at: self.enable(job.spec.job_id, enabled=False))
            return
        again = end + span_ms(retry.interval)
        run.retry = (attempt, retry.max_retries)
        run.marks = [(end, retry.while_waiting), (again, retry.afterwards)]
        self._later(
            again,
            lambda at: self._planned(job, at, run.starter, site=site, attempt=attempt + 1),
        )

    def _noise_event(self, names: Sequence[str], pace: int) -> Event:
        def round_of_noise(at: int) -> None:
            begin = at - NOISE_SETTLED
            forgotten = self._present() - KEPT_OK
            if at < forgotten:  # nobody will ever see these
                self._later(forgotten + (begin - forgotten) % pace + NOISE_SETTLED, round_of_noise)
                return
            for index, name in enumerate(names):
                start = begin + index * 1_000 // len(names)
                end = start + noise_length(self.seed, name, begin)
                self.history.add(NoiseRun(self._execution_id(), name, start, end))
            self._later(at + pace, round_of_noise)

        return round_of_noise

    def _execution_id(self) -> str:
        return str(next(self._execution_ids))

    def _step_id(self) -> str:
        return str(next(self._step_ids))
