"""`saturated`: the instance runs nearly as many executions as it can, so that others have to wait.

Counts intervals, the platform's own jobs among them; knows no run by name. A dip that is shorter than the
time it takes to be called full does not end it, and a peak that is shorter does not begin it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from operator import itemgetter

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import instance_severity
from monitor.detect.streak import END_OF_TIME
from monitor.detect.words import moment, span
from monitor.model import Interval
from monitor.policy import Policy

CONDITION = "saturated"
MOST = 15
"""About so many executions an instance runs at once."""


@dataclass(frozen=True, slots=True)
class _Full:
    """ends_at: since when fewer ran; None while it is full. peak: the most that ran at once."""

    since: datetime
    ends_at: datetime | None
    peak: int


def saturated(facts: Facts, policy: Policy) -> Iterator[Decision]:
    levels = list(_levels(_occupied(facts), facts.seen_until))
    if not levels:
        return
    is_open = False
    for full in _stretches(_full(levels, policy.saturated_at), policy.saturated_for):
        decision = _decision(full, facts, policy)
        closes = decision.closes
        is_open = decision.state is not State.OVER
        if is_open or facts.is_news(closes):
            yield decision
    if not is_open:
        yield _clear(levels[-1][1], policy)


def _occupied(facts: Facts) -> Iterable[Interval]:
    """Of runs where nobody counted: then those that are known are all there are."""
    if facts.occupied or not (facts.is_hindsight or facts.judged_until is None):
        return facts.occupied
    every = chain(chain.from_iterable(facts.runs.values()), facts.others)
    return [
        Interval(run.start_time, run.ended or END_OF_TIME)
        for run in every
        if run.start_time is not None and not run.is_pending
    ]


def _levels(occupied: Iterable[Interval], seen_until: datetime) -> Iterator[tuple[datetime, int]]:
    """How many ran from an instant on, as far as it was seen."""
    changes: defaultdict[datetime, int] = defaultdict(int)
    for start, end in occupied:
        if start <= seen_until and start < end:
            changes[start] += 1
            if end <= seen_until:
                changes[end] -= 1
    count = 0
    for at, change in sorted(changes.items(), key=itemgetter(0)):
        count += change
        yield at, count


def _full(levels: Iterable[tuple[datetime, int]], limit: int) -> Iterator[_Full]:
    """Each time it was, however short."""
    since: datetime | None = None
    peak = 0
    for at, count in levels:
        if count >= limit:
            since, peak = since or at, max(peak, count)
        elif since is not None:
            yield _Full(since, at, peak)
            since, peak = None, 0
    if since is not None:
        yield _Full(since, None, peak)


def _stretches(times: Iterable[_Full], least: timedelta) -> Iterator[_Full]:
    """Those that lasted, without the dips that did not."""
    current: _Full | None = None
    for one in times:
        if current is not None and current.ends_at is not None and one.since < current.ends_at + least:
            current = _Full(current.since, one.ends_at, max(current.peak, one.peak))
        elif one.ends_at is None or one.ends_at - one.since >= least:
            if current is not None:
                yield current
            current = one
    if current is not None:
        yield current


def _decision(full: _Full, facts: Facts, policy: Policy) -> Decision:
    opens = full.since + policy.saturated_for
    closes = None if full.ends_at is None else full.ends_at + policy.saturated_for
    numbers: dict[str, Json] = {"saturated_at": policy.saturated_at, "executions": full.peak}
    since = f"at least {policy.saturated_at} executions at once since {moment(full.since, facts.seen_until)}"
    until = f", until {moment(full.ends_at, facts.seen_until)}" if full.ends_at is not None else ""
    if opens > facts.seen_until:
        return Decision(CONDITION, (), State.WAITING, since, numbers=numbers, opens=opens, look_again=opens)
    is_over = closes is not None and closes <= facts.seen_until
    return Decision(
        CONDITION,
        (),
        State.OVER if is_over else State.HOLDS,
        f"{since}, up to {full.peak}{until}",
        numbers=numbers,
        finding=_finding(full, facts, policy, closes if is_over else None),
        opens=opens,
        closes=closes if is_over else None,
        look_again=None if is_over else closes,
    )


def _finding(full: _Full, facts: Facts, policy: Policy, closes: datetime | None) -> Finding:
    ends_at = full.ends_at if closes is not None else None
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels={"sfcc_instance": facts.instance},
        severity=instance_severity(CONDITION, Severity.WARNING, policy),
        since=full.since,
        occurrences=(full.since.isoformat(),),
        cause="as many executions as the instance can run",
        name=facts.instance,
        place=facts.instance,
        summary=(
            f"{policy.saturated_at} or more of the about {MOST} executions that the instance can run at once "
            f"have been running since {moment(full.since, facts.seen_until)}: further jobs may have to wait."
        ),
        facts=(("Most at once", f"{full.peak}, the platform's own jobs included"),),
        evidence={"saturated_at": policy.saturated_at, "peak": full.peak},
        ends_at=ends_at,
        resolution=f"fewer than {policy.saturated_at} for {span(policy.saturated_for)}" if closes else "",
        quiet=None if closes is None else facts.quiet(closes),
    )


def _clear(count: int, policy: Policy) -> Decision:
    numbers = {"saturated_at": policy.saturated_at, "executions": count}
    reason = f"{count} executions at once, {policy.saturated_at} are many"
    return Decision(CONDITION, (), State.CLEAR, reason, numbers=numbers)
