"""A job called `job` with a schedule, in a history that was read completely since the evening before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.detect import Detect
from monitor.detect.absence.late import late
from monitor.detect.absence.missed import missed
from monitor.detect.absence.moved import moved
from monitor.detect.absence.unexpected import unexpected
from monitor.detect.model import Decision, Facts, State
from monitor.model import Execution, Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Schedule, Source, Timetable

DETECT: dict[str, Detect] = {"late": late, "missed": missed, "moved": moved, "unexpected": unexpected}


@dataclass(frozen=True)
class Look:
    """What all four conditions of slots say of a story."""

    facts: Facts
    policy: Policy
    at: Callable[[str], datetime]

    def decisions(self, condition: str) -> list[Decision]:
        return [*DETECT[condition](self.facts, self.policy)]

    def told(self, *conditions: str) -> set[str]:
        """`late 02:00 [02:05:30, 02:20)`: since, opened, closed."""
        found = (one for name in conditions or DETECT for one in self.decisions(name))
        return {self._said(one) for one in found if one.finding is not None}

    def only(self, condition: str) -> Decision:
        (one,) = (one for one in self.decisions(condition) if one.finding is not None)
        return one

    def _said(self, one: Decision) -> str:
        assert one.finding is not None
        assert one.opens is not None
        assert (one.state is State.OVER) == (one.closes is not None) == (one.finding.ends_at is not None)
        closes = self._clock(one.closes) if one.closes else "now"
        who = "" if one.jobs in {(), ("job",)} else f" {one.jobs[0]}"
        since = self._clock(one.finding.since)
        return f"{one.condition}{who} {since} [{self._clock(one.opens)}, {closes})"

    def _clock(self, at: datetime) -> str:
        seconds = int((at - self.at("00:00")).total_seconds())
        hours, minutes = seconds // 3600, seconds // 60 % 60
        return f"{hours:02}:{minutes:02}" + (f":{seconds % 60:02}" if seconds % 60 else "")


@dataclass(frozen=True)
class Telling:
    facts: Callable[..., Facts]
    at: Callable[[str], datetime]
    defaults: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        told: str | Iterable[Execution],
        at: str,
        *,
        cron: str | None = "0 2 * * *",
        every: timedelta | None = None,
        source: Source = Source.CONFIGURED,
        covered: Iterable[tuple[str, str]] = (("-12:00", ""),),
        job: JobPolicy | None = None,
        policy: Policy | None = None,
        jobs: Iterable[str] = ("job",),
        **fields: Any,
    ) -> Look:
        schedule = Schedule(every=every, cron=None if every else cron) if every or cron else None
        spans = tuple(Interval(self._instant(one), self._instant(end or at)) for one, end in covered)
        facts = self.facts(
            told,
            at,
            coverage=spans,
            timetables={name: Timetable.of(schedule, source) for name in jobs if schedule},
            **({"is_hindsight": True} | fields),
        )
        chosen = policy or Policy()
        if job is not None:
            chosen = replace(chosen, job=lambda _: job)
        return Look(facts, chosen, self.at)

    def _instant(self, text: str) -> datetime:
        midnight = self.at("00:00")
        return midnight - (self.at(text[1:]) - midnight) if text.startswith("-") else self.at(text)


@pytest.fixture(scope="session")
def look(facts: Callable[..., Facts], at: Callable[[str], datetime]) -> Telling:
    return Telling(facts, at)
