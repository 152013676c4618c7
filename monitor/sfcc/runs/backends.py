"""Which of two APIs is asked, where the settings leave it open (`api_backend = "auto"`).

Knows the order of preference and which refusals make the next one be asked; knows no document. A refusal for
good (no right, no such organization) is said once, and tried again after an hour; an API that is merely down
stays the one that is asked, and the poll fails like any other. A search is never continued, nor begun anew,
at another API by itself: the call fails, `backend` names the other one, and whoever keeps the runs looks
first whether both mean the same ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from monitor.errors import Reason, SfccError
from monitor.model import Execution, RunId
from monitor.sfcc import JobsApi, Page
from monitor.sfcc.runs.scapi import NO_STYLE

log = logging.getLogger(__name__)

FOR_GOOD = frozenset({Reason.PERMISSION, Reason.CREDENTIALS, Reason.NOT_FOUND})
REST = timedelta(hours=1)


def is_for_good(error: SfccError) -> bool:
    """Whether it is the settings, here or there, and not the hour."""
    return error.reason in FOR_GOOD or error.fault_type == NO_STYLE


class Backends:
    """`JobsApi` by the first of several that allows it; not to be shared by threads.

    `alternatives`: the APIs by name, best first. Searches made with these count too: one that is refused for
    good is left alone for an hour.
    """

    def __init__(self, instance: str, apis: Mapping[str, JobsApi], *, now: Callable[[], datetime]) -> None:
        self.alternatives: Mapping[str, JobsApi] = {
            name: _Attended(name, api, self._heard) for name, api in apis.items()
        }
        self._instance = instance
        self._now = now
        self._rests: dict[str, datetime] = {}
        self._said: dict[str, str] = {}
        self._held: str | None = None
        self._held_until = now()
        self._last = next(iter(apis))

    @property
    def backend(self) -> str:
        """The API that the next search goes to."""
        now = self._now()
        if self._held is not None and _is_ahead(self._held_until, now):
            return self._held
        names = list(self.alternatives)
        return next((name for name in names if not _is_ahead(self._rests.get(name), now)), names[-1])

    def hold(self, backend: str) -> None:
        """For an hour that one is asked and no other; then the best one again."""
        if backend not in self.alternatives:
            raise ValueError(f"{backend} is none of {', '.join(self.alternatives)}")
        self._held, self._held_until = backend, self._now() + REST

    @property
    def clock_offset(self) -> timedelta | None:
        """By the API that answered last."""
        return self.alternatives[self._last].clock_offset

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        """Runs that started or ended since then, and whatever is active now, however old."""
        return self._api().recent(since, known)

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        """Runs that started or ended in [since, until), oldest first, but for those read before."""
        return self._api().between(since, until, known, started_since=started_since)

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        """One run by id; None where the platform says that it does not exist."""
        return self._api().execution(job_id, execution_id)

    def _api(self) -> JobsApi:
        return self.alternatives[self.backend]

    def _heard(self, name: str, error: SfccError | None) -> None:
        """How the first answer of a search by that API turned out."""
        if error is None:
            self._last = name
            self._rests.pop(name, None)
            self._said.pop(name, None)
        elif is_for_good(error):
            self._leave(name, str(error))

    def _leave(self, name: str, text: str) -> None:
        now = self._now()
        if all(_is_ahead(self._rests.get(one), now) for one in self.alternatives if one != name):
            self._rests.clear()  # none is left: each has its turn again
        self._rests[name] = now + REST
        other = self.backend
        if other != name and self._said.get(name) != text:
            log.warning("%s: asking %s instead of %s: %s", self._instance, other, name, text)
            self._said[name] = text


def _is_ahead(end: datetime | None, now: datetime) -> bool:
    """Whether a rest still lasts: one that ends later than rests do is from before our clock was set back."""
    return end is not None and now < end <= now + REST


class _Attended:
    """One of the APIs, with somebody who hears how its searches turn out."""

    def __init__(self, name: str, api: JobsApi, heard: Callable[[str, SfccError | None], None]) -> None:
        self._name = name
        self._api = api
        self._heard = heard

    @property
    def backend(self) -> str:
        return self._api.backend

    @property
    def clock_offset(self) -> timedelta | None:
        return self._api.clock_offset

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        return self._attended(self._api.recent(since, known))

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        return self._attended(self._api.between(since, until, known, started_since=started_since))

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        return self._api.execution(job_id, execution_id)

    def _attended(self, pages: Iterator[Page]) -> Iterator[Page]:
        try:
            first = next(pages, None)
        except SfccError as error:
            self._heard(self._name, error)
            raise
        self._heard(self._name, None)
        if first is not None:
            yield first
            yield from pages
