"""Whether a person wants to hear of each run, also where it is the same trouble again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from monitor.detect.model import Decision
from monitor.policy import Policy

EACH_RUN = "each_run"
OF_RUNS = frozenset({"failed", "degraded", "no_data", "slow", "fast"})
"""Conditions whose occurrences are runs: of a slot or a pair nobody waits to hear again."""


def insistent(decisions: Iterable[Decision], policy: Policy) -> Iterator[Decision]:
    for one in decisions:
        if one.finding is not None and one.condition in OF_RUNS and _is_asked(one, policy):
            yield replace(one, finding=replace(one.finding, each=True))
        else:
            yield one


def _is_asked(one: Decision, policy: Policy) -> bool:
    return bool(one.jobs) and policy.job(one.jobs[0]).notify == EACH_RUN
