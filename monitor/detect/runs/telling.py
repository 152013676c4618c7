"""A stretch of trouble of one series as a decision and a finding: what all conditions of runs say alike.

Knows no condition: each brings its words and its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.baseline import RUNS_NEEDED, Limits, Pace
from monitor.detect.model import Decision, State
from monitor.detect.refs import attachment_ref
from monitor.detect.severity import severity
from monitor.detect.subject import Subject
from monitor.detect.words import Lines, called, said, span, started
from monitor.model import Execution

NAMED = 3
"""So many runs are named one by one where a reason is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """severity: the condition's own, before the settings and the instance type.

    runs: oldest first; the newest is the one whose start is told. occurrences: their ids, unless said.
    opens: when it could first be known, which is also told as its beginning. closes: None while it holds.
    news: the runs that make it worth telling; of `runs` all, unless said.
    log: the run whose log is wanted with it.
    """

    condition: str
    severity: Severity
    runs: tuple[Execution, ...]
    opens: datetime
    closes: datetime | None
    cause: str
    summary: str
    reason: str
    resolution: str
    lines: Lines = ()
    numbers: Mapping[str, Json] = field(default_factory=dict)
    occurrences: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    news: tuple[Execution, ...] | None = None
    log: Execution | None = None
    ends_by: EndsBy = EndsBy.FACT


def decided(subject: Subject, trouble: Trouble, *, look_again: datetime | None = None) -> Decision:
    over = trouble.closes is not None
    return Decision(
        trouble.condition,
        (subject.series.job_id,),
        State.OVER if over else State.HOLDS,
        f"{trouble.reason}, then {trouble.resolution}" if over else trouble.reason,
        scope=subject.series.scope,
        numbers=dict(trouble.numbers),
        finding=_finding(subject, trouble),
        opens=trouble.opens,
        closes=trouble.closes,
        look_again=None if over else look_again,
        executions=ids(trouble.runs),
    )


def look(
    subject: Subject,
    condition: str,
    state: State,
    reason: str,
    *,
    numbers: Mapping[str, Json] | None = None,
    opens: datetime | None = None,
    runs: Iterable[Execution] = (),
) -> Decision:
    """A decision that nothing is wrong, yet; opens: when time alone will make it so."""
    return Decision(
        condition,
        (subject.series.job_id,),
        state,
        reason,
        scope=subject.series.scope,
        numbers=dict(numbers or {}),
        opens=opens,
        look_again=opens,
        executions=ids(runs),
    )


def ids(runs: Iterable[Execution]) -> tuple[str, ...]:
    return tuple([run.id for run in runs])


def count(runs: tuple[Execution, ...]) -> str:
    return f"{len(runs)} run{'s' * (len(runs) > 1)}"


def named(runs: tuple[Execution, ...]) -> str:
    """As people say them: all of a few, the newest of many."""
    if len(runs) > NAMED:
        return f"the newest is run {runs[-1].id}"
    return f"run{'s' * (len(runs) > 1)} {', '.join(ids(runs))}"


def the_run(subject: Subject, run: Execution) -> str:
    """`Run 7 for RefArch`, as a sentence begins."""
    return f"Run {run.id}" + (f" for {subject.site}" if subject.site else "")


def needed(pace: Pace) -> str:
    return f"{len(pace)} of {RUNS_NEEDED} runs known"


def of_usual(limits: Limits) -> str:
    return f"usually {span(timedelta(seconds=limits.usual))}"


def _finding(subject: Subject, trouble: Trouble) -> Finding:
    job, facts, newest = subject.job, subject.facts, trouble.runs[-1]
    news = trouble.runs if trouble.news is None else trouble.news
    quiet = "first_read" if all(run.backfilled for run in news) else None
    return Finding(
        ends_by=trouble.ends_by,
        source=facts.instance,
        condition=trouble.condition,
        labels=subject.labels,
        severity=severity(trouble.condition, trouble.severity, job, subject.policy),
        since=trouble.opens,
        occurrences=trouble.occurrences or ids(trouble.runs),
        cause=trouble.cause,
        causes=trouble.causes,
        name=called(subject.series.job_id, job),
        place=facts.instance,
        summary=trouble.summary,
        facts=said(
            ("Impact", job.impact),
            *trouble.lines,
            ("Started", started(newest, subject.policy, facts)),
            ("Owner", job.owner),
            ("Runbook", job.runbook),
        ),
        evidence={"executions": list(ids(trouble.runs)), **trouble.numbers},
        ends_at=trouble.closes,
        resolution=trouble.resolution if trouble.closes is not None else "",
        attachments=() if quiet is not None else _log(subject, trouble.log),
        quiet=quiet,
    )


def _log(subject: Subject, run: Execution | None) -> tuple[str, ...]:
    if run is None or subject.job.attach == "none" or run.is_log_file_existing is False:
        return ()
    return (attachment_ref(run.key),)
