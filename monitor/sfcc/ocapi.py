"""The Data API of OCAPI: job runs by search and by id.

Knows its addresses, its faults and the rights it needs; documents are read by `wire`, queries made by
`search`. The one idea: a poll is one search, for what began, what ended and what is active, and an
instance that refuses that form is asked in the next simpler one from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import quote

from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.model import Execution, RunId
from monitor.sfcc import Page, Unreadable, search, wire
from monitor.sfcc.auth import ClientCredentials, logged_in
from monitor.sfcc.gaps import gaps
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.paging import Slice, read_all
from monitor.sfcc.refusal import Refusal, general_error, json_document, plain, read_refusal

GONE = ("JobExecutionNotFoundException", "JobNotFoundException")
BAD_TOKEN = ("InvalidAccessTokenException", "InvalidAuthorizationHeaderException", "invalid_token")
SETTINGS_PAGE = "Administration > Site Development > Open Commerce API Settings"


class _Right(NamedTuple):
    """What Business Manager must allow the API client for a request."""

    resource: str
    method: str


SEARCH = _Right("/job_execution_search", "POST")
LOOKUP = _Right("/jobs/*/executions/*", "GET")


class _Hit(NamedTuple):
    """A row of a search, where it stood, and which run it is about, or why it is about none."""

    document: Any
    position: int
    run: RunId | wire.UnreadableError


class OcapiJobs:
    """`JobsApi` of one instance; `base` is its URL, `keep` says by job id which runs are wanted."""

    def __init__(
        self,
        instance: str,
        base: str,
        http: Http,
        login: ClientCredentials,
        *,
        keep: Callable[[str], bool],
        now: Callable[[], datetime],
        api_version: str = "v25_6",
    ) -> None:
        self._instance = instance
        self._base = f"{base}/s/-/dw/data/{api_version}"
        self._version = api_version
        self._http = http
        self._login = login
        self._keep = lru_cache(maxsize=4096)(keep)
        self._now = now
        self._form = {"recent": 0, "between": 0}

    @property
    def backend(self) -> str:
        return "ocapi"

    @property
    def clock_offset(self) -> timedelta | None:
        return self._http.clock_offset

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        """Runs that started or ended since then, and whatever is active now, however old."""
        return self._simplest("recent", search.recent_forms(since), known)

    def between(self, since: datetime, until: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        """Runs that started or ended in [since, until), oldest first."""
        return self._simplest("between", search.between_forms(since, until), known)

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        """One run by id; None where the platform says that it does not exist."""
        url = f"{self._base}/jobs/{_segment(job_id)}/executions/{_segment(execution_id)}"
        try:
            doc = self._ask(Outgoing("GET", url), LOOKUP)
        except SfccError as error:
            if error.status == 404 and error.fault_type in GONE:
                return None
            raise
        try:
            found = wire.parse(doc, self._instance)
        except wire.UnreadableError as error:
            raise SfccError(
                Reason.PROTOCOL, f"run {execution_id} of {job_id} cannot be read: {error}"
            ) from error
        if found.run_id != RunId(job_id, execution_id):
            text = f"asked for run {execution_id} of {job_id}, got run {found.id} of {found.job_id}"
            raise SfccError(Reason.PROTOCOL, text)
        return found

    def _simplest(
        self, kind: str, forms: tuple[tuple[search.Query, ...], ...], known: Mapping[RunId, str]
    ) -> Iterator[Page]:
        """By the first form that the instance takes, which is remembered."""
        for number in range(self._form[kind], len(forms)):
            pages = self._pages(forms[number], known)
            try:
                first = next(pages, None)
            except SfccError as error:
                simpler = number + 1 < len(forms)
                if error.status == 400 and error.fault_type and simpler:
                    continue
                raise
            self._form[kind] = number
            if first is not None:
                yield first
                yield from pages
            return

    def _pages(self, queries: tuple[search.Query, ...], known: Mapping[RunId, str]) -> Iterator[Page]:
        given: dict[RunId, str] = {}
        for query in queries:
            for hits in read_all(partial(self._slice, query), _key):
                yield self._page(hits, known, given)

    def _slice(self, query: search.Query, start: int) -> Slice[_Hit]:
        url = f"{self._base}/job_execution_search"
        doc = self._ask(Outgoing("POST", url, json=search.request(query, start)), SEARCH)
        hits, total = doc.get("hits"), doc.get("total")
        if not isinstance(total, int) or isinstance(total, bool):
            total = None
        if hits is None and total is not None and total <= start:  # nulls and empty lists are left out
            hits = []
        if not isinstance(hits, list):
            raise SfccError(
                Reason.PROTOCOL,
                "the job search answered without a list of hits: check server and api version",
                retryable=True,
            )
        return Slice([_hit(doc, start + index) for index, doc in enumerate(hits)], total)

    def _page(self, hits: list[_Hit], known: Mapping[RunId, str], given: dict[RunId, str]) -> Page:
        """`given` holds what earlier pages of the same read had, and is added to."""
        executions: list[Execution] = []
        seen: set[RunId] = set()
        running: set[RunId] = set()
        unreadable: list[Unreadable] = []
        alive: dict[RunId, timedelta | None] = {}
        for hit in hits:
            doc, _, run = hit
            if isinstance(run, wire.UnreadableError):
                unreadable.append(_no_run(hit, run))
                continue
            if is_active := wire.is_active(doc):
                running.add(run)
            if not self._keep(run.job_id):
                continue
            seen.add(run)
            version = wire.version(doc)
            if given.get(run) == version:
                continue
            given[run] = version
            if known.get(run) != version:
                found = wire.parse(doc, self._instance)
                executions.append(found)
                if missing := gaps(doc, found):
                    unreadable.append(_in_part(found, missing))
            elif is_active:
                alive[run] = wire.duration(doc)
        return Page(tuple(executions), frozenset(seen), frozenset(running), tuple(unreadable), alive)

    def _ask(self, outgoing: Outgoing, right: _Right) -> Mapping[str, Any]:
        def read(incoming: Incoming) -> Mapping[str, Any]:
            if incoming.status == 200:
                return json_document(incoming)
            raise self._error(read_refusal(incoming, self._now()), right)

        def send(auth: AuthBase) -> Mapping[str, Any]:
            return self._http.ask(outgoing, auth, read)

        return logged_in(self._login, send)

    def _error(self, refusal: Refusal, right: _Right) -> SfccError:
        host, client = refusal.host, self._login.client_id
        if refusal.status == 404:
            text = (
                f"{host} has no Data API {self._version} at this address{refusal.quote}: "
                "check the server's name and the API's version"
            )
            return refusal.as_error(Reason.NOT_FOUND, text)
        if refusal.status not in {401, 403}:
            return general_error(refusal)
        if refusal.fault_type in BAD_TOKEN or refusal.error in BAD_TOKEN:
            text = (
                f'{host} does not accept the token of the API client "{client}", not even a new one: '
                "check that account_manager_host is the one this instance belongs to"
            )
            return refusal.as_error(Reason.CREDENTIALS, text)
        if refusal.status == 403 and not refusal.is_json:
            text = f"something in front of {host} refuses this machine{refusal.quote}: check its allow-list"
            return refusal.as_error(Reason.PERMISSION, text)
        text = (
            f'the API client "{client}" may not use {right.resource} on {host} ({refusal.status}): '
            f"in Business Manager > {SETTINGS_PAGE}, type Data, add the resource {right.resource} "
            f"({right.method}) for it; changes take up to 3 minutes"
        )
        return refusal.as_error(Reason.PERMISSION, text)


def _hit(document: object, position: int) -> _Hit:
    try:
        return _Hit(document, position, wire.identity(document))
    except wire.UnreadableError as error:
        return _Hit(document, position, error)


def _key(hit: _Hit) -> Hashable:
    """What tells rows apart when pages are laid over each other; unreadable ones by what they hold."""
    return hit.run if isinstance(hit.run, RunId) else wire.fingerprint(hit.document)


def _no_run(hit: _Hit, error: wire.UnreadableError) -> Unreadable:
    where = plain(error.where) or f"at position {hit.position}"
    text = f"a hit of the job search ({where}) was left out: {error}"
    return Unreadable(wire.fingerprint(hit.document), text)


def _in_part(run: Execution, fields: Sequence[str]) -> Unreadable:
    text = f"run {plain(run.id)} of {plain(run.job_id)}: not readable, and taken for unknown: "
    return Unreadable(repr(run.run_id), text + ", ".join(fields))


def _segment(text: str) -> str:
    """One part of a path; raises `SfccError` for the two names that no encoding can protect."""
    if text in {".", ".."}:
        raise SfccError(Reason.REFUSED, f'"{text}" cannot be asked for by id')
    return quote(text, safe="")
