"""Reads what an instance ran while nobody looked: in the order of start times, page by page.

Knows windows, pages and what they prove; nothing of documents and nothing of judgement, which is for the
poll that closes the gap. Each page is one transaction: its runs, how far was read, and the time that is
covered by it. Whoever ends the process in between, the next one goes on at the page.

Why everything that began before the last row of a page is stored: rows come by their start; none is skipped,
however they move (`sfcc.paging`); and windows end `LAG` before the present, by when the search index has
shown whatever began in them. Runs that had begun before the window and ended in it stand first of all. Those
that never began have no place in the order, and may stand last: a search that goes on amid a window is asked
for them from the window's beginning. No start is missing with them, so that coverage does not wait for them.
Rows in no order prove nothing before the end of their window. What the platform has deleted by now is not
covered (`READABLE`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from monitor.errors import StoppingError
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.cursor import Cursor
from monitor.history.engine import reading
from monitor.model import Execution, RunId
from monitor.polling.intake import Intake
from monitor.polling.lookups import Lookups
from monitor.polling.polltime import Moment
from monitor.polling.progress import Progress, Report
from monitor.sfcc import JobsApi, Page

log = logging.getLogger(__name__)

LAG = timedelta(minutes=6)
"""The search index may show a run minutes late: nothing is complete before so much time has passed."""

FLOOR = timedelta(minutes=5)
"""Adapters may begin a window this much earlier: what is known from there on is not parsed again."""

AT_ONCE = timedelta(hours=2)
"""Shorter gaps are read by the search of every poll."""

WINDOW = timedelta(days=1)
"""One search is for no more than this: how deep into its rows the platform lets one page is unknown."""

READABLE = timedelta(days=5)
"""How far back a read finds all runs: good ones go then, failed ones 20 days later. More is not covered."""


PAGES = 50
"""So deep into the rows of one search, then by a new one from there: what the platform allows is unknown."""

NOTHING = Page((), frozenset(), frozenset())


@dataclass(slots=True)
class _Gap:
    """`origin`: where it begins. `whole`: windows before it are read to their end. `at`: all that began
    before it is stored. `stored`: runs, by this process. `last`: the start that was read last, in order."""

    origin: datetime
    whole: datetime
    at: datetime
    stored: int = 0
    last: datetime | None = None


class CatchUp:
    """Of one instance; not to be shared by threads."""

    def __init__(  # noqa: PLR0913 - what a gap is read by; all but five by name
        self,
        instance: str,
        engine: Engine,
        api: JobsApi,
        intake: Intake,
        lookups: Lookups,
        *,
        note: Callable[[Page], None],
        backend: Callable[[], str],
        stopping: Callable[[], bool],
        report: Report,
    ) -> None:
        """note: told of each page before anything of it is stored; may raise to refuse it.

        backend: the API that is read by agreement; another one may be asked at any moment.
        """
        self._instance = instance
        self._engine = engine
        self._api = api
        self._intake = intake
        self._lookups = lookups
        self._time = intake.time
        self._note = note
        self._backend = backend
        self._stopping = stopping
        self._report = report

    def read(self, cursor: Cursor, origin: datetime, since: datetime) -> tuple[datetime, int]:
        """From `since` on; returns where the search for the present has to begin, and how many runs were
        stored. origin: where the gap began, if an earlier process has read a part of it.

        Raises `SfccError`, `StoppingError` and whatever `note` does; what was read by then is stored.
        """
        gap = _Gap(origin, origin, since)
        while self._time.present - LAG - gap.at > AT_ONCE:
            before = gap.at
            self._search(cursor, gap)
            if gap.at <= before:  # our clock was set back: it is earlier than it seemed
                break
        log.info("%s: caught up since %s UTC", self._instance, f"{gap.origin:%Y-%m-%d %H:%M}")
        return gap.at, gap.stored

    def _search(self, cursor: Cursor, gap: _Gap) -> None:
        """One search: to the end of a window, or as deep as `PAGES`."""
        asked, since = self._time.mark(), gap.at
        until = min(since + WINDOW, self._time.present - LAG)
        started_since = since if since > gap.whole else None
        gap.last = None
        pages = self._api.between(gap.whole, until, self._known(since), started_since=started_since)
        for number, page in enumerate(pages, start=1):
            self._note(page)
            self._keep(page.executions, cursor, gap, self._proven(_reached(page, gap), asked))
            if self._stopping():
                raise StoppingError("ended early")
            if number >= PAGES and gap.at > since:
                return
        self._note(NOTHING)  # of an API that nobody agreed on, no pages are not that nothing ran
        self._keep((), cursor, gap, self._proven(until, asked))
        gap.whole = gap.at

    def _proven(self, until: datetime, asked: Moment) -> datetime:
        """As far as that is true by the time that the answers told meanwhile."""
        return min(until, self._time.least(asked) - LAG)

    def _known(self, since: datetime) -> dict[RunId, str]:
        with reading(self._engine) as connection:
            return history.versions(connection, self._instance, since - FLOOR)

    def _keep(self, runs: Sequence[Execution], cursor: Cursor, gap: _Gap, until: datetime) -> None:
        news = [run for run in runs if self._intake.is_news(run, cursor)]
        owed = [one for one in map(self._lookups.wanted, news) if one is not None]
        seen_at = self._time.least()
        with self._intake.writing() as connection:
            gap.stored += self._intake.keep(connection, runs, cursor, seen_at)
            self._lookups.postpone(connection, owed)
            cursors.read_until(connection, self._instance, until, self._backend())
            cursors.cover(connection, self._instance, max(gap.at, seen_at - READABLE), until)
        gap.at = max(gap.at, until)
        self._report(Progress(self._instance, gap.origin, gap.at, self._time.present, gap.stored))


def _reached(page: Page, gap: _Gap) -> datetime:
    """Up to where the rows were read with this page; no further than before where they are in no order."""
    if page.reached is None:
        return gap.at
    is_in_order = gap.last is None or page.reached >= gap.last
    gap.last = page.reached if is_in_order else datetime.max.replace(tzinfo=UTC)
    return max(gap.at, page.reached) if is_in_order else gap.at
