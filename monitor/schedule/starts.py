"""Which starts of a job tell of its schedule. Pure.

Knows when runs began and ended, and on which site; not who started them: attempts of a retry, restarts, and
what people or other programs started are left out before. The sites of one run count once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

LAST = 60
"""Starts a schedule is learned from."""

LOOKED_BACK = timedelta(days=8)
"""Of a job that runs often, its starts of so long: whether it pauses at night or on weekends."""

SETTLED = timedelta(minutes=5)
"""Runs that began so shortly before a checkpoint do not count there: they may not be found yet."""

_OPEN = datetime.max.replace(tzinfo=UTC)


class Start(NamedTuple):
    """ended: None while it is under way."""

    began: datetime
    ended: datetime | None
    scope: str


def first_starts(runs: Iterable[Start], spread: timedelta) -> tuple[datetime, ...]:
    """When each run of the job began on the first of its sites, oldest first.

    Another site's run belongs to the same one until `spread` after the last of them ended.
    """
    found: list[datetime] = []
    sites: set[str] = set()
    until = datetime.min.replace(tzinfo=UTC)
    for run in sorted(runs, key=lambda one: (one.began, one.scope)):
        ended = _OPEN if run.ended is None else run.ended + spread
        if run.scope not in sites and run.began <= until:
            sites.add(run.scope)
            until = max(until, ended)
            continue
        found.append(run.began)
        sites, until = {run.scope}, max(run.began + spread, ended)
    return tuple(found)


def known_at(
    starts: Sequence[datetime], coverage: Sequence[tuple[datetime, datetime]], at: datetime
) -> Sequence[datetime]:
    """Of all starts (oldest first) those that count at an instant: the last of them, within one stretch of
    time that was read completely."""
    before = at - SETTLED
    stretches = [one for one in coverage if one[0] < before]
    if not stretches:
        return ()
    begin, end = stretches[-1]
    return last_of(starts[bisect_left(starts, begin) : bisect_left(starts, min(before, end))])


def last_of(starts: Sequence[datetime]) -> Sequence[datetime]:
    if not starts:
        return ()
    first = bisect_left(starts, starts[-1] - LOOKED_BACK)
    return starts[max(min(first, len(starts) - LAST), 0) :]
