"""A week with ten thousand faults ends in the same incidents as the same week without any.

The same jobs are watched twice: once every hour and undisturbed, once every few minutes in weather
that `weather` makes. `WEEK_SEEDS=1,2,3` plays other weeks, `WEEK_DAYS=14` longer ones.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from alerts import codec
from alerts.incidents import UNJUDGED
from alerts.model import Incident
from alerts.routing.flapping import flapping
from alerts.schema import incidents, notifications, outbox
from alerts.testing import RecordingNotifier
from monitor.app import App
from monitor.detect.inhibit import inhibited_by
from monitor.detect.watching import WATCHING
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.series import SeriesFacts
from monitor.history.stats import OutcomeCount
from monitor.model import Execution, Interval, Outcome, RunId
from monitor.settings import InstanceSettings, Settings
from monitor.settings.model import GroupSettings
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator, World
from monitor.simulator import ManualClock as WorldClock
from tests.monitor.weather import KIND_NAMES, SteppingClock, Weather
from tests.monitor.week import MINUTE, MONDAY, RETRIES, Week

SEEDS = [int(seed) for seed in os.environ.get("WEEK_SEEDS", "1").split(",")]
DAYS = float(os.environ.get("WEEK_DAYS", "7"))

FAULTS_A_DAY = 10_000 / 7
OF_EACH_KIND_A_DAY = 20 / 7

INSTANCE = "production"
CALM = 60 * MINUTE
OVERTIME = timedelta(hours=3)
"""After the week: by then every retry that is awaited at its end is overdue."""

DATE_SLACK = timedelta(seconds=6)
"""A `Date` has whole seconds, and five of them are no difference."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_week_with_ten_thousand_faults_ends_in_the_same_incidents_as_without(
    seed: int, sqlite_template: Path, tmp_path: Path
) -> None:
    calm, storm = (
        Watch(_state(sqlite_template, tmp_path / f"{name}.db"), Week(seed, DAYS), weather)
        for name, weather in (("calm", None), ("storm", seed))
    )
    for watch in (calm, storm):
        watch.run()
    assert storm.injected.total() >= FAULTS_A_DAY * DAYS
    assert {kind for kind in KIND_NAMES if storm.injected[kind] < OF_EACH_KIND_A_DAY * DAYS} == set()
    assert storm.wrong == [], "nothing ages, and no time to come is claimed to be seen"
    assert differences(End.of(calm.app), End.of(storm.app)) == []
    for watch in (calm, storm):
        assert ill_told(watch) == []


def _state(template: Path, path: Path) -> str:
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What must not change while the agent cannot see; what is covered may grow, page by page."""

    seen_until: datetime | None
    last_success_at: datetime | None
    coverage: tuple[Interval, ...]
    incidents: tuple[Any, ...]

    def is_kept_by(self, after: Kept) -> bool:
        covered = all(
            any(one.start <= part.start and part.end <= one.end for one in after.coverage)
            for part in self.coverage
        )
        return covered and replace(self, coverage=after.coverage) == after


class Watch:
    """An agent beside a simulated week; with a seed of the weather, in bad weather."""

    def __init__(self, state: str, week: Week, weather: int | None) -> None:
        time = WorldClock(MONDAY)
        self.chat = RecordingNotifier("chat")
        self.injected: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._state = state
        self._week = week
        self._seed = weather
        self._world = World(time, history=timedelta(hours=1))
        self._clock = SteppingClock(time)
        self._polls = 0

    def run(self) -> None:
        random.seed(self._seed)  # of which the pauses between tries are drawn
        self._world.account_manager.monotonic = self._clock.monotonic
        self._world.noise(jobs=1)
        self._week.play(self._world)
        with Simulator(self._world) as simulator:
            self.app = self._agent(simulator.url)
            if self._seed is None:
                self._watch(lambda: CALM)
            else:
                weather = Weather(self._seed, self._world, self._clock, self._week)
                self._watch(weather.before_poll)
                weather.clear_up()
                self.injected = weather.count()
            self._close()
        self.app.engine.dispose()

    def _watch(self, before: Callable[[], timedelta]) -> None:
        while self._world.now() < self._week.end:
            pause = before()
            self._turn()
            self._clock.advance(pause)

    def _turn(self) -> None:
        kept, began = self._kept(), self._world.now()
        result = self.app.poll(INSTANCE)
        after = self._kept()
        if not result.complete and not kept.is_kept_by(after):
            self.wrong.append(f"{began}: blind ({result.reason}), and yet {kept} became {after}")
        if after.seen_until is not None and after.seen_until > began + DATE_SLACK:
            self.wrong.append(f"{began}: claims to have seen everything until {after.seen_until}")
        ended = self._world.now()  # a gap is read by many requests, and each may have to wait
        if any(one.end > ended + DATE_SLACK for one in after.coverage):
            self.wrong.append(f"{began}: claims to have covered {after.coverage}")
        self._polls += 1
        if result.opened or result.resolved or self._polls % 5 == 0:
            self._tell()

    def _tell(self) -> None:
        self.app.fetch_logs()
        self._clock.advance(self.app.settings.log_wait)
        self.app.dispatch()
        self.app.deliver("chat")

    def _close(self) -> None:
        self._turn()
        self._clock.advance(self._week.end + OVERTIME - self._world.now())
        self._turn()
        for _ in range(3):  # whatever a group_interval holds back
            self._clock.advance(10 * MINUTE)
            self._tell()

    def _kept(self) -> Kept:
        with reading(self.app.engine) as connection:
            cursor = cursors.load(connection, INSTANCE)
            latest = select(
                func.count(), func.max(incidents.c.updated_at), func.count(incidents.c.ends_at)
            ).where(incidents.c.condition.not_in(WATCHING))
            return Kept(
                cursor.seen_until,
                cursor.last_success_at,
                cursors.coverage(connection, INSTANCE),
                tuple(connection.execute(latest).one()),
            )

    def _agent(self, server: str) -> App:
        instance = InstanceSettings(
            name=INSTANCE,
            server=server,
            account_manager_host=server,
            client_id=DEMO_CLIENT_ID,
            client_secret=SecretStr(DEMO_CLIENT_SECRET),
        )
        group = GroupSettings(name="shop", jobs=["prices", "stock"])
        settings = Settings(instances=[instance], groups=[group], state=self._state)
        return App(settings, clock=self._clock, notifiers={"chat": self.chat})


@dataclass(frozen=True, slots=True)
class End:
    """What is left of a week, without what depends on when somebody looked."""

    incidents: Counter[tuple[object, ...]]
    runs: Mapping[RunId, tuple[Execution, Outcome]]
    outcomes: Counter[tuple[str, str, str]]
    durations: Mapping[str, tuple[tuple[int, ...], timedelta]]
    series: Mapping[tuple[str, str], SeriesFacts]
    pairs: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, app: App) -> End:
        with reading(app.engine) as connection:
            # That it was blind for hours is about the agent, not about the week.
            rows = connection.execute(
                select(incidents).where(incidents.c.condition.not_in(WATCHING))
            ).mappings()
            runs = list(history.search(connection, limit=1_000_000))
            return cls(
                incidents=Counter(incident_end(codec.incident(row)) for row in rows),
                runs={run.run_id: run_end(run, outcome) for run, outcome, _ in runs},
                outcomes=outcome_counts(stats.outcomes(connection)),
                durations={one.job_id: (one.counts, one.total) for one in stats.durations(connection)},
                series={(one.job_id, one.scope): series_end(one) for one in stats.series(connection)},
                pairs={(one.job_id, one.other_job_id): one.count for one in stats.overlap_pairs(connection)},
            )


def differences(calm: End, storm: End) -> list[str]:
    found = []
    for name in (field.name for field in fields(End)):
        one, other = getattr(calm, name), getattr(storm, name)
        found += [
            f"{name} {key}: {one.get(key)} without faults, {other.get(key)} with them"
            for key in sorted({*one, *other}, key=repr)
            if one.get(key) != other.get(key)
        ]
    return found


def incident_end(one: Incident) -> tuple[object, ...]:
    return (
        one.condition,
        tuple(sorted(one.labels.items())),
        one.severity.value,
        f"{one.starts_at:%d %H:%M:%S.%f}",
        f"{one.ends_at:%d %H:%M:%S.%f}" if one.ends_at else "open",
        one.resolution == UNJUDGED,
        tuple(one.evidence["executions"]),
        tuple(one.evidence.get("recovered_by", ())),
        frozenset(one.causes),
        one.count,
        None if inhibited_by(one.quiet) else one.quiet,  # it may have been told before the other came
    )


def run_end(run: Execution, outcome: Outcome) -> tuple[Execution, Outcome]:
    same = replace(run, first_seen=None, last_seen=None, version="", missing=0)
    if outcome in {Outcome.ACTIVE, Outcome.VANISHED}:  # as far as it had come when somebody looked
        same = replace(same, duration=None, steps=None, last_modified=None)
    return same, outcome


def outcome_counts(found: Iterable[OutcomeCount]) -> Counter[tuple[str, str, str]]:
    """Failed attempts together with superseded ones: each is counted once, as what it was by then, and an
    attempt becomes superseded only when the next one starts.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        attempt = one.job_id == RETRIES and one.outcome in {Outcome.FAILED, Outcome.SUPERSEDED}
        counts[one.job_id, "attempt" if attempt else one.outcome.value, one.trigger.value] += one.count
    return counts


def series_end(one: SeriesFacts) -> SeriesFacts:
    """A vanished run ended "when last seen active"."""
    ended = None if one.last_outcome is Outcome.VANISHED else one.last_end
    return replace(one, first_seen=MONDAY, last_end=ended)


def was_flapping(incident: Incident, known: list[Incident]) -> bool:
    """Whether it began and ended while nobody was to hear of what begins and ends over and over."""
    if incident.ends_at is None:
        return False
    same = [one for one in known if one.fingerprint == incident.fingerprint and one.quiet is None]
    changes = [at for one in same for at in (one.starts_at, one.ends_at) if at and at <= incident.ends_at]
    found = flapping(changes, incident.ends_at)
    return found is not None and found.since <= incident.starts_at


def ill_told(watch: Watch) -> list[str]:
    """Incidents whose beginning or end was told never, or twice; messages that did not arrive once each."""
    with reading(watch.app.engine) as connection:
        known = [codec.incident(row) for row in connection.execute(select(incidents)).mappings()]
        rows = connection.execute(select(notifications)).mappings()
        messages = [codec.notification(row) for row in rows]
        states = Counter(connection.execute(select(outbox.c.state)).scalars())
    news = Counter(
        (one.id, one.is_open, tuple(one.causes), one.severity)
        for message in messages
        for one in message.incidents
        if one.id in message.news
    )
    told, told_over = {key[0] for key in news}, Counter(key[0] for key in news if not key[1])
    announced = [
        one for one in known if one.quiet is None and not (one.id not in told and was_flapping(one, known))
    ]
    over = [one for one in announced if not one.is_open and one.resolution != UNJUDGED]
    found = [f"twice: {key}" for key, times in news.items() if times > 1]
    found += [f"never: {one}" for one in announced if one.id not in told]
    found += [f"end told {told_over[one.id]} times: {one}" for one in over if told_over[one.id] != 1]
    if states != {"sent": len(watch.chat.sent)} or len(watch.chat.sent) != len(messages):
        found.append(f"{len(messages)} messages, {states} rows, {len(watch.chat.sent)} arrived")
    return found
