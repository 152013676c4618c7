"""Detection: stored facts and settings in, decisions and findings out.

Pure: no clock, no I/O, no memory of its own. The same facts give the same findings, so a restart or a
skipped poll changes nothing. A new condition is a module with its detector and a line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from alerts.model import Finding
from monitor.detect.model import Decision, Facts
from monitor.detect.runs.failed import failed
from monitor.detect.together.overlap import overlap
from monitor.policy import Policy

Detect = Callable[[Facts, Policy], Iterable[Decision]]

CONDITIONS: Mapping[str, Detect] = {
    "failed": failed,  # the last runs ended badly, and no retry is awaited
    "overlap": overlap,  # two runs that exclude each other ran at once
}

STILL_BETWEEN_RUNS = frozenset({"failed"})
"""Conditions of one job that change only when a run of it ends, or when a retry is overdue: what is open
of them need not be looked at while neither happened. All others are looked at again and again."""


def judge(facts: Facts, policy: Policy) -> tuple[Decision, ...]:
    """Every decision taken, alarms or not."""
    return tuple(decision for detect in CONDITIONS.values() for decision in detect(facts, policy))


def findings(decisions: Iterable[Decision]) -> tuple[Finding, ...]:
    return tuple(decision.finding for decision in decisions if decision.finding is not None)
