"""`interrupted`: a restart or a maintenance of the instance cut several runs short at once.

One message in place of one for each of them, with what matters afterwards: what was run again since, and what
nobody has rerun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import instance_severity
from monitor.detect.together.groups import is_member
from monitor.detect.whole.breaks import Break, Breaks, Cut, breaks
from monitor.detect.words import called, moment, said, span
from monitor.model import ORGANIZATION, Execution
from monitor.policy import Policy
from monitor.schedule.calendar import DAY
from monitor.schedule.daily import days

CONDITION = "interrupted"
NAMED = 10
"""So many runs are named one by one in a message."""


def interrupted(facts: Facts, policy: Policy) -> Iterator[Decision]:
    if not facts.runs:
        return
    known = breaks(facts, policy)
    is_holding = False
    for one in known.found:
        if one.opens > facts.seen_until:
            is_holding = True
            yield _awaited(one, policy)
        elif one.closes > facts.seen_until:
            is_holding = True
            yield _decision(one, facts, policy, State.HOLDS)
        elif facts.is_news(one.closes, one.runs):
            yield _decision(one, facts, policy, State.OVER)
    if not is_holding:
        yield _none(known, policy)


def _none(known: Breaks, policy: Policy) -> Decision:
    if not known.lately:
        return Decision(CONDITION, (), State.CLEAR, "no run was cut short lately", numbers=_needs(policy))
    return Decision(
        CONDITION,
        (),
        State.WAITING,
        f"{len(known.lately)} of {policy.interrupted_runs} runs that were cut short within "
        f"{span(policy.interrupted_within)} make a restart",
        numbers=_needs(policy),
        executions=tuple(run.id for run in known.lately),
    )


def _awaited(one: Break, policy: Policy) -> Decision:
    """The platform's clock is a little ahead of what was read."""
    reason = f"{len(one.cuts)} runs were cut short, the newest just now"
    return Decision(
        CONDITION,
        (),
        State.WAITING,
        reason,
        numbers=_needs(policy),
        opens=one.opens,
        look_again=one.opens,
        executions=_ids(one),
    )


def _decision(one: Break, facts: Facts, policy: Policy, state: State) -> Decision:
    over = state is State.OVER
    finding = _finding(one, facts, policy, is_over=over)
    open_jobs = len(_jobs(cut.run for cut in one.cuts if cut.good is None))
    rest = (
        f"{open_jobs} of {_count(_jobs_of(one), 'job')} not run well since" if open_jobs else "all made good"
    )
    reason = f"{_count(one.cuts, 'run')} cut short within {_length(one)}, {rest}"
    return Decision(
        CONDITION,
        (),
        state,
        reason,
        numbers=_needs(policy) | dict(finding.evidence),
        finding=finding,
        opens=one.opens,
        closes=one.closes if over else None,
        look_again=None if over else one.closes,
        executions=_ids(one),
    )


def _finding(one: Break, facts: Facts, policy: Policy, *, is_over: bool) -> Finding:
    default = Severity.CRITICAL if policy.downtime(one.since) is None else Severity.WARNING
    return Finding(
        ends_by=EndsBy.FACT,
        source=facts.instance,
        condition=CONDITION,
        labels={"sfcc_instance": facts.instance},
        severity=instance_severity(CONDITION, default, policy),
        since=one.since,
        occurrences=tuple(f"{cut.run.job_id}/{cut.run.id}" for cut in one.cuts),
        cause="runs were cut short",
        name=facts.instance,
        place=facts.instance,
        summary=_summary(one, facts, policy),
        facts=_lines(one, facts, policy),
        evidence=_evidence(one),
        ends_at=one.closes if is_over else None,
        resolution=_resolution(one, policy) if is_over else "",
        quiet="first_read" if all(cut.run.backfilled for cut in one.cuts) else None,
    )


def _summary(one: Break, facts: Facts, policy: Policy) -> str:
    """What happened, whether it was to be expected, and what is left to do before whoever sleeps wakes up."""
    what = f"{_count(one.cuts, 'run')} of {_count(_jobs_of(one), 'job')}"
    when = f"within {_length(one)} from {moment(one.since, facts.seen_until)} on"
    window = policy.downtime(one.since)
    inside = "" if window is None else f", inside the window {window}"
    why = "the instance was restarted or went into maintenance"
    return f"{what} were cut short {when}{inside}: {why}. {_left(one, facts, policy)}"


def _left(one: Break, facts: Facts, policy: Policy) -> str:
    every = _jobs_of(one)
    left = _jobs(cut.run for cut in one.cuts if cut.good is None)
    if not left:
        return "All have run ok again."
    well = "None has run ok again" if left == every else f"{len(left)} of {len(every)} have not run ok again"
    due = _due(left, one.since, policy)
    if not due:
        return f"{well}."
    matters = "matters" if len(due) == 1 else "matter"
    return f"{well}; {len(due)} {matters} before {moment(max(due.values()), facts.seen_until)}."


def _due(jobs: Iterable[str], since: datetime, policy: Policy) -> dict[str, datetime]:
    """By when each of them had to be done, the next time after the restart; those with a finish_by only."""
    found: dict[str, datetime] = {}
    for job_id in jobs:
        groups = (group.finish_by for group in policy.groups if is_member(job_id, group))
        times = [at for at in (policy.job(job_id).finish_by, *groups) if at is not None]
        ahead = (days(at, policy.timezone, since, since + 2 * DAY) for at in times)
        first = [day.at for some in ahead for day in islice(some, 1)]
        if first:
            found[job_id] = min(first)
    return found


def _lines(one: Break, facts: Facts, policy: Policy) -> tuple[tuple[str, str], ...]:
    names = {job_id: called(job_id, policy.job(job_id)) for job_id in _jobs_of(one)}
    good = [cut for cut in one.cuts if cut.good is not None]
    resumed = [cut for cut in one.cuts if cut.good is None and cut.later is not None]
    due = _due(_jobs(cut.run for cut in one.cuts if cut.good is None), one.since, policy)
    never = [cut for cut in one.cuts if cut.later is None and cut.good is None]
    return said(
        ("To be done", _listed(_by_when(due, names, facts.seen_until))),
        ("Not run again", _listed(f"{_named(cut.run, names)}" for cut in never)),
        ("Run again, not ok yet", _listed(f"{_named(cut.run, names)} {_by(cut.later)}" for cut in resumed)),
        ("Made good", _listed(f"{_named(cut.run, names)} {_by(cut.good)}" for cut in good)),
        ("Cut short", _listed(_how(cut, names, facts.seen_until) for cut in one.cuts)),
        ("System jobs", _listed(f"{run.job_id} (run {run.id})" for run in one.system)),
    )


def _by_when(due: dict[str, datetime], names: dict[str, str], seen_until: datetime) -> Iterator[str]:
    for job_id, at in sorted(due.items(), key=lambda one: (one[1], one[0])):
        yield f"{names[job_id]} by {moment(at, seen_until)}"


def _how(cut: Cut, names: dict[str, str], seen_until: datetime) -> str:
    word = "vanished" if cut.run.is_vanished else cut.run.execution_status
    return f"{_named(cut.run, names)} run {cut.run.id}, {word} at {moment(cut.at, seen_until)}"


def _named(run: Execution, names: dict[str, str]) -> str:
    return names[run.job_id] if run.scope == ORGANIZATION else f"{names[run.job_id]} for {run.scope}"


def _by(run: Execution | None) -> str:
    if run is None:
        return ""
    return f"by run {run.id}, its restart" if run.is_restart else f"by run {run.id}"


def _listed(texts: Iterable[str]) -> str:
    every = list(dict.fromkeys(texts))
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return "; ".join(every[:NAMED]) + more


def _resolution(one: Break, policy: Policy) -> str:
    if one.good_at is not None and one.good_at <= one.gives_up:
        return "every job that was cut short has run ok again"
    missing = _jobs(cut.run for cut in one.cuts if cut.good_at is None or cut.good_at > one.gives_up)
    return f"given up after {span(policy.interrupted_for)}: not run ok again {', '.join(missing[:NAMED])}"


def _evidence(one: Break) -> dict[str, Json]:
    return {
        "executions": [cut.run.id for cut in one.cuts],
        "jobs": _jobs_of(one),
        "resumed": [cut.later.id for cut in one.cuts if cut.later is not None and cut.later.is_restart],
        "made_good": [cut.run.id for cut in one.cuts if cut.good is not None],
        "not_run_again": _jobs(cut.run for cut in one.cuts if cut.later is None and cut.good is None),
    }


def _needs(policy: Policy) -> dict[str, Json]:
    return {
        "interrupted_runs": policy.interrupted_runs,
        "interrupted_within_seconds": policy.interrupted_within.total_seconds(),
    }


def _length(one: Break) -> str:
    return span(one.cuts[-1].at - one.since)


def _jobs_of(one: Break) -> list[str]:
    return _jobs(cut.run for cut in one.cuts)


def _jobs(runs: Iterable[Execution]) -> list[str]:
    return sorted({run.job_id for run in runs})


def _ids(one: Break) -> tuple[str, ...]:
    return tuple(cut.run.id for cut in one.cuts)


def _count(things: list[str] | tuple[Cut, ...], word: str) -> str:
    return f"{len(things)} {word}{'s' * (len(things) > 1)}"
