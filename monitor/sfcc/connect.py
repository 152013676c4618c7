"""The one place where clients of this room are put together: from what the settings know to the two
protocols everybody else uses.

Raises `ValueError` with a text for people where an address or a file of the settings is wrong; sends
nothing itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal

from monitor.errors import SfccError
from monitor.model import is_wanted
from monitor.sfcc import JobsApi, LogReader
from monitor.sfcc.endpoints import base_url
from monitor.sfcc.http import Count, Http, Timeouts
from monitor.sfcc.login.accesskey import RefusedKeys
from monitor.sfcc.login.auth import TOKEN_PATH, Login
from monitor.sfcc.login.certificate import ClientCertificate
from monitor.sfcc.login.logins import ApiClient, Logins, WebDavUser
from monitor.sfcc.logs.webdav import WebDavLogs
from monitor.sfcc.retry import Pace
from monitor.sfcc.runs.backends import Backends
from monitor.sfcc.runs.dialect import Style
from monitor.sfcc.runs.ocapi import OcapiEndpoint
from monitor.sfcc.runs.reading import Endpoint, RunReader
from monitor.sfcc.runs.scapi import ScapiEndpoint
from monitor.sfcc.runs.starting import SCOPE, FirstAllowed, JobStarter, by_ocapi, by_scapi
from monitor.sfcc.runs.tenant import organization_of, scapi_url, scope_of, tenant_of
from monitor.sfcc.sandbox import asleep, asleep_behind_gateway
from monitor.sfcc.session import Sessions
from monitor.sfcc.traffic import Traffic

SLEEPS = {"ocapi": asleep, "webdav": asleep, "scapi": asleep_behind_gateway}
"""How each API of a sandbox that is asleep fails."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one instance. Servers are hosts or URLs; secrets are read when they are needed.

    ocapi: None where there is no client for it. scapi: who asks the Jobs API, which is there for a
    `tenant_id` and a `shortcode` or a `scapi_server`. webdav: who reads logs; without it, the client of an
    API. trigger: who starts jobs, where that is another client. certificates: of this side, by the name of
    the API whose host asks for one. ca_file: an authority trusted on top of the usual ones.
    include_system_jobs: globs. conceal: takes out of an error's text what a server that was sent secrets may
    quote of them.
    """

    instance: str
    server: str
    account_manager_host: str
    ocapi: ApiClient | None
    webdav: ApiClient | WebDavUser | None = None
    scapi: ApiClient | None = None
    trigger: ApiClient | None = None
    shortcode: str | None = None
    tenant_id: str | None = None
    scapi_server: str | None = None
    api_backend: Literal["auto", "scapi", "ocapi"] = "auto"
    search_field_style: Literal["auto", "camel", "snake"] = "auto"
    webdav_server: str | None = None
    certificates: Mapping[str, ClientCertificate] = field(default_factory=dict)
    ca_file: str | None = None
    verify: bool = True
    api_version: str = "v25_6"
    token_path: str = TOKEN_PATH
    include_system_jobs: Sequence[str] = ()
    is_sandbox: bool = False
    conceal: Callable[[str], str] = field(default=str, repr=False)

    def read_secrets(self) -> Iterator[SfccError]:
        """Reads each secret once and forgets it; what is wrong with those that cannot be read."""
        who = dict.fromkeys((self.ocapi, self.scapi, self.webdav, self.trigger))
        certificates = dict.fromkeys(self.certificates.values())
        for one in (*who, *certificates):
            for read in () if one is None else one.secrets:
                try:
                    read()
                except SfccError as error:
                    yield error

    @property
    def log_reader(self) -> ApiClient | WebDavUser:
        """Who reads logs; raises `ValueError` where nobody can."""
        found = self.webdav or self.ocapi or self.scapi
        if found is None:
            raise ValueError("there is no client: client_id is missing")
        return found


@dataclass(frozen=True, slots=True)
class Connection:
    """What the rest of the program gets. `close` ends idle connections; use nothing of it afterwards.

    `logins`: how each API is logged in to, by its name, for whoever wants to know whether that alone works.
    `starter`: for the one command that starts a job; nothing else uses it.
    """

    jobs: JobsApi
    logs: LogReader
    close: Callable[[], None]
    logins: Mapping[str, Login]
    starter: JobStarter


def connect(  # noqa: PLR0913 - what comes from outside; all but one by name
    access: Access,
    *,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
    count: Count,
    keep: Callable[[str], bool] | None = None,
    jitter: Callable[[], float] = random.random,
    timeouts: Timeouts | None = None,
    traffic: Traffic | None = None,
    refused_keys: RefusedKeys | None = None,
) -> Connection:
    """`monotonic` in real seconds, also where `now` runs faster: sockets do not. `sleep` may raise to abort.

    `keep` says by job id which runs are wanted; without it, all but the system's.
    """
    pace = Pace(now, monotonic, sleep, jitter)
    try:
        sessions = Sessions(ca_file=access.ca_file, verify=access.verify)
    except OSError as error:
        raise ValueError(f"ca_file {access.ca_file} holds no certificate to be read: {error}") from error

    def http(api: str) -> Http:
        session = sessions.showing(access.certificates.get(api))
        known_as = SLEEPS[api] if access.is_sandbox and api in SLEEPS else _as_it_is
        return Http(api, session, pace, count, timeouts, access.conceal, traffic, known_as)

    logins = Logins(
        http("token"),
        base_url(access.account_manager_host) + access.token_path,
        monotonic=monotonic,
        now=now,
        refused_keys=refused_keys,
    )
    jobs = _jobs(access, http, logins, keep or wanted_jobs(access.include_system_jobs), now)
    logs = WebDavLogs(
        base_url(access.webdav_server or access.server),
        http("webdav"),
        logins.of_webdav(access.log_reader),
        monotonic=monotonic,
        now=now,
    )
    each: dict[str, Login] = {"webdav": logins.of_webdav(access.log_reader)}
    if access.ocapi is not None:
        each["ocapi"] = logins.of_client(access.ocapi)
    if access.scapi is not None and access.tenant_id:
        each["scapi"] = logins.of_client(access.scapi, scope_of(access.tenant_id))
    starter = _starter(access, http, logins, now)
    return Connection(jobs, logs, sessions.close, each, starter)


def _jobs(
    access: Access,
    http: Callable[[str], Http],
    logins: Logins,
    keep: Callable[[str], bool],
    now: Callable[[], datetime],
) -> JobsApi:
    """The API that is to be asked; both, where that is left open and both are set up."""

    def ocapi() -> Endpoint:
        if access.ocapi is None:
            raise ValueError("there is no client for OCAPI: give client_id and client_secret")
        login = logins.of_client(access.ocapi)
        server = base_url(access.server)
        return OcapiEndpoint(server, http("ocapi"), login, now=now, api_version=access.api_version)

    def scapi() -> Endpoint:
        return _scapi(access, http("scapi"), logins, now)

    made = {"scapi": scapi, "ocapi": ocapi}
    if access.api_backend != "auto":
        return RunReader(access.instance, made[access.api_backend](), keep=keep)
    if access.ocapi is None:
        return RunReader(access.instance, scapi(), keep=keep)
    if access.scapi is None or not access.tenant_id or not (access.shortcode or access.scapi_server):
        return RunReader(access.instance, ocapi(), keep=keep)
    apis = {name: RunReader(access.instance, make(), keep=keep) for name, make in made.items()}
    return Backends(access.instance, apis, now=now)


def _scapi(access: Access, http: Http, logins: Logins, now: Callable[[], datetime]) -> Endpoint:
    if access.scapi is None:
        raise ValueError(
            'api_backend is "scapi": give client_id and client_secret, or a table scapi with them'
        )
    tenant = tenant_of(access.tenant_id or "")
    return ScapiEndpoint(
        scapi_url(access.shortcode, access.scapi_server),
        tenant,
        http,
        logins.of_client(access.scapi, scope_of(tenant)),
        now=now,
        styles=tuple(Style) if access.search_field_style == "auto" else (Style(access.search_field_style),),
    )


def _starter(
    access: Access, http: Callable[[str], Http], logins: Logins, now: Callable[[], datetime]
) -> JobStarter:
    """By SCAPI, then by OCAPI, as far as they are set up."""
    found: list[JobStarter] = []
    scapi, ocapi = access.trigger or access.scapi, access.trigger or access.ocapi
    is_there = access.tenant_id and (access.shortcode or access.scapi_server)
    if scapi is not None and access.tenant_id and is_there and access.api_backend != "ocapi":
        tenant, server = tenant_of(access.tenant_id), scapi_url(access.shortcode, access.scapi_server)
        jobs = f"{server}/operation/jobs/v1/organizations/{organization_of(tenant)}/jobs"
        login = logins.of_client(scapi, scope_of(tenant, SCOPE))
        found.append(by_scapi(jobs, http("scapi"), login, now=now, tenant=tenant))
    if ocapi is not None and access.api_backend != "scapi":
        login, server = logins.of_client(ocapi), base_url(access.server)
        found.append(by_ocapi(server, http("ocapi"), login, now=now, api_version=access.api_version))
    return FirstAllowed(found)


def wanted_jobs(include_system_jobs: Sequence[str]) -> Callable[[str], bool]:
    """Every job of the customer, and those of the system that a glob names."""

    return partial(is_wanted, system_jobs=include_system_jobs)


def _as_it_is(error: SfccError, _host: str) -> SfccError:
    return error
