"""What would have been said: detection over a whole history, looked at from its end.

One instance after the other, so that no more than the runs of one are in memory. Each history is read once,
however many settings it is judged by.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from monitor import timetables
from monitor.detect.model import Facts
from monitor.detect.subject import is_judged
from monitor.model import Execution, Interval
from monitor.policy import Policy
from monitor.replay import loading
from monitor.replay.model import Alert, Past
from monitor.replay.policies import policies
from monitor.replay.slim import patience_of
from monitor.replay.telling import facts_of, judged_by, told
from monitor.schedule import Timetable
from monitor.settings import Settings

Notice = Callable[[str], object]
"""Is told what is being done."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """alerts: one list for each of the settings. span: what was replayed; None where there was nothing.

    executions: how many were judged. unread: instances of which nothing was read completely.
    """

    alerts: tuple[list[Alert], ...]
    span: Interval | None = None
    executions: int = 0
    unread: tuple[str, ...] = ()


def of_state(
    connection: Connection,
    settings: Sequence[Settings],
    instances: Iterable[str],
    *,
    since: datetime | None,
    until: datetime | None,
    notice: Notice,
) -> Replayed:
    """What is stored of these instances, judged by each of the settings."""
    of_instance = [policies(one) for one in settings]
    unread: list[str] = []

    def pasts() -> Iterator[Past]:
        for name in instances:
            notice(f"{name}: reading")
            found = loading.stored(
                connection, name, since, until, patience_of(*(of(name) for of in of_instance))
            )
            if found is None:
                unread.append(name)
            else:
                yield found

    def known(instance: str, policy: Policy) -> Mapping[str, Timetable]:
        return timetables.load(connection, instance, policy)

    done = _replayed(pasts(), settings, known, since, notice)
    return Replayed(done.alerts, done.span, done.executions, tuple(unread))


def of_runs(
    runs: Iterable[Execution],
    settings: Sequence[Settings],
    *,
    since: datetime | None,
    until: datetime | None,
    notice: Notice,
) -> Replayed:
    """What a file has, judged by each of the settings."""
    of_instance = [policies(one) for one in settings]
    pasts = loading.from_file(runs, until, lambda name: patience_of(*(of(name) for of in of_instance)))
    return _replayed(pasts, settings, _configured, since, notice)


def _replayed(
    pasts: Iterable[Past],
    settings: Sequence[Settings],
    known: Callable[[str, Policy], Mapping[str, Timetable]],
    since: datetime | None,
    notice: Notice,
) -> Replayed:
    sides = [(one.poll_interval, policies(one)) for one in settings]
    found: tuple[list[Alert], ...] = tuple([] for _ in settings)
    spans: list[Interval] = []
    executions = 0
    with _no_collections():
        for past in pasts:
            facts = facts_of(past)
            executions += sum(len(runs) for runs in facts.runs.values())
            spans.append(_span(past, since))
            doing = partial(_doing, notice, past.instance)
            for alerts, (every, of) in zip(found, sides, strict=True):
                policy = of(past.instance)
                slots = dict(known(past.instance, policy))
                if not past.was_watched:
                    slots = _learned(facts, policy) | slots
                alerts.extend(told(judged_by(facts, policy, slots), policy, every, doing))
    whole = Interval(min(one.start for one in spans), max(one.end for one in spans)) if spans else None
    return Replayed(tuple([_since(alerts, since) for alerts in found]), whole, executions)


def _doing(notice: Notice, instance: str, condition: str) -> None:
    notice(f"{instance}: {condition}")


def _since(alerts: Iterable[Alert], since: datetime | None) -> list[Alert]:
    """Those that would have opened by then are no news of this time, though their end may be."""
    return [one for one in alerts if since is None or (one.over_at or one.at) >= since]


def _configured(_instance: str, policy: Policy) -> Mapping[str, Timetable]:
    """Of jobs that may never have run; those of the others detection asks the settings for."""
    return {job_id: Timetable.of(policy.job(job_id).schedule) for job_id in policy.scheduled}


def _learned(facts: Facts, policy: Policy) -> dict[str, Timetable]:
    """What an agent would have learned, had it watched; of jobs the settings have no schedule for."""
    jobs = {series.job_id for series in facts.runs}
    found = {
        job_id: timetables.learned_of(job_id, facts.runs_of(job_id), policy, facts.coverage, facts.seen_until)
        for job_id in sorted(jobs)
        if policy.job(job_id).schedule is None and not policy.is_sandbox and is_judged(job_id, facts)
    }
    return {job_id: one for job_id, one in found.items() if one.revisions}


def _span(past: Past, since: datetime | None) -> Interval:
    start = past.coverage[0].start if past.coverage else past.seen_until
    return Interval(min(max(start, since or start), past.seen_until), past.seen_until)


@contextmanager
def _no_collections() -> Iterator[None]:
    """All runs stay for as long as this lasts: looking for rubbish among them again and again finds none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
