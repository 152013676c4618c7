"""Starting a job, through OCAPI or SCAPI: the one request of this program that changes something.

Knows its documents, faults and rights. It is sent once and never again by itself: where it may have arrived
although no good answer came back, that is said (`UnsureStartError`), for the caller to look what runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.model import RunId, is_system
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.login.auth import ClientCredentials, logged_in
from monitor.sfcc.network import is_unreachable
from monitor.sfcc.refusal import Refusal, general_error, json_document, read_refusal
from monitor.sfcc.runs import wire

SITE_SCOPE = "SiteScope"
MAX_NAME, MAX_VALUE = 256, 1000
ENTRY = {
    "resource_id": "/jobs/*/executions",
    "methods": ["post"],
    "read_attributes": "(**)",
    "write_attributes": "(**)",
}
"""What the Data API's settings must allow the client."""

NO_CLIENT = "no API client is given that could start jobs: name one in the table trigger of the instance"
SETTINGS_PAGE = "Administration > Site Development > Open Commerce API Settings"
SCOPE = "sfcc.jobs.rw"
NEXT_API = frozenset({Reason.PERMISSION, Reason.CREDENTIALS, Reason.NOT_FOUND})
"""Refusals of one API that say nothing about the other."""


class UnsureStartError(SfccError):
    """The request may have arrived: whether the job was started is not known."""


class AlreadyRunningError(SfccError):
    """The platform starts no second run of a job beside one that is active."""


class UnknownJobError(SfccError):
    """The instance has no job of this id."""


class JobStarter(Protocol):
    """One way to start a job. `client_id` is who is seen to have started it."""

    @property
    def client_id(self) -> str: ...

    def start(self, job_id: str, body: Mapping[str, Any]) -> RunId:
        """The run that was begun; raises `SfccError` and its kinds above."""
        ...


def start_body(job_id: str, parameters: Mapping[str, str], sites: Sequence[str]) -> dict[str, Any]:
    """The request's document; raises `ValueError` with a text for people.

    Jobs of the platform take their parameters as fields: what looks like JSON there is read as such.
    """
    if is_system(job_id):
        fields: dict[str, Any] = {name: _field(name, text) for name, text in parameters.items()}
        return fields | ({"site_scope": list(sites)} if sites else {})
    if sites and SITE_SCOPE in parameters:
        raise ValueError(f"give --site or the parameter {SITE_SCOPE}, not both")
    given = dict(parameters)
    if sites:
        given[SITE_SCOPE] = json.dumps({"named_sites": list(sites)}, ensure_ascii=False)
    for name, value in given.items():
        _need_short(name, value)
    return {"parameters": [{"name": name, "value": value} for name, value in given.items()]} if given else {}


class Starter:
    """By one API; `jobs` is the URL of its jobs, `missing` says what to do where the right is missing."""

    def __init__(
        self,
        jobs: str,
        http: Http,
        login: ClientCredentials,
        *,
        now: Callable[[], datetime],
        missing: str,
    ) -> None:
        self._jobs = jobs
        self._http = http
        self._login = login
        self._now = now
        self._missing = missing

    @property
    def client_id(self) -> str:
        return self._login.client_id

    def start(self, job_id: str, body: Mapping[str, Any]) -> RunId:
        """The run that was begun."""
        request = Outgoing("POST", f"{self._jobs}/{_segment(job_id)}/executions", json=body)

        def send(auth: AuthBase) -> RunId:
            try:
                return self._http.ask(request, auth, self._read, once=True)
            except SfccError as error:
                if not _may_have_arrived(error):
                    raise
                raise UnsureStartError(error.reason, str(error), status=error.status) from error

        return logged_in(self._login, send)

    def _read(self, incoming: Incoming) -> RunId:
        if 200 <= incoming.status < 300:
            return _run(json_document(incoming))
        refusal = read_refusal(incoming, self._now())
        raise _about_the_job(refusal) or self._error(refusal)

    def _error(self, refusal: Refusal) -> SfccError:
        host = refusal.host
        if refusal.status == 404:
            text = f"{host} has no jobs at this address{refusal.quote}: check server, short code and tenant"
            return refusal.as_error(Reason.NOT_FOUND, text)
        if refusal.status not in {401, 403}:
            return general_error(refusal)
        if "token" in f"{refusal.fault_type} {refusal.error}".lower():
            text = (
                f'{host} does not accept the token of the API client "{self.client_id}", not even a new one'
            )
            return refusal.as_error(Reason.CREDENTIALS, text)
        if not refusal.is_json:
            text = f"something in front of {host} refuses this machine{refusal.quote}: check its allow-list"
            return refusal.as_error(Reason.PERMISSION, text)
        who = f'the API client "{self.client_id}" may not start jobs on {host} ({refusal.status})'
        return refusal.as_error(Reason.PERMISSION, f"{who}: {self._missing}")


def by_ocapi(
    base: str, http: Http, login: ClientCredentials, *, now: Callable[[], datetime], api_version: str
) -> Starter:
    """By the Data API; `base` is the instance's URL."""
    missing = (
        f"in Business Manager > {SETTINGS_PAGE}, type Data, add {json.dumps(ENTRY)} to the resources of "
        "this client (add, do not replace); changes take up to 3 minutes"
    )
    return Starter(f"{base}/s/-/dw/data/{api_version}/jobs", http, login, now=now, missing=missing)


def by_scapi(
    jobs: str, http: Http, login: ClientCredentials, *, now: Callable[[], datetime], tenant: str
) -> Starter:
    """By the Jobs API; `jobs` is the URL of the organization's jobs, `tenant` in Account Manager's words."""
    missing = (
        f"in Account Manager > API Client add {SCOPE} to its allowed scopes, and {tenant} to the filter "
        "of its role Salesforce Commerce API"
    )
    return Starter(jobs, http, login, now=now, missing=missing)


class FirstAllowed:
    """Several ways in order: the next one where one is not allowed. Jobs of the platform go by the last,
    which is OCAPI where there is a choice: only there it is known what they are started with."""

    def __init__(self, starters: Sequence[JobStarter]) -> None:
        self._starters = tuple(starters)
        self._used: JobStarter | None = None

    @property
    def client_id(self) -> str:
        """Of the one that was tried last."""
        return "" if self._used is None else self._used.client_id

    def start(self, job_id: str, body: Mapping[str, Any]) -> RunId:
        ways = self._starters[::-1] if is_system(job_id) else self._starters
        refused: list[SfccError] = []
        for way in ways:
            self._used = way
            try:
                return way.start(job_id, body)
            except UnknownJobError:
                raise
            except SfccError as error:
                if error.reason not in NEXT_API:
                    raise
                refused.append(error)
        if not refused:
            raise SfccError(Reason.CREDENTIALS, NO_CLIENT)
        if len(refused) == 1:
            raise refused[0]
        raise SfccError(
            refused[-1].reason,
            "; ".join(dict.fromkeys(str(one) for one in refused)),
            status=refused[-1].status,
        ) from refused[-1]


def _may_have_arrived(error: SfccError) -> bool:
    """Not where nobody took it, and not where it was refused with a reason."""
    if error.reason is Reason.NETWORK:
        return error.retryable and not is_unreachable(error)
    if error.status == 503 or error.reason in {Reason.THROTTLED, Reason.MAINTENANCE, Reason.ASLEEP}:
        return False
    return error.reason in {Reason.TIMEOUT, Reason.SERVER, Reason.PROTOCOL}


def _about_the_job(refusal: Refusal) -> SfccError | None:
    """What is said of the job itself, by either API."""
    said = f"{refusal.fault_type} {refusal.title} {refusal.message}".lower()
    words = said.replace("-", "").replace(" ", "").replace("_", "")
    if refusal.status == 400 and "alreadyrunning" in words:
        return AlreadyRunningError(
            Reason.REFUSED, f"{refusal.host} starts no second run of a job that is active", status=400
        )
    if refusal.status == 404 and ("jobnotfound" in words or ("nojob" in words and "found" in words)):
        text = (
            f"{refusal.host} has no job of this id: write it as Business Manager shows it, letter by letter"
        )
        return UnknownJobError(Reason.NOT_FOUND, text, status=404)
    return None


def _run(doc: Mapping[str, Any]) -> RunId:
    try:
        return wire.identity({"id": doc.get("id"), "job_id": doc.get("job_id", doc.get("jobId"))})
    except wire.UnreadableError as error:
        text = f"the answer to the start names no run: {error}"
        raise SfccError(Reason.PROTOCOL, text, status=200) from error


def _field(name: str, text: str) -> Any:
    if text[:1] not in {"{", "["} and text not in {"true", "false"}:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"--param {name}: it begins like JSON, and is none: {error}") from error


def _need_short(name: str, value: str) -> None:
    if len(name) > MAX_NAME:
        raise ValueError(f"--param: a name has at most {MAX_NAME} characters, {name[:40]}… has {len(name)}")
    if len(value) > MAX_VALUE:
        text = f"{name}: a value has at most {MAX_VALUE} characters, this one has {len(value)}"
        raise ValueError(f"--site: {text}" if name == SITE_SCOPE else f"--param {text}")


def _segment(text: str) -> str:
    """One part of a path; the two names that no encoding can protect are no job's."""
    if text in {".", ".."}:
        raise UnknownJobError(Reason.REFUSED, f'there is no job "{text}"')
    return quote(text, safe="")
