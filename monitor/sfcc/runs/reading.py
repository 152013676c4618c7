"""Reading runs by search and by id: what is the same whichever API is asked.

Knows forms of searches, pages, and what of an answer is new; addresses, documents, faults and rights are
an `Endpoint`'s, one for each API. The one idea: a poll is one search, for what began, what ended and what
is active, and an instance that refuses that form is asked in the next simpler one from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from monitor.errors import Reason, SfccError
from monitor.model import Execution, RunId
from monitor.sfcc import Page, Unreadable
from monitor.sfcc.refusal import plain
from monitor.sfcc.runs import search, wire
from monitor.sfcc.runs.gaps import gaps
from monitor.sfcc.runs.paging import Slice, read_all


class Endpoint(Protocol):
    """One API of an instance. Queries come, and documents leave, in OCAPI's spelling; raises `SfccError`."""

    @property
    def backend(self) -> str: ...

    @property
    def clock_offset(self) -> timedelta | None: ...

    def find(self, query: search.Query, start: int) -> Slice[Any]:
        """Hits of a search by start time, from one position on."""
        ...

    def fetch(self, job_id: str, execution_id: str) -> Mapping[str, Any] | None:
        """One run; None where the platform says that it does not exist."""
        ...


class _Hit(NamedTuple):
    """A row of a search, where it stood, and which run it is about, or why it is about none."""

    document: Any
    position: int
    run: RunId | wire.UnreadableError


class RunReader:
    """`JobsApi` of one instance by one API; `keep` says by job id which runs are wanted."""

    def __init__(self, instance: str, endpoint: Endpoint, *, keep: Callable[[str], bool]) -> None:
        self._instance = instance
        self._endpoint = endpoint
        self._keep = lru_cache(maxsize=4096)(keep)
        self._form = {"recent": 0, "between": 0, "resumed": 0}

    @property
    def backend(self) -> str:
        return self._endpoint.backend

    @property
    def clock_offset(self) -> timedelta | None:
        return self._endpoint.clock_offset

    def recent(self, since: datetime, known: Mapping[RunId, str]) -> Iterator[Page]:
        """Runs that started or ended since then, and whatever is active now, however old."""
        return self._simplest("recent", search.recent_forms(since), known)

    def between(
        self,
        since: datetime,
        until: datetime,
        known: Mapping[RunId, str],
        *,
        started_since: datetime | None = None,
    ) -> Iterator[Page]:
        """Runs that started or ended in [since, until), oldest first, but for those read before."""
        if started_since is None or started_since <= since:
            return self._simplest("between", search.between_forms(since, until), known)
        return self._simplest("resumed", search.resumed_forms(since, until, started_since), known)

    def execution(self, job_id: str, execution_id: str) -> Execution | None:
        """One run by id; None where the platform says that it does not exist."""
        doc = self._endpoint.fetch(job_id, execution_id)
        if doc is None:
            return None
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
        found = self._endpoint.find(query, start)
        return Slice([_hit(doc, start + index) for index, doc in enumerate(found.rows)], found.total)

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
        return Page(
            *(tuple(executions), frozenset(seen), frozenset(running), tuple(unreadable), alive),
            reached=_reached(hits),
        )


def listed(doc: Mapping[str, Any], start: int) -> Slice[Any]:
    """The hits of a search's answer, which are named alike in both APIs; raises `SfccError`."""
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
    return Slice(hits, total)


def segment(text: str) -> str:
    """One part of a path; raises `SfccError` for the two names that no encoding can protect."""
    if text in {".", ".."}:
        raise SfccError(Reason.REFUSED, f'"{text}" cannot be asked for by id')
    return quote(text, safe="")


def _hit(document: object, position: int) -> _Hit:
    try:
        return _Hit(document, position, wire.identity(document))
    except wire.UnreadableError as error:
        return _Hit(document, position, error)


def _reached(hits: list[_Hit]) -> datetime | None:
    """When the last one started, unless the first one shows that this is not their order."""
    first, last = (
        wire.timestamp(hit.document.get("start_time")) if isinstance(hit.document, dict) else None
        for hit in (hits[0], hits[-1])
    )
    return None if first is not None and last is not None and first > last else last


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
