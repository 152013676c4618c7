"""Breaks: the instance went down and took several runs with it.

Knows how runs end, no words. A break grows while runs are cut short no further apart than the first ones,
and is over with the last of them made good: by the next good run of its series, which is the same whenever
somebody looks. System jobs do not make a break; they are named with those that do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import itemgetter

from monitor.detect.classify import outcome
from monitor.detect.model import Facts
from monitor.detect.subject import GOOD, is_judged
from monitor.model import Execution, Series
from monitor.policy import Policy

_Ended = tuple[datetime, str, str, Execution]
"""When, job and id, for one order of all."""

_PLACE = itemgetter(0, 1, 2)
_AT = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Cut:
    """A run that was cut short at that instant.

    later: the next of its series. good: the first good one to end, and good_at when it did.
    """

    at: datetime
    run: Execution
    later: Execution | None = None
    good: Execution | None = None
    good_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """cuts: oldest first. system: runs of system jobs that went down with them. gives_up: when nobody
    waits any more for the rest to be run again."""

    cuts: tuple[Cut, ...]
    opens: datetime
    gives_up: datetime
    system: tuple[Execution, ...] = ()

    @property
    def since(self) -> datetime:
        return self.cuts[0].at

    @property
    def good_at(self) -> datetime | None:
        """When the last of them was made good; None where one was not."""
        return _last([cut.good_at for cut in self.cuts])

    @property
    def closes(self) -> datetime:
        return self.gives_up if self.good_at is None else min(self.good_at, self.gives_up)

    @property
    def runs(self) -> tuple[Execution, ...]:
        return (*(cut.run for cut in self.cuts), *(cut.good for cut in self.cuts if cut.good is not None))


@dataclass(frozen=True, slots=True)
class Breaks:
    """found: oldest first. lately: runs cut short within the time in which several make a break, and that
    belong to none."""

    found: tuple[Break, ...] = ()
    lately: tuple[Execution, ...] = ()


def is_cut_short(run: Execution) -> bool:
    return run.execution_status in {"aborted", "restarted"} or run.is_vanished


def breaks(facts: Facts, policy: Policy) -> Breaks:
    every = chain(chain.from_iterable(facts.runs.values()), facts.others)
    short = sorted(_ended(run for run in every if is_cut_short(run)), key=_PLACE)
    counted = [one for one in short if is_judged(one[1], facts)]
    system = [one for one in short if not is_judged(one[1], facts)]
    found = tuple(_found(counted, system, _Histories(facts, policy), policy))
    since = facts.seen_until - policy.interrupted_within
    known = {cut.run.run_id for one in found[-1:] for cut in one.cuts}
    near = counted[bisect_left(counted, since, key=_AT) :]
    return Breaks(found, tuple(run for *_, run in near if run.run_id not in known))


def _ended(runs: Iterable[Execution]) -> Iterator[_Ended]:
    return ((ended, run.job_id, run.id, run) for run in runs if (ended := run.ended) is not None)


def _found(
    short: Sequence[_Ended], system: Sequence[_Ended], histories: _Histories, policy: Policy
) -> Iterator[Break]:
    place, needed = 0, policy.interrupted_runs
    while place + needed <= len(short):
        first, opens = short[place][0], short[place + needed - 1][0]
        if opens - first > policy.interrupted_within:
            place += 1
            continue
        cuts = _grown(short, place, histories, policy)
        start = bisect_left(system, first, key=_AT)
        end = bisect_right(system, cuts[-1].at + policy.interrupted_within, key=_AT)
        with_them = tuple(run for *_, run in system[start:end])
        yield Break(tuple(cuts), opens, first + policy.interrupted_for, with_them)
        place += len(cuts)


def _grown(short: Sequence[_Ended], first: int, histories: _Histories, policy: Policy) -> list[Cut]:
    """What belongs to the break that begins there: one joins while it is open and still going on."""
    cuts = [histories.cut(one) for one in short[first : first + policy.interrupted_runs]]
    gives_up = cuts[0].at + policy.interrupted_for
    good_at = _last([cut.good_at for cut in cuts])
    while first + len(cuts) < len(short):
        joins = short[first + len(cuts)]
        is_over = joins[0] >= gives_up or (good_at is not None and joins[0] >= good_at)
        if is_over or joins[0] - cuts[-1].at > policy.interrupted_within:
            break
        cuts.append(histories.cut(joins))
        good_at = _last([good_at, cuts[-1].good_at])
    return cuts


def _last(instants: Sequence[datetime | None]) -> datetime | None:
    """None where one of them is still to come."""
    known = [at for at in instants if at is not None]
    return max(known) if len(known) == len(instants) else None


@dataclass(frozen=True, slots=True)
class _History:
    """Runs of one series, in order. began: all, by their beginning. good: by their end."""

    began: Sequence[_Ended]
    good: Sequence[_Ended]


class _Histories:
    """Of the series that were cut short together with others, made when they are asked for: few are."""

    def __init__(self, facts: Facts, policy: Policy) -> None:
        self._facts = facts
        self._policy = policy
        self._known: dict[Series, _History] = {}
        self._others: defaultdict[Series, list[Execution]] = defaultdict(list)
        for run in facts.others:
            self._others[run.series].append(run)

    def cut(self, short: _Ended) -> Cut:
        at, job_id, identity, run = short
        history = self._known.get(run.series) or self._read(run.series)
        since = run.began or at
        place = bisect_right(history.began, (since, job_id, identity), key=_PLACE)
        later = history.began[place][-1] if place < len(history.began) else None
        for index in range(bisect_right(history.good, at, key=_AT), len(history.good)):
            good_at, *_, good = history.good[index]
            if good.began is None or good.began >= since:
                return Cut(at, run, later, good, good_at)
        return Cut(at, run, later)

    def _read(self, series: Series) -> _History:
        runs = [*self._facts.runs.get(series, ()), *self._others.get(series, ())]
        job = self._policy.job(series.job_id)
        began = [(began, run.job_id, run.id, run) for run in runs if (began := run.began) is not None]
        good = _ended(run for run in runs if outcome(run, job) in GOOD)
        history = _History(sorted(began, key=_PLACE), sorted(good, key=_PLACE))
        self._known[series] = history
        return history
