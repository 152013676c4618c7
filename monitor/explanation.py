"""What `explain` needs: the stored facts of a job, judged by the agent's own functions, and a page of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Engine

from alerts import store
from alerts.model import Incident
from monitor.detect.baseline import Baseline
from monitor.detect.explain import Explanation, SeriesLine, explain
from monitor.history import stats
from monitor.history.engine import reading
from monitor.judgement import load_facts
from monitor.policy import Policy
from monitor.settings import Settings
from monitor.settings.policies import policy

RUNS_SHOWN = 10
ENDED_SHOWN = timedelta(days=7)


def explanations(
    engine: Engine, settings: Settings, job_id: str, instance: str | None, now: datetime
) -> list[Explanation]:
    """One for each instance that knows the job."""
    found = []
    with reading(engine) as connection:
        names = sorted({one.instance for one in stats.series(connection, instance) if one.job_id == job_id})
        incidents = store.current(connection, now - ENDED_SHOWN) if names else []
        for name in names:
            rules = next((policy(settings, one) for one in settings.instances if one.name == name), Policy())
            facts = load_facts(connection, name, rules, {job_id}, beside_all=True)
            if facts is not None:
                found.append(explain(job_id, facts, rules, incidents))
    return found


def page(one: Explanation) -> str:
    """For people; times are UTC."""
    return "\n".join(_lines(one))


def _lines(one: Explanation) -> Iterator[str]:
    yield f"{one.job_id} on {one.instance}, as seen until {_at(one.seen_until)} UTC"
    if not one.is_judged:
        yield "  a system job: kept as context, not judged (include_system_jobs names those that are)"
    for group in one.groups:
        exclusive = ", exclusive" if group.exclusive else ""
        yield f"  in group {group.name}{exclusive}{f', as {group.role} import' if group.role else ''}"
    yield ""
    yield "decisions"
    for decision in one.decisions:
        others = ", ".join(job for job in decision.jobs if job != one.job_id)
        about = f" with {others}" * bool(others) + f" [{decision.scope}]" * bool(decision.scope)
        yield f"  {decision.condition:<10} {decision.state.value:<8} {decision.reason}{about}"
        if decision.numbers:
            yield f"  {'':<19} {', '.join(f'{name} {value}' for name, value in decision.numbers.items())}"
    yield from _incidents(one.incidents)
    for series in one.series:
        yield from _series(series)


def _incidents(incidents: tuple[Incident, ...]) -> Iterator[str]:
    if not incidents:
        return
    yield ""
    yield "incidents of the last seven days"
    for one in incidents:
        until = f"to {_at(one.ends_at)}" if one.ends_at else "still open"
        yield f"  {one.condition:<10} {one.severity:<8} {_at(one.starts_at)} {until}, seen {one.count} times"
        yield f"  {'':<19} {one.summary}"
        if one.quiet:
            yield f"  {'':<19} nobody was told: {one.quiet}"


def _series(series: SeriesLine) -> Iterator[str]:
    yield ""
    yield f"runs ({series.scope}), newest first; {_usual(series.baseline)}"
    for run in series.runs[:RUNS_SHOWN]:
        took = "" if run.duration is None else str(timedelta(seconds=round(run.duration.total_seconds())))
        how = f"{run.outcome.value:<10} {run.trigger.value:<8} {run.id} {run.cause}"
        yield f"  {_at(run.began):<16} {took:>9} {how}".rstrip()


def _usual(usual: Baseline | None) -> str:
    if usual is None:
        return "not enough runs yet to know what is usual"
    limits = f"between {_short(usual.lower)} and {_short(usual.upper)}"
    return f"usually {_short(usual.median)}, {limits} ({usual.n} runs)"


def _short(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
