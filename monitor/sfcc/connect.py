"""The one place where clients of this room are put together: from what the settings know to the two
protocols everybody else uses.

Raises `ValueError` with a text for people where an address or a file of the settings is wrong; sends
nothing itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from monitor.errors import SfccError
from monitor.sfcc import JobsApi, LogReader
from monitor.sfcc.auth import TOKEN_PATH
from monitor.sfcc.endpoints import base_url
from monitor.sfcc.http import Count, Http, Timeouts
from monitor.sfcc.logins import ApiClient, Logins, WebDavUser
from monitor.sfcc.logs import WebDavLogs
from monitor.sfcc.ocapi import OcapiJobs
from monitor.sfcc.retry import Pace
from monitor.sfcc.session import new_session

SYSTEM_JOBS = "sfcc-"  # a prefix the platform keeps for itself


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one instance. Servers are hosts or URLs; secrets are read when they are needed.

    webdav: who reads logs; without it, the client of OCAPI. ca_file: an authority trusted on top of the
    usual ones. include_system_jobs: globs. conceal: takes out of an error's text what a server that was
    sent secrets may quote of them.
    """

    instance: str
    server: str
    account_manager_host: str
    ocapi: ApiClient
    webdav: ApiClient | WebDavUser | None = None
    webdav_server: str | None = None
    ca_file: str | None = None
    verify: bool = True
    api_version: str = "v25_6"
    token_path: str = TOKEN_PATH
    include_system_jobs: Sequence[str] = ()
    conceal: Callable[[str], str] = field(default=str, repr=False)

    def read_secrets(self) -> Iterator[SfccError]:
        """Reads each secret once and forgets it; what is wrong with those that cannot be read."""
        for who in (self.ocapi, self.webdav):
            for read in () if who is None else who.secrets:
                try:
                    read()
                except SfccError as error:
                    yield error


@dataclass(frozen=True, slots=True)
class Connection:
    """What the rest of the program gets. `close` ends idle connections; use nothing of it afterwards."""

    jobs: JobsApi
    logs: LogReader
    close: Callable[[], None]


def connect(
    access: Access,
    *,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    count: Count,
    keep: Callable[[str], bool] | None = None,
    jitter: Callable[[], float] = random.random,
    timeouts: Timeouts | None = None,
) -> Connection:
    """`monotonic` in real seconds, also where `now` runs faster: sockets do not. `sleep` may raise to abort.

    `keep` says by job id which runs are wanted; without it, all but the system's.
    """
    pace = Pace(now, monotonic, sleep, jitter)
    try:
        session = new_session(ca_file=access.ca_file, verify=access.verify)
    except OSError as error:
        raise ValueError(f"ca_file {access.ca_file} holds no certificate to be read: {error}") from error

    def http(api: str) -> Http:
        return Http(api, session, pace, count, timeouts, access.conceal)

    logins = Logins(
        http("token"),
        base_url(access.account_manager_host) + access.token_path,
        monotonic=monotonic,
        now=now,
    )
    jobs = OcapiJobs(
        access.instance,
        base_url(access.server),
        http("ocapi"),
        logins.of_client(access.ocapi),
        keep=keep or wanted_jobs(access.include_system_jobs),
        now=now,
        api_version=access.api_version,
    )
    logs = WebDavLogs(
        base_url(access.webdav_server or access.server),
        http("webdav"),
        logins.of_webdav(access.webdav or access.ocapi),
        monotonic=monotonic,
        now=now,
    )
    return Connection(jobs, logs, session.close)


def wanted_jobs(include_system_jobs: Sequence[str]) -> Callable[[str], bool]:
    """Every job of the customer, and those of the system that a glob names."""

    def keep(job_id: str) -> bool:
        return not job_id.startswith(SYSTEM_JOBS) or any(
            fnmatchcase(job_id, glob) for glob in include_system_jobs
        )

    return keep
