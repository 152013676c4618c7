"""What the conditions about several jobs have in common: which runs they see, and a stretch as a decision.

Knows no condition. A stretch is told while it holds, and once when it is over and that is news.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from alerts.model import Finding
from monitor.detect.model import Decision, Facts, State
from monitor.detect.subject import is_judged
from monitor.detect.together.groups import Membership
from monitor.detect.together.spans import Span, is_repeat, site_runs, visit_of
from monitor.model import Execution
from monitor.policy import Policy


@dataclass(frozen=True, slots=True)
class Stretch:
    """[opens, closes) of one condition; closes: None while nothing has ended it.

    runs: those that decided it, oldest first.
    """

    opens: datetime
    closes: datetime | None
    runs: tuple[Execution, ...]

    def is_over(self, facts: Facts) -> bool:
        return self.closes is not None and self.closes <= facts.seen_until

    def is_told(self, facts: Facts) -> bool:
        """Whether it holds, or is over and news."""
        if self.opens > facts.seen_until:
            return False
        return not self.is_over(facts) or facts.is_news(self.closes, self.runs)

    def decision(self, finding: Finding, jobs: tuple[str, ...], reason: str, facts: Facts) -> Decision:
        over = self.is_over(facts)
        return Decision(
            finding.condition,
            jobs,
            State.OVER if over else State.HOLDS,
            f"{reason}; {finding.resolution}" if over else reason,
            scope=finding.labels.get("scope", ""),
            numbers=finding.evidence,
            finding=finding,
            opens=self.opens,
            closes=self.closes if over else None,
            look_again=None if over else self.closes,
            executions=tuple(run.id for run in self.runs),
        )


def quiet(facts: Facts, at: datetime, runs: Iterable[Execution]) -> str | None:
    """Why nobody is told of what came to be at that instant by these runs."""
    return "first_read" if all(run.backfilled for run in runs) else facts.quiet(at)


def each_once(runs: Iterable[Execution]) -> tuple[Execution, ...]:
    """In the same order. Told apart by their ids: comparing all they have takes long."""
    return tuple({run.run_id: run for run in runs}.values())


def visits(facts: Facts, jobs: Iterable[str]) -> dict[str, Sequence[Span]]:
    """Of these jobs when their runs were under way, as far as that is known, in order of their starts.

    Worked out once for the same facts, however many conditions and groups ask.
    """
    known = facts.worked_out.setdefault(("visits",), {})
    wanted = frozenset(jobs)
    known.update(_visits(facts, wanted - known.keys()))
    return {job_id: known[job_id] for job_id in wanted if known[job_id]}


def _visits(facts: Facts, jobs: AbstractSet[str]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {job_id: [] for job_id in jobs}
    if not jobs:
        return found
    for series, runs in facts.runs.items():
        if series.job_id in jobs:
            found[series.job_id] += [one for run in runs if (one := visit_of(run)) is not None]
    for run in facts.others:
        if run.job_id in jobs and (one := visit_of(run)) is not None:
            found[run.job_id].append(one)
    for spans in found.values():
        spans.sort(key=_order)
    return found


def membership(facts: Facts, policy: Policy) -> Membership:
    """Of those that anything is known of here and that are judged, beside ones included."""
    known = facts.worked_out.get(("membership",))
    if known is None or known[0] is not policy:
        every = {*facts.job_ids, *(run.job_id for run in facts.others)}
        jobs = frozenset(job_id for job_id in every if is_judged(job_id, facts))
        known = facts.worked_out["membership",] = (policy, Membership(policy.groups, jobs))
    found: Membership = known[1]
    return found


def first_starts(spans: Sequence[Span], policy: Policy) -> list[Span]:
    """Where runs of one job began: the first of the sites of each, attempts of a retry left out."""
    firsts = [one for one in spans if not is_repeat(one.run)]
    if len({one.run.scope for one in firsts}) <= 1:
        return firsts
    whole = site_runs(firsts, policy.site_spread)
    first: dict[int, Span] = {}
    for one in firsts:
        first.setdefault(whole[one.run.run_id].number, one)
    return list(first.values())


def _order(one: Span) -> tuple[datetime, str]:
    return (one.start, one.run.id)
