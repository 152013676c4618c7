"""The Data API of OCAPI: its addresses, its faults and the rights it needs.

Documents are read by `wire`, queries made by `search`, both in this API's own spelling; what a read of runs
is made of stands in `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.login.auth import ClientCredentials, logged_in
from monitor.sfcc.refusal import Refusal, general_error, json_document, read_refusal
from monitor.sfcc.runs import search
from monitor.sfcc.runs.paging import Slice
from monitor.sfcc.runs.reading import listed, segment

GONE = ("JobExecutionNotFoundException", "JobNotFoundException")
BAD_TOKEN = ("InvalidAccessTokenException", "InvalidAuthorizationHeaderException", "invalid_token")
SETTINGS_PAGE = "Administration > Site Development > Open Commerce API Settings"


class _Right(NamedTuple):
    """What Business Manager must allow the API client for a request."""

    resource: str
    method: str


SEARCH = _Right("/job_execution_search", "POST")
LOOKUP = _Right("/jobs/*/executions/*", "GET")


class OcapiEndpoint:
    """An `Endpoint`; `base` is the instance's URL."""

    backend = "ocapi"

    def __init__(
        self,
        base: str,
        http: Http,
        login: ClientCredentials,
        *,
        now: Callable[[], datetime],
        api_version: str = "v25_6",
    ) -> None:
        self._base = f"{base}/s/-/dw/data/{api_version}"
        self._version = api_version
        self._http = http
        self._login = login
        self._now = now

    @property
    def clock_offset(self) -> timedelta | None:
        return self._http.clock_offset

    def find(self, query: search.Query, start: int) -> Slice[Any]:
        """Hits of a search by start time, from one position on."""
        url = f"{self._base}/job_execution_search"
        return listed(self._ask(Outgoing("POST", url, json=search.request(query, start)), SEARCH), start)

    def fetch(self, job_id: str, execution_id: str) -> Mapping[str, Any] | None:
        """One run; None where the platform says that it does not exist."""
        url = f"{self._base}/jobs/{segment(job_id)}/executions/{segment(execution_id)}"
        try:
            return self._ask(Outgoing("GET", url), LOOKUP)
        except SfccError as error:
            if error.status == 404 and error.fault_type in GONE:
                return None
            raise

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
                f"{host} has no Data API {self._version} at this address{refusal.quote}: check the server's "
                "name, which is the instance's own and not the shop's, and the API's version"
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
