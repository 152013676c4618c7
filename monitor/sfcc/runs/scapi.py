"""The Jobs API of SCAPI: its addresses, its faults and the scopes it needs.

Queries and documents are respelled by `dialect`; what a read of runs is made of stands in `reading`. The one
idea: how a query has to spell its fields is found out by a search that must find something, and until that
is known, an answer without hits is never taken for "nothing ran".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.login.auth import ClientCredentials, logged_in
from monitor.sfcc.refusal import Refusal, general_error, read_document, read_refusal
from monitor.sfcc.runs import search
from monitor.sfcc.runs.dialect import ALL_TIME, EVERYTHING, Style, as_ocapi, request
from monitor.sfcc.runs.pagesize import PageSize
from monitor.sfcc.runs.paging import Slice
from monitor.sfcc.runs.reading import listed, segment
from monitor.sfcc.runs.tenant import PAGE, READ_JOBS, organization_of, tenant_of

log = logging.getLogger(__name__)

SENT_ID = "correlation-id"
ANSWERED_IDS = ("x-correlation-id", "correlationid", "correlation-id")
NO_STYLE = "search-field-style"
"""`fault_type` of the error that says that searches find nothing however they are spelled."""

SURE_FOR = timedelta(hours=1)
"""So long a spelling is trusted that has found something; then one search tells whether it still does."""

NO_SCOPE = "invalid_scope"
TOO_LARGE = frozenset({500, 504})
"""How an answer above 10 MB, or one that takes too long to be made, ends."""


class _Answer(NamedTuple):
    """A document, and how many bytes it came in."""

    document: Mapping[str, Any]
    size: int


class ScapiEndpoint:
    """An `Endpoint`; `base` is the URL of SCAPI's host. `styles`: spellings to be tried, best first."""

    backend = "scapi"

    def __init__(
        self,
        base: str,
        tenant: str,
        http: Http,
        login: ClientCredentials,
        *,
        now: Callable[[], datetime],
        styles: tuple[Style, ...] = tuple(Style),
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._tenant = tenant_of(tenant)
        self._organization = organization_of(tenant)
        self._base = f"{base}/operation/jobs/v1/organizations/{self._organization}"
        self._http = http
        self._login = login
        self._now = now
        self._styles = styles
        self._style: Style | None = None
        self._sure_until = now()
        self._new_id = new_id
        self._size = PageSize()
        self._has_answered = False

    @property
    def clock_offset(self) -> timedelta | None:
        return self._http.clock_offset

    def find(self, query: search.Query, start: int) -> Slice[Any]:
        """Hits of a search by start time, from one position on."""
        style = self._style or self._found_style()
        if style is not None and start == 0 and self._now() >= self._sure_until and not self._is_good(style):
            style = self._found_style()
        if style is None:
            return Slice([], 0)
        try:
            found = self._page(query, start, style)
        except SfccError as error:
            if error.status == 400:
                self._style = None
            raise
        return Slice([as_ocapi(hit) for hit in found.rows], found.total)

    def fetch(self, job_id: str, execution_id: str) -> Mapping[str, Any] | None:
        """One run; None where the platform says that it does not exist."""
        url = f"{self._base}/jobs/{segment(job_id)}/executions/{segment(execution_id)}"
        try:
            answer = self._ask(Outgoing("GET", url))
        except SfccError as error:
            if error.status != 404 or not error.fault_type:
                raise
            if not self._has_answered:  # else it may be the organization that does not exist
                self._search(request(EVERYTHING, 0, 1, None))
            return None
        run: Mapping[str, Any] = as_ocapi(answer.document)
        return run

    def _found_style(self) -> Style | None:
        """The spelling by which the instance finds what it has; None while it has nothing to find."""
        there = _count(self._search(request(EVERYTHING, 0, 1, None)))
        if there == 0:
            return None
        refused: SfccError | None = None
        for style in self._styles:
            try:
                found = _count(self._search(request(ALL_TIME, 0, 1, style)))
            except SfccError as error:
                if error.status != 400:
                    raise
                refused = error
                continue
            if found:
                self._style, self._sure_until = style, self._now() + SURE_FOR
                log.debug("%s: fields of searches are spelled in %s case", self._organization, style)
                return style
        raise self._unfit(there, refused) from refused

    def _is_good(self, style: Style) -> bool:
        """Whether it still finds anything: what was spelled right may be wrong after an update."""
        try:
            found = _count(self._search(request(ALL_TIME, 0, 1, style)))
        except SfccError as error:
            if error.status != 400:
                raise
            found = 0
        self._style, self._sure_until = (style if found else None), self._now() + SURE_FOR
        return bool(found)

    def _unfit(self, there: int, refused: SfccError | None) -> SfccError:
        tried = " or ".join(self._styles)
        words = f" ({refused.status}, {refused.fault_type})" if refused else ""
        text = (
            f"SCAPI has {there} runs of {self._organization} and finds none of them by its start, with "
            f"fields in {tried} case{words}: so what it leaves out proves nothing; set "
            f'search_field_style to "auto", or api_backend to "ocapi"'
        )
        return SfccError(Reason.PROTOCOL, text, fault_type=NO_STYLE)

    def _page(self, query: search.Query, start: int, style: Style) -> Slice[Any]:
        """As many rows as the platform manages to answer with."""
        while True:
            try:
                answer = self._search(request(query, start, self._size.rows, style), self._size)
            except SfccError as error:
                if error.reason is Reason.TIMEOUT:
                    self._size.shrink()
                elif error.status in TOO_LARGE and self._size.shrink():
                    continue
                raise
            found = listed(answer.document, start)
            self._size.worked(len(found.rows), answer.size)
            return found

    def _search(self, document: Mapping[str, Any], size: PageSize | None = None) -> _Answer:
        """`size`: of a search that may be asked again for fewer rows, which is better than the same again."""
        return self._ask(Outgoing("POST", f"{self._base}/job-execution-search", json=document), size)

    def _ask(self, outgoing: Outgoing, size: PageSize | None = None) -> _Answer:
        sent = self._new_id()
        seen = [sent]

        def read(incoming: Incoming) -> _Answer:
            seen.append(_correlation(incoming.headers) or sent)
            log.debug(
                "%s %s: %d, correlation-id %s", *(outgoing.method, outgoing.url, incoming.status, seen[-1])
            )
            if incoming.status == 200:
                body = incoming.body()
                return _Answer(read_document(incoming, body), len(body))
            error = self._error(read_refusal(incoming, self._now()))
            if size is not None and size.may_shrink and incoming.status in TOO_LARGE:
                error.retryable = False
            raise error

        def send(auth: AuthBase) -> _Answer:
            marked = {SENT_ID: sent}
            return self._http.ask(
                Outgoing(outgoing.method, outgoing.url, outgoing.json, headers=marked), auth, read
            )

        try:
            answer = logged_in(self._login, send)
        except SfccError as error:
            if error.fault_type == NO_SCOPE:
                raise self._without_scope(error) from error
            error.correlation_id = seen[-1]
            raise
        self._has_answered = True
        return answer

    def _without_scope(self, error: SfccError) -> SfccError:
        text = (
            f'Account Manager gives the API client "{self._login.client_id}" no token for the jobs of '
            f"{self._organization} ({NO_SCOPE}): {self._remedy}"
        )
        return SfccError(Reason.PERMISSION, text, status=error.status, fault_type=NO_SCOPE)

    @property
    def _remedy(self) -> str:
        return (
            "in Account Manager > API Client give it the role Salesforce Commerce API with "
            f"{self._tenant} in its filter, and add {READ_JOBS} to its allowed scopes"
        )

    def _error(self, refusal: Refusal) -> SfccError:
        host, client = refusal.host, self._login.client_id
        if refusal.status == 404 or (refusal.status == 400 and "organization" in refusal.quote.lower()):
            text = (
                f"{host} knows no jobs of {self._organization}{refusal.quote}: check tenant_id and "
                f"shortcode, which Business Manager shows under {PAGE}"
            )
            return refusal.as_error(Reason.NOT_FOUND, text)
        if refusal.status not in {401, 403}:
            return general_error(refusal)
        if refusal.status == 403 and not refusal.is_json:
            text = f"something in front of {host} refuses this machine{refusal.quote}: check its allow-list"
            return refusal.as_error(Reason.PERMISSION, text)
        if refusal.status == 401 and "scope" not in refusal.quote.lower():
            text = (
                f'{host} does not accept the token of the API client "{client}", not even a new one'
                f"{refusal.quote}: check that account_manager_host is the one {self._organization} belongs to"
            )
            return refusal.as_error(Reason.CREDENTIALS, text)
        text = (
            f'the API client "{client}" may not read the jobs of {self._organization}{refusal.quote}: '
            f"{self._remedy}"
        )
        return refusal.as_error(Reason.PERMISSION, text)


def _count(answer: _Answer) -> int:
    """How many runs it is about, at least."""
    found = listed(answer.document, 0)
    return len(found.rows) if found.total is None else max(found.total, len(found.rows))


def _correlation(headers: Mapping[str, str]) -> str:
    return next((found for name in ANSWERED_IDS if (found := headers.get(name))), "")[:100]
