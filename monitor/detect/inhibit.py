"""Which finding keeps which other quiet, because one cause needs one message.

Knows the conditions by name and how they are related; no runs, no clock. A hidden finding is kept and shown
like any other: only nobody is told of it, unless it outlives what hides it. What nobody is told of itself,
because the first read found it, hides nothing. Nor does what the settings switched off.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from operator import attrgetter

from monitor.detect.model import Decision, State
from monitor.detect.severity import is_off
from monitor.detect.streak import END_OF_TIME
from monitor.policy import Policy

_INHIBITED = "inhibited by "

AWAITED = "awaited"
"""Why nobody is told of what a run may yet settle, as long as that is within its limit."""

ABSENCE = ("late", "missed", "site_missing", "stale", "deadline", "moved", "unexpected")


class Relation(Enum):
    """What two findings must have in common."""

    RUNS = auto()  # every run of the hidden one
    JOB = auto()
    INSTANCE = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """from_beginning: it hides from its `since` on, before it could be known: the runs that a restart cuts
    short end within seconds, and the first of them are no news of their own."""

    by: str
    hides: str
    relation: Relation
    from_beginning: bool = False


RULES = (
    Rule("interrupted", "failed", Relation.RUNS, from_beginning=True),
    Rule("failed", "degraded", Relation.RUNS),
    Rule("stuck", "slow", Relation.RUNS),
    Rule("missed", "late", Relation.JOB),
    *(Rule(by, "stale", Relation.JOB) for by in ("late", "failed", "missed", "stuck")),
    *(Rule("blind", absence, Relation.INSTANCE) for absence in ABSENCE),
)


def quietened(decisions: Iterable[Decision], policy: Policy, seen_until: datetime) -> tuple[Decision, ...]:
    """As the agent tells them now: without what is switched off, and what another finding says is quiet."""
    kept = switched_off(decisions, policy)
    index = Inhibitors(kept)
    return tuple(_hidden(decision, index.hiding(decision, seen_until)) for decision in kept)


def inhibited_by(quiet: str | None) -> str:
    """The condition that a finding or an incident is quiet for; empty where it is for another reason."""
    return quiet.removeprefix(_INHIBITED) if quiet is not None and quiet.startswith(_INHIBITED) else ""


def switched_off(decisions: Iterable[Decision], policy: Policy) -> tuple[Decision, ...]:
    """A decision that nobody wants to hear of has no finding, and says why."""
    return tuple(
        replace(decision, finding=None, reason=f"{decision.reason}; switched off by the settings")
        if decision.finding is not None and is_off(decision.condition, decision.jobs, policy)
        else decision
        for decision in decisions
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """[start, end): while it lasts it hides. runs: of the finding that does."""

    start: datetime
    end: datetime
    by: str
    runs: frozenset[str]


_Key = tuple[str, Relation, str]
"""Where to look for what hides a condition: by a run, by a job, or the one place of the instance."""

_START = attrgetter("start")


class Inhibitors:
    """All that hides anything among some decisions; a month of them costs little."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        found: defaultdict[_Key, list[_Stretch]] = defaultdict(list)
        for decision in decisions:
            if decision.finding is None or decision.finding.quiet is not None:
                continue
            for rule in _BY.get(decision.condition, ()):
                stretch = _stretch(decision, rule)
                for name in _names(decision, rule.relation):
                    found[rule.hides, rule.relation, name].append(stretch)
        self._known = {
            key: some if key[1] is Relation.RUNS else list(_joined(some)) for key, some in found.items()
        }

    def hiding(self, decision: Decision, seen_until: datetime) -> str:
        """The condition that hides it, or AWAITED: of what is over, as it ended; of what holds, now."""
        if decision.finding is None:
            return ""
        if decision.state is not State.OVER:
            by = next((one.by for one in self._over(decision, seen_until) if seen_until < one.end), "")
            return by or (AWAITED if any(_awaited(decision, seen_until)) else "")
        # What ends together was one thing; and what takes over begins where the other one ends.
        by = next((one.by for one in self._over(decision, _closes(decision))), "")
        return by or (AWAITED if decision.awaits and self.told_at(decision) is None else "")

    def told_at(self, decision: Decision) -> datetime | None:
        """When somebody who always looks is told of it: as it opens, or as what hides it ends; None where
        it is hidden up to its own end, or quiet for another reason."""
        if decision.finding is None or decision.finding.quiet is not None:
            return None
        opens = at = _opens(decision)
        while later := [
            *(one.end for one in self._over(decision, at) if at < one.end),
            *_awaited(decision, at),
        ]:
            at = max(later)
        return at if at == opens or at < _closes(decision) else None

    def _over(self, decision: Decision, at: datetime) -> Iterator[_Stretch]:
        """What can hide it, has begun by that instant, and not ended before."""
        for relation in _HIDDEN_BY.get(decision.condition, ()):
            for name in _names(decision, relation)[:1]:
                known = self._known.get((decision.condition, relation, name), [])
                if relation is Relation.RUNS:
                    runs = frozenset(decision.executions)
                    near = [one for one in known if runs <= one.runs]
                else:
                    place = bisect_right(known, at, key=_START)
                    near = known[max(place - 1, 0) : place]
                yield from (one for one in near if one.start <= at <= one.end)


def _by_condition(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    found: defaultdict[str, tuple[Rule, ...]] = defaultdict(tuple)
    for rule in rules:
        found[rule.by] += (rule,)
    return found


_BY = _by_condition(RULES)
_HIDDEN_BY = {
    condition: tuple(dict.fromkeys(rule.relation for rule in RULES if rule.hides == condition))
    for condition in sorted({rule.hides for rule in RULES})
}


def _hidden(decision: Decision, by: str) -> Decision:
    if not by or decision.finding is None:
        return decision
    if by == AWAITED:
        return replace(decision, finding=replace(decision.finding, quiet=decision.finding.quiet or by))
    quiet = decision.finding.quiet or f"{_INHIBITED}{by}"
    return replace(decision, inhibited_by=by, finding=replace(decision.finding, quiet=quiet))


def _awaited(decision: Decision, at: datetime) -> Iterator[datetime]:
    """Until when it waits at that instant for runs that are under way."""
    return (one.end for one in decision.awaits if one.start <= at < one.end)


def _names(decision: Decision, relation: Relation) -> Sequence[str]:
    if relation is Relation.RUNS:
        return decision.executions
    return decision.jobs if relation is Relation.JOB else ("",)


def _stretch(decision: Decision, rule: Rule) -> _Stretch:
    start = _opens(decision)
    if rule.from_beginning and decision.finding is not None:
        start = min(start, decision.finding.since)
    return _Stretch(start, _closes(decision), rule.by, frozenset(decision.executions))


def _joined(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """Without a gap between those that touch, in order."""
    current: _Stretch | None = None
    for one in sorted(stretches, key=_START):
        if current is None or one.start > current.end:
            if current is not None:
                yield current
            current = one
        elif one.end > current.end:
            current = replace(current, end=one.end)
    if current is not None:
        yield current


def _opens(decision: Decision) -> datetime:
    since = END_OF_TIME if decision.finding is None else decision.finding.since
    return since if decision.opens is None else decision.opens


def _closes(decision: Decision) -> datetime:
    """Of what is not over nobody knows."""
    if decision.state is not State.OVER or decision.finding is None:
        return END_OF_TIME
    return decision.closes or decision.finding.ends_at or END_OF_TIME
