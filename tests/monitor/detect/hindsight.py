"""The property that makes outages, restarts and `replay` agree: a stretch does not depend on later runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from monitor.detect import Detect
from monitor.detect.hindsight import as_of
from monitor.detect.model import Decision, Facts, State
from monitor.model import Interval
from monitor.policy import Policy

Stretch = tuple[str, tuple[str, ...], str, datetime, datetime, datetime | None]
"""Condition, jobs, scope; opened and since; closed, None while it holds."""


def known_at(facts: Facts, at: datetime) -> Facts:
    """What all of this looked like at an instant."""
    runs = {series: tuple(as_of(some, at)) for series, some in facts.runs.items()}
    return replace(
        facts,
        seen_until=at,
        runs={series: some for series, some in runs.items() if some},
        beside=tuple(as_of(facts.beside, at)),
        coverage=tuple(Interval(one.start, min(one.end, at)) for one in facts.coverage if one.start < at),
        is_hindsight=True,
    )


def stretches(detect: Detect, facts: Facts, policy: Policy, until: datetime) -> set[Stretch]:
    """As far as they could be known by then."""
    told = detect(replace(facts, is_hindsight=True), policy)
    return {_stretch(one, until) for one in told if one.finding is not None and _opens(one) <= until}


def _opens(decision: Decision) -> datetime:
    assert decision.finding is not None
    return decision.opens or decision.finding.since


def _stretch(one: Decision, until: datetime) -> Stretch:
    assert one.finding is not None
    assert one.state in {State.HOLDS, State.OVER}
    closes = (one.closes or one.finding.ends_at) if one.state is State.OVER else None
    over = closes if closes is not None and closes <= until else None
    return (one.condition, one.jobs, one.scope, _opens(one), one.finding.since, over)
