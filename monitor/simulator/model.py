"""What a world is made of before anything runs: jobs, steps, schedules, outcomes; and its switches.

Plain values only; nothing here knows documents, URLs or the clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

DEMO_CLIENT_ID = "5fcc0000-1111-4222-8333-444455556666"
DEMO_CLIENT_SECRET = "simulator-client-secret"  # noqa: S105 - opens nothing but the simulator
DEMO_SCOPES = ("mail", "sfcc.jobs", "sfcc.jobs.rw")
DEMO_ORGANIZATION = "f_ecom_zzxy_001"
DEMO_USER = "monitor@example.com"
DEMO_ACCESS_KEY = "simulator-access-key"

ORGANIZATION = "Organization"

# Where old logs go, below /Sites: that they do, and gzipped, is documented; the place is not.
LOG_ARCHIVES = (
    "/LOGS/log_archive/jobs/{job}/{file}.gz",
    "/LOGS/jobs/{job}/log_archive/{file}.gz",
    "/LOGS/jobs/log_archive/{file}.gz",
)


@dataclass(frozen=True, slots=True)
class StepSpec:
    """`weight` is the step's share of the job's duration; `items` makes it a chunk oriented step."""

    step_id: str
    type_id: str = "ExecuteScriptModule"
    weight: float = 1.0
    scope: str = ""
    items: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ends. `trace` are log lines before the end: those that begin with a level get a time."""

    code: str = "OK"
    status: str = "ok"
    message: str | None = None
    failed_step: str | None = None
    duration: timedelta | None = None
    trace: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return self.status == "error"


OK = Outcome()
FAILED = Outcome(code="ERROR", status="error", message="An error occurred while executing the step.")


@dataclass(frozen=True, slots=True)
class Retry:
    """The platform allows 1 to 3 retries. `while_waiting` is the failed attempt's execution_status until
    the next one starts, `afterwards` from then on: the life cycle is not documented, hence both are open."""

    max_retries: int = 1
    interval: timedelta = timedelta(minutes=10)
    while_waiting: str = "retrying"
    afterwards: str = "retried"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job, and when it runs: `cron` in `timezone` (the world's by default), or `every` plus `offset` from
    midnight UTC, or neither. Several `sites` give one execution for each site. `spread` is the deviation
    of ln(duration), `failure_rate` the share of runs that end with `failure`."""

    job_id: str
    cron: str | None = None
    every: timedelta | None = None
    offset: timedelta = timedelta(0)
    timezone: str | None = None
    duration: timedelta = timedelta(minutes=5)
    spread: float = 0.05
    steps: tuple[StepSpec, ...] = ()
    sites: tuple[str, ...] = ()
    description: str | None = None
    failure_rate: float = 0.0
    failure: Outcome = FAILED
    retry: Retry | None = None
    stop_on_error: bool = False
    log: bool = True
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Quirks:
    """Ways in which instances differ, or are known or feared to. All may be changed while it runs.

    Of SCAPI: `search_fields` is the spelling of field names it takes, `unknown_fields` what becomes of
    others, `scapi_limit_means` what `limit` in a result says, `scapi_ids` whether it names runs as OCAPI
    does, `load` the percentage told in the headers. A search's answer of more than `max_answer_bytes` is a
    500. `log_archive` is one of LOG_ARCHIVES or the like, None where old logs are lost; `log_redirect` (a
    URL, or a folder of this host) is where GETs of files are sent; by `log_lag` a log is behind its run.
    """

    short_pages: int | None = None
    steps_in_hits: bool = True
    log_path_in_hits: bool = True
    omit_empty_hits: bool = False
    refuse_combined: bool = False
    legacy_log_name: bool = False
    index_lag: timedelta = timedelta(0)
    clock_skew: timedelta = timedelta(0)
    ranges: bool = True
    log_archive_after: timedelta | None = timedelta(days=3)
    log_archive: str | None = LOG_ARCHIVES[0]
    log_redirect: str | None = None
    log_lag: timedelta = timedelta(0)
    pending_without_start: bool = False
    search_fields: Literal["camel", "snake", "both"] = "both"
    unknown_fields: Literal["refuse", "match_nothing"] = "refuse"
    scapi_limit_means: Literal["requested", "returned"] = "requested"
    scapi_steps_in_hits: bool = True
    scapi_ids: Literal["same", "other"] = "same"
    max_answer_bytes: int | None = None
    load: int | None = None
    after_search: Callable[[], object] | None = None


@dataclass(slots=True)
class Permissions:
    """What the instance's settings allow; `clients` limits that to some client ids (None: no limit), and
    `folders` the files to those below some, such as "/logs" (None: all). SCAPI knows no clients here: what
    is allowed stands in the scopes of the token; `scapi` False refuses them all.

    `denied_status` is 403 or 401: the documentation and the code found in the wild contradict each other.
    """

    search: bool = True
    execution: bool = True
    start: bool = True
    webdav: bool = True
    scapi: bool = True
    clients: frozenset[str] | None = None
    folders: frozenset[str] | None = None
    denied_status: int = 403

    def allow(self, what: str, client_id: str) -> bool:
        granted = {
            "search": self.search,
            "execution": self.execution,
            "start": self.start,
            "webdav": self.webdav,
        }
        return granted[what] and (self.clients is None or client_id in self.clients)

    def allow_folder(self, path: str) -> bool:
        first = "/" + path.strip("/").partition("/")[0]
        return self.folders is None or first.lower() in {folder.lower() for folder in self.folders}


@dataclass(frozen=True, slots=True)
class Starter:
    """Who started a run: a user, an API client, or (both None) the schedule."""

    user_login: str | None = None
    client_id: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


SCHEDULE = Starter()
