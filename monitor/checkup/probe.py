"""The trying itself: each thing the agent needs of an instance, tried as the agent does it.

Does I/O and decides nothing: what an answer means is `verdict`'s. Tries each thing even when another right is
missing, so that one look tells all; what lies behind a closed door is skipped with the door's name. Never
writes: a run and a file that do not exist are asked for where none is known, because a right shows in the
difference between "there is none" and "not for you".
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from monitor.checkup.model import OUT_OF_REACH, Remedy, Step, What
from monitor.checkup.permissions import IMPORT_LOGS, LOGS
from monitor.checkup.subject import Subject
from monitor.checkup.verdict import (
    NAMES,
    eased,
    failed,
    one_client_for_both,
    passed,
    skipped,
    warned,
    without_token,
)
from monitor.errors import Reason, SfccError
from monitor.model import Execution
from monitor.sfcc import JobsApi
from monitor.sfcc.connect import Connection
from monitor.sfcc.endpoints import host_of
from monitor.sfcc.handshake import Trust, greet, proxied, resolve
from monitor.sfcc.login.auth import Login
from monitor.sfcc.sandbox import asleep

T = TypeVar("T")
Told = Callable[[What], None]

SPANS = (timedelta(hours=2), timedelta(days=1), timedelta(days=7))
"""How far back runs are looked for, until there is one with a log."""
PAGES = 2  # of each search; one page is enough to know of the right
HEAD = 4096  # bytes of a log
NO_JOB, NO_RUN = "sfcc-job-monitor-check", "0"
NO_LOG = "/Sites/LOGS/jobs/sfcc-job-monitor-check/none.log"
NO_IMPORT_LOG = "/Sites/IMPEX/log/sfcc-job-monitor-check.log"
STILL_THERE = timedelta(days=3)
CLOCKS_DIFFER = timedelta(seconds=5)
CLOCKS_APART = timedelta(seconds=60)


def look(
    subject: Subject,
    connection: Connection,
    trusts: Callable[[str], Trust],
    now: Callable[[], datetime],
    told: Told,
) -> list[Step]:
    """All steps of an instance, in the order of trying; `told` hears of each before it is tried.

    `trusts`: what requests to an API's server are sent with.
    """
    visit = _Visit(subject, connection, trusts, now, told)
    backends = _backends(connection.jobs)
    visit.servers([*backends, "webdav"])
    visit.tokens([*backends, "webdav"])
    for api, jobs in backends.items():
        visit.jobs(api, jobs)
    visit.logs()
    visit.clock()
    steps = eased(without_token(visit.steps))
    both = one_client_for_both(subject, steps)
    return steps if both is None else [*steps, both]


def _backends(jobs: JobsApi) -> Mapping[str, JobsApi]:
    """Each API by itself, where there are two to choose from."""
    found: Mapping[str, JobsApi] | None = getattr(jobs, "alternatives", None)
    return found or {jobs.backend: jobs}


class _Visit:
    """One look at an instance; `steps` grows, `_closed` are the doors that need not be tried."""

    def __init__(
        self,
        subject: Subject,
        connection: Connection,
        trusts: Callable[[str], Trust],
        now: Callable[[], datetime],
        told: Told,
    ) -> None:
        self.steps: list[Step] = []
        self._subject = subject
        self._connection = connection
        self._trusts = trusts
        self._now = now
        self._told = told
        self._closed: dict[str, str] = {}
        self._runs: dict[str, Execution] = {}

    def servers(self, apis: Sequence[str]) -> None:
        first: dict[str, str] = {}
        for servers, whose in ((self._subject.servers, ""), (self._subject.token_servers, "token")):
            for api in apis:
                if url := servers.get(api):
                    first.setdefault(url, whose or api)
        for url, whose in first.items():
            self._server(url, whose)

    def tokens(self, apis: Sequence[str]) -> None:
        """One for each login: APIs may share it."""
        first: dict[Hashable, str] = {}
        for api in apis:
            login, client = self._connection.logins.get(api), self._subject.clients.get(api)
            if login is None or client is None:
                continue
            shared = first.setdefault((client, self._subject.token_host(api), api == "scapi"), api)
            if shared != api:
                if shared in self._closed:
                    self._closed[api] = self._closed[shared]
            elif self._is_open(What.TOKEN, api) and self._logs_in(api, login):
                self._pass(What.TOKEN, api, f'given to the API client "{client}"')
            else:
                self._closed[api] = f"there is no token for {NAMES[api]}"

    def jobs(self, api: str, jobs: JobsApi) -> None:
        if self._is_open(What.SEARCH, api):
            span = self._try(What.SEARCH, api, lambda: self._search(jobs))
            if span is not None:
                self._pass(What.SEARCH, api, self._seen(span))
        if self._is_open(What.EXECUTION, api):
            run = next(iter(self._newest_first()), None)
            wanted = (run.job_id, run.id) if run else (NO_JOB, NO_RUN)
            answer = self._try(What.EXECUTION, api, lambda: (jobs.execution(*wanted),))
            if answer is not None:
                self._looked_up(api, run, answer[0])

    def logs(self) -> None:
        if self._is_open(What.LOG, "webdav"):
            self._log()
        if self._is_open(What.IMPORT_LOG, "webdav"):
            self._import_log()

    def clock(self) -> None:
        offset = self._connection.jobs.clock_offset
        if offset is None:
            self.steps.append(skipped(self._subject, What.CLOCK, "", "no answer told the instance's time"))
            return
        seconds = abs(offset.total_seconds())
        way = "ahead of" if offset < timedelta() else "behind"
        text = f"this machine's clock is {seconds:.0f} s {way} the instance's"
        if abs(offset) >= CLOCKS_APART:
            remedy = Remedy(
                "have this machine's clock set by NTP: a login by certificate fails on it, and so can TLS"
            )
            self.steps.append(warned(self._subject, What.CLOCK, "", text, remedy))
        elif abs(offset) > CLOCKS_DIFFER:
            self._pass(What.CLOCK, "", f"{text}, which is corrected")
        else:
            self._pass(What.CLOCK, "", "as the instance's")

    def _logs_in(self, api: str, login: Login) -> bool:
        return self._try(What.TOKEN, api, login.auth) is not None

    def _server(self, url: str, api: str) -> None:
        """`api`: the first that is served there, `token` for Account Manager."""
        host = host_of(url)
        if proxied(url):
            why = "requests go through the proxy that the environment names"
            self.steps.append(skipped(self._subject, What.NAME, host, why))
            return
        found = self._try(What.NAME, host, lambda: resolve(url), of=api)
        if found is None:
            return
        self._pass(What.NAME, host, ", ".join(found[:3]) + (", …" if len(found) > 3 else ""))
        if not url.startswith("https://"):
            return
        trust = self._trusts(api)
        greeting = self._try(What.TLS, host, lambda: greet(url, trust), of=api)
        if greeting is None:
            return
        text = f"{greeting.version}, issued by {greeting.issuer}"
        if trust.verify:
            self._pass(What.TLS, host, text)
        else:
            text += "; taken without a look, because selfsigned is true"
            self.steps.append(warned(self._subject, What.TLS, host, text))

    def _search(self, jobs: JobsApi) -> timedelta:
        """How far back runs were looked for."""
        for span in SPANS:
            for page in islice(jobs.recent(self._now() - span, {}), PAGES):
                self._runs |= {run.id: run for run in page.executions}
            if any(_has_log(run) for run in self._runs.values()):
                return span
        return SPANS[-1]

    def _seen(self, span: timedelta) -> str:
        hours = span.total_seconds() / 3600
        back = f"{hours:.0f} hours" if hours <= 24 else f"{hours / 24:.0f} days"
        count = len(self._runs)
        runs = "no run" if not count else "1 run" if count == 1 else f"{count} runs"
        return f"answers; {runs} of your jobs seen, looking back {back}"

    def _looked_up(self, api: str, run: Execution | None, answer: Execution | None) -> None:
        if run is None:
            self._pass(What.EXECUTION, api, "answers; asked for a run that does not exist, as none is known")
        elif answer is None:
            text = f"the search names run {run.id} of {run.job_id}, and asked for it the API knows of none"
            self.steps.append(warned(self._subject, What.EXECUTION, api, text))
        else:
            self._runs[answer.id] = answer
            self._pass(What.EXECUTION, api, f"run {answer.id} of {answer.job_id}")

    def _log(self) -> None:
        run = next((run for run in self._newest_first() if _has_log(run)), None)
        path = NO_LOG if run is None else run.log_file_path or NO_LOG
        try:
            self._told(What.LOG)
            log = self._connection.logs.read(path, head_bytes=HEAD, tail_bytes=0)
        except SfccError as error:
            self._no_log(error, run)
            return
        size = "" if log.size is None else f" ({log.size:,} bytes)"
        self._pass(What.LOG, "webdav", f"{log.name}{size}")

    def _no_log(self, error: SfccError, run: Execution | None) -> None:
        if error.status != 404:
            self._fail(What.LOG, "webdav", error)
        elif run is None:
            text = f"may read {LOGS}; no log is known, so one that does not exist was asked for"
            self._pass(What.LOG, "webdav", text)
        elif run.ended is None or self._now() - run.ended > STILL_THERE:
            text = f"may read {LOGS}; that of run {run.id} of {run.job_id} is gone, as logs are after days"
            self._pass(What.LOG, "webdav", text)
        else:
            host = self._subject.host("webdav")
            text = (
                f"{host} does not know the log of run {run.id} of {run.job_id} (404), which ended lately. "
                "No permission is missing"
            )
            remedy = Remedy(
                f"if this stays, check that {host} is the instance's own host (webdav_server, server)"
            )
            self.steps.append(warned(self._subject, What.LOG, "webdav", text, remedy))

    def _import_log(self) -> None:
        """Not needed: what is missing is said, and is no failure."""
        try:
            self._told(What.IMPORT_LOG)
            self._connection.logs.read(NO_IMPORT_LOG, head_bytes=HEAD, tail_bytes=0)
        except SfccError as error:
            if error.status == 404:
                self._pass(What.IMPORT_LOG, "webdav", f"may read {IMPORT_LOGS}")
            else:
                self._fail(What.IMPORT_LOG, "webdav", error)
            return
        self._pass(What.IMPORT_LOG, "webdav", f"may read {IMPORT_LOGS}")

    def _newest_first(self) -> list[Execution]:
        """What is over comes before what still runs: it changes no more."""
        key: Callable[[Execution], tuple[bool, float]] = lambda run: (  # noqa: E731 - a name for a type
            run.is_final,
            run.began.timestamp() if run.began else 0.0,
        )
        return sorted(self._runs.values(), key=key, reverse=True)

    def _is_open(self, what: What, api: str) -> bool:
        """Else the step is skipped, with the reason."""
        why = self._closed.get(api) or self._closed.get(self._host(what, api))
        if why is None:
            return True
        self.steps.append(skipped(self._subject, what, api, why))
        return False

    def _try(self, what: What, api: str, act: Callable[[], T], *, of: str | None = None) -> T | None:
        """None where it failed, which is then among the steps. `of`: whose host `api` is."""
        self._told(what)
        try:
            return act()
        except SfccError as error:
            self._fail(what, api, error, of)
            return None

    def _fail(self, what: What, api: str, error: SfccError, of: str | None = None) -> None:
        if what in {What.NAME, What.TLS} and self._subject.type == "sandbox" and of in {"ocapi", "webdav"}:
            error = asleep(error, api)  # of requests, the connection says so itself
        step = failed(self._subject, what, api, error)
        self.steps.append(step)
        if error.reason in OUT_OF_REACH:
            host = api if what in {What.NAME, What.TLS} else self._host(what, api)
            self._closed.setdefault(host, f"{host} cannot be reached: see {what}")
        elif what is What.LOG and error.reason is Reason.CREDENTIALS:
            self._closed.setdefault("webdav", "the login was refused")

    def _host(self, what: What, api: str) -> str:
        """Whom the step asks."""
        return self._subject.token_host(api) if what is What.TOKEN else self._subject.host(api)

    def _pass(self, what: What, api: str, detail: str) -> None:
        self.steps.append(passed(self._subject, what, api, detail))


def _has_log(run: Execution) -> bool:
    return bool(run.log_file_path) and run.is_log_file_existing is not False
