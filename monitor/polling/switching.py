"""From one API to the other: only where both mean the same runs by the same ids.

Knows names of runs and which API told them; no document. The history was made of what one API said. Before
anything of another one is added to it, what that one shows of the last day is held against what is known:
where the ids differ, each run would be there twice, and where runs are missing, later ones would be too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Engine

from monitor.errors import Reason, SfccError
from monitor.history import executions as history
from monitor.history.cursor import Cursor
from monitor.history.engine import reading
from monitor.model import Execution, Outcome, RunId
from monitor.polling.polltime import PollTime
from monitor.sfcc import JobsApi, Page
from monitor.sfcc.runs.backends import Backends

log = logging.getLogger(__name__)

SPANS = (timedelta(days=1), timedelta(days=4))
"""How far back runs are compared; the longer one where there are few. Good runs are kept for five days."""

ENOUGH = 5
COMPARED = 100
PAGES = 10
"""Runs that are enough, runs at most, and pages read for them: noise of system jobs lies between."""

SETTLED = timedelta(minutes=12)
"""Later runs are not compared: one of the searches may not show them yet."""

SAME_START = timedelta(seconds=1)
ASKED_AGAIN = 5
"""Missing runs that the old API is asked for: what nobody has any more was deleted."""


class Verdict(StrEnum):
    SAME = "same"
    NOTHING_KNOWN = "nothing known"
    OTHER_IDS = "other ids"
    MISSING = "missing"


class Named(NamedTuple):
    """A run as one API names it."""

    run: RunId
    began: datetime | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`compared` runs, of which `missing` are not among those found; `other`: one of them, as it is named
    there, if it is."""

    verdict: Verdict
    compared: int = 0
    missing: tuple[RunId, ...] = ()
    other: tuple[RunId, RunId] | None = None


def same_runs(known: Iterable[Named], found: Iterable[Named]) -> Comparison:
    """Whether every known run is among those found in the same time, by its own id."""
    named = list(known)
    there = list(found)
    ids = {one.run for one in there}
    missing = [one for one in named if one.run not in ids]
    if not named:
        return Comparison(Verdict.NOTHING_KNOWN)
    if not missing:
        return Comparison(Verdict.SAME, len(named))
    strangers = [one for one in there if one.run not in {each.run for each in named}]
    twins = ((one.run, other.run) for one in missing for other in strangers if _is_twin(one, other))
    twin = next(twins, None)
    verdict = Verdict.MISSING if twin is None else Verdict.OTHER_IDS
    return Comparison(verdict, len(named), tuple(one.run for one in missing), twin)


def _is_twin(one: Named, other: Named) -> bool:
    if one.run.job_id != other.run.job_id or one.began is None or other.began is None:
        return False
    return abs(one.began - other.began) <= SAME_START


class Switching:
    """Of one instance; not to be shared by threads."""

    def __init__(self, instance: str, engine: Engine, api: JobsApi, time: PollTime) -> None:
        self._instance = instance
        self._engine = engine
        self._api = api
        self._time = time
        self._agreed: str | None = None
        self._said: set[str] = set()

    @property
    def agreed(self) -> str:
        """The API that this poll reads."""
        return self._agreed or self._api.backend

    @property
    def has_changed(self) -> bool:
        """Whether another API is asked by now than was agreed on."""
        return self._agreed is not None and self._api.backend != self._agreed

    def check(self) -> None:
        """Before anything of an answer is used; raises `SfccError`."""
        if self.has_changed:
            text = f"{_name(self._api.backend)} is asked in place of {_name(self.agreed)} from now on"
            raise SfccError(Reason.PROTOCOL, text, retryable=True)

    def agree(self, cursor: Cursor) -> None:
        """Settles which API this poll reads; raises `SfccError` where there is none that may be read."""
        before, after = cursor.backend, self._api.backend
        self._agreed = after
        if before is None or before == after:
            return
        try:
            comparison = self._compare(before, after)
        except SfccError as error:
            if self._api.backend == before:  # refused for good, and left alone from now on
                self._agreed = before
                return
            self._go_back(before, str(error), error)
            return
        if comparison.verdict in {Verdict.SAME, Verdict.NOTHING_KNOWN}:
            log.info("%s: %s", self._instance, _switched(before, after, comparison))
        else:
            text = _differs(self._instance, before, after, comparison)
            remedy = _remedy(before, after, comparison)
            self._go_back(before, text, SfccError(Reason.PROTOCOL, f"{text}; {remedy}"))

    def _go_back(self, before: str, why: str, error: SfccError) -> None:
        """For an hour, then the other API is tried again; raises the error where there is no way back."""
        self._agreed = None
        if not isinstance(self._api, Backends) or before not in self._api.alternatives:
            raise error
        self._api.hold(before)
        self._agreed = before
        if why not in self._said:
            self._said.add(why)
            log.warning("%s: %s; going on with %s for an hour", self._instance, why, _name(before))

    def _compare(self, before: str, after: str) -> Comparison:
        """Raises `SfccError` where the new API does not answer."""
        until = self._time.present - SETTLED
        known = self._known(until)
        old, new = self._of(before), self._of(after)
        if not known and old is not None:
            with suppress(SfccError):  # it may be left because it refuses us now
                known = self._read(old, until - SPANS[0], until)[0]
        if not known or new is None:
            return Comparison(Verdict.NOTHING_KNOWN)
        since = min(one.began for one in known if one.began is not None)
        found, complete_until = self._read(new, since, until)
        known = [one for one in known if one.began is not None and one.began < complete_until]
        comparison = same_runs(known, found)
        return self._without_deleted(comparison, old, known, found)

    def _of(self, backend: str) -> JobsApi | None:
        if isinstance(self._api, Backends):
            return self._api.alternatives.get(backend)
        return self._api if self._api.backend == backend else None

    def _known(self, until: datetime) -> list[Named]:
        """What the history has, newest first, of what must still be there."""
        found: list[Named] = []
        for span in SPANS:
            with reading(self._engine) as connection:
                runs = history.search(
                    connection, instance=self._instance, since=until - span, until=until, limit=COMPARED
                )
            found = [
                _named(one.execution)
                for one in runs
                if one.outcome is not Outcome.VANISHED and one.execution.missing == 0
            ]
            if len(found) >= ENOUGH:
                break
        return [one for one in found if one.began is not None]

    def _read(self, api: JobsApi, since: datetime, until: datetime) -> tuple[list[Named], datetime]:
        """Some pages of the runs since then; and until when these are all there are."""
        found: list[Named] = []
        reached = since
        for number, page in enumerate(_pages(api, since, until), start=1):
            found += map(_named, page.executions)
            reached = max(reached, page.reached or reached)
            if number == PAGES:
                return found, reached
        return found, until

    def _without_deleted(
        self, comparison: Comparison, old: JobsApi | None, known: list[Named], found: list[Named]
    ) -> Comparison:
        """Once more, without runs that the old API does not know any more either."""
        if old is None or not 0 < len(comparison.missing) <= ASKED_AGAIN:
            return comparison
        try:
            gone = {run for run in comparison.missing if old.execution(*run) is None}
        except SfccError:
            return comparison
        left = [one for one in known if one.run not in gone]
        again = same_runs(left, found)
        return replace(again, verdict=Verdict.SAME) if not left else again


def _pages(api: JobsApi, since: datetime, until: datetime) -> Iterator[Page]:
    return api.between(since, until, {})


def _named(run: Execution) -> Named:
    return Named(run.run_id, run.start_time)


def _name(backend: str) -> str:
    return backend.upper()


def _switched(before: str, after: str, comparison: Comparison) -> str:
    text = f"read through {_name(after)} from now on, no longer through {_name(before)}"
    if comparison.verdict is Verdict.NOTHING_KNOWN:
        return f"{text}; there was no run of the last days by which to compare them"
    return f"{text}; both name the same runs ({comparison.compared} compared)"


def _differs(instance: str, before: str, after: str, comparison: Comparison) -> str:
    old, new = _name(before), _name(after)
    if comparison.other is not None:
        one, other = comparison.other
        return (
            f"{new} names the runs of {instance} by other ids than {old} (run {one.id} of {one.job_id} is "
            f"{other.id} there), so that each would be counted twice"
        )
    run, count = comparison.missing[0], len(comparison.missing)
    return (
        f"{new} does not show {count} of {comparison.compared} runs of {instance} that {old} "
        f"showed (run {run.id} of {run.job_id}), so that runs would be lost"
    )


def _remedy(before: str, after: str, comparison: Comparison) -> str:
    back = f'set api_backend = "{before}" for this instance'
    if comparison.verdict is Verdict.OTHER_IDS:
        return f"{back}, or give it another name, by which a new history begins"
    place = "tenant_id and shortcode belong" if after == "scapi" else "server belongs"
    return f"check that its {place} to the same instance, or {back}"
