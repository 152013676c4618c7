"""What `explain` needs: the stored facts of a job, judged by the agent's own functions, and a page of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Connection, Engine

from alerts import acks, silence_store, store
from alerts.acks import Ack
from alerts.model import Incident, Json
from alerts.routing.matching import said_of
from alerts.routing.silences import Silence
from monitor.detect import CONDITIONS
from monitor.detect import explain as judged
from monitor.detect.baseline import Baseline
from monitor.detect.explain import Explanation, ScheduleLine, SeriesLine, explain
from monitor.detect.inhibit import inhibited_by
from monitor.detect.words import OUTCOME_WORDS, moment, span, times
from monitor.history import stats
from monitor.history.engine import reading
from monitor.judgement import load_facts
from monitor.model import ORGANIZATION
from monitor.policy import Policy
from monitor.routes import about
from monitor.settings import Settings
from monitor.settings.policies import policy

RUNS_SHOWN = 10
ENDED_SHOWN = 10
ENDED_WITHIN = timedelta(days=7)

_WIDEST = max(len(name) for name in CONDITIONS)

_QUIET = {
    "first_read": "it was found by the first read, which announces nothing",
    "known": "all of it was told before",
    "awaited": "a run is under way, and within its limit",
}
"""Why nobody is told, for people."""


@dataclass(frozen=True, slots=True)
class Told:
    """When messages about an incident were queued, the first of each kind; None where none was."""

    opened: datetime | None = None
    resolved: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """told: by incident; those nobody was told of are absent. silenced, acked: of open ones."""

    explanation: Explanation
    told: Mapping[str, Told] = field(default_factory=dict)
    silenced: Mapping[str, Silence] = field(default_factory=dict)
    acked: Mapping[str, Ack] = field(default_factory=dict)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Open ones first, worst first; then the last that ended."""
        every = self.explanation.incidents
        still = sorted(
            (one for one in every if one.is_open),
            key=lambda one: (one.severity.rank, -one.starts_at.timestamp()),
        )
        over = [(one.ends_at, one.id, one) for one in every if one.ends_at is not None]
        newest = sorted(over, key=lambda item: item[:2], reverse=True)
        return (*still, *(one for _, _, one in newest[:ENDED_SHOWN]))


def explanations(
    engine: Engine,
    settings: Settings,
    job_id: str,
    instance: str | None,
    now: datetime,
    at: datetime | None = None,
) -> list[Explained]:
    """One for each instance that knows the job and was read completely at least once.

    at: as it looked then, by the settings of today.
    """
    found = []
    with reading(engine) as connection:
        names = sorted({one.instance for one in stats.series(connection, instance) if one.job_id == job_id})
        since = min(now, at or now) - ENDED_WITHIN
        incidents = store.current(connection, since) if names else []
        silenced = _silenced(connection, settings, incidents, now)
        for name in names:
            rules = next((policy(settings, one) for one in settings.instances if one.name == name), Policy())
            facts = load_facts(connection, name, rules, {job_id}, at)
            if facts is not None:
                found_out = explain(job_id, facts, rules, _until(incidents, at))
                told = _told(connection, found_out.incidents)
                acked = acks.of(connection, {one.id for one in found_out.incidents if one.is_open})
                found.append(Explained(found_out, told, silenced, acked))
    return found


def document(one: Explained) -> dict[str, Json]:
    """All of it, for programs."""
    found = judged.document(one.explanation)
    for incident in found["incidents"]:
        told = one.told.get(incident["id"], Told())
        incident["told_at"], incident["resolution_told_at"] = told.opened, told.resolved
        ack = one.acked.get(incident["id"])
        incident["acked_at"], incident["acked_by"] = (ack.at, ack.by) if ack else (None, None)
        silence = one.silenced.get(incident["id"])
        incident["silenced_until"] = silence.ends_at if silence else None
        incident["silenced_by"] = silence.id if silence else None
    return found


def page(one: Explained) -> str:
    """For people; times are UTC."""
    return "\n".join(
        chain(
            _heading(one.explanation),
            _incidents(one),
            _decisions(one.explanation),
            _next_looks(one.explanation),
            _runs(one),
        )
    )


def _until(incidents: Iterable[Incident], at: datetime | None) -> Iterable[Incident]:
    """Those that had begun by then; what became of them later is shown all the same."""
    return (one for one in incidents if at is None or one.starts_at <= at)


def _told(connection: Connection, incidents: tuple[Incident, ...]) -> dict[str, Told]:
    found: dict[str, Told] = {}
    for telling in store.tellings_of(connection, [one.id for one in incidents]):
        before = found.get(telling.incident_id, Told())
        found[telling.incident_id] = Told(
            _first(before.opened, telling.opened_told_at), _first(before.resolved, telling.resolved_told_at)
        )
    return found


def _silenced(
    connection: Connection, settings: Settings, incidents: Iterable[Incident], now: datetime
) -> dict[str, Silence]:
    """The last to end counts."""
    known = about(settings)
    said = {one.id: said_of(one, known(one)) for one in incidents if one.is_open}
    return {
        identity: silence
        for silence in silence_store.ending_after(connection, now)
        for identity, matched in said.items()
        if silence.hides(matched, now)
    }


def _first(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _heading(about: Explanation) -> Iterator[str]:
    yield f"{about.job_id} on {about.instance}, as seen until {about.seen_until:%Y-%m-%d %H:%M} UTC"
    if not about.is_judged:
        yield "  a system job: kept as context, not judged (include_system_jobs names those that are)"
    yield f"  {_schedule(about.schedule, about.seen_until)}"
    for group in about.groups:
        exclusive = ", exclusive" if group.exclusive else ""
        yield f"  in group {group.name}{exclusive}{f', as {group.role} import' if group.role else ''}"


def _schedule(schedule: ScheduleLine, seen: datetime) -> str:
    if not schedule.text:
        return f"no schedule known{f': {schedule.reason}' if schedule.reason else ''}"
    source = schedule.source.value
    if schedule.reason:
        # What is learned or imported says so itself.
        is_said = schedule.reason.startswith(source)
        source = schedule.reason if is_said else f"{source}: {schedule.reason}"
    coming = ", ".join(moment(at, seen) for at in schedule.next) or "never again"
    return f"due {schedule.text} {schedule.timezone} ({source}); next {coming}"


def _incidents(one: Explained) -> Iterator[str]:
    shown, seen = one.incidents, one.explanation.seen_until
    if not shown:
        return
    yield ""
    yield "incidents, open ones first, and the last that ended within seven days"
    for incident in shown:
        since = moment(incident.starts_at, seen)
        until = f"until {moment(incident.ends_at, seen)}" if incident.ends_at else "open"
        count = f", {times(incident.count)}" if incident.count > 1 else ""
        yield f"  {incident.condition:<{_WIDEST}} {incident.severity.value:<8} since {since}, {until}{count}"
        yield f"    {incident.summary}"
        if incident.resolution:
            yield f"    {incident.resolution}"
        yield f"    {_telling(incident, one.told.get(incident.id), seen)}"
        if ack := one.acked.get(incident.id):
            comment = f": {ack.comment}" if ack.comment else ""
            yield f"    acknowledged at {moment(ack.at, seen)} by {ack.by}{comment}"
        if silence := one.silenced.get(incident.id):
            until = moment(silence.ends_at, seen)
            yield f"    silenced until {until} by {silence.created_by} ({silence.id}): {silence.comment}"
    if more := len(one.explanation.incidents) - len(shown):
        yield f"  and {more} more that ended within seven days"


def _telling(incident: Incident, told: Told | None, seen: datetime) -> str:
    if told is not None and told.opened is not None:
        over = f", its end at {moment(told.resolved, seen)}" if told.resolved else ""
        return f"told at {moment(told.opened, seen)}{over}"
    if incident.quiet is not None:
        return f"nobody is told: {_unsaid(incident.quiet)}"
    return "not told yet" if incident.is_open else "nobody was told"


def _unsaid(quiet: str) -> str:
    by = inhibited_by(quiet)
    return f"{by} says it" if by else _QUIET.get(quiet, quiet)


def _decisions(about: Explanation) -> Iterator[str]:
    yield ""
    yield "decisions"
    for decision in about.decisions:
        unnamed = (job for job in decision.jobs if job != about.job_id and job not in decision.reason)
        others = ", ".join(unnamed)
        scope = f" [{decision.scope}]" if decision.scope not in {"", ORGANIZATION} else ""
        with_others = f" with {others}" if others else ""
        hidden = f" (not told: {decision.inhibited_by} says it)" if decision.inhibited_by else ""
        state = f"{decision.condition:<{_WIDEST}} {decision.state.value:<8}"
        yield f"  {state} {decision.reason}{with_others}{scope}{hidden}"


def _next_looks(about: Explanation) -> Iterator[str]:
    """When something will be decided though nothing happens."""
    if not about.next_looks:
        return
    yield ""
    yield "next decisions, should nothing happen before"
    for one in about.next_looks:
        scope = f" [{one.scope}]" if one.scope not in {"", ORGANIZATION} else ""
        yield f"  {one.condition:<{_WIDEST}} {moment(one.at, about.seen_until)}{scope}"


def _runs(one: Explained) -> Iterator[str]:
    seen = one.explanation.seen_until
    for series in one.explanation.series:
        yield ""
        yield f"runs ({series.scope}), newest first; {_usual(series.baseline)}"
        yield from _table(series, seen)


def _table(series: SeriesLine, seen: datetime) -> Iterator[str]:
    rows = [
        (
            moment(run.began, seen) if run.began else "",
            span(run.duration) if run.duration is not None else "",
            OUTCOME_WORDS[run.outcome],
            run.trigger.value,
            run.id,
            run.cause,
        )
        for run in series.runs[:RUNS_SHOWN]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _usual(usual: Baseline | None) -> str:
    if usual is None:
        return "not enough runs yet to know what is usual"
    limits = f"between {span(usual.lower)} and {span(usual.upper)}"
    return f"usually {span(usual.median)}, {limits} ({usual.n} run{'' if usual.n == 1 else 's'})"
