"""Which schedule a job has, and that an agent learns what the whole history teaches, whenever it looks."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from monitor import timetables
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import schedules as stored
from monitor.history.engine import reading
from monitor.history.schema import coverage, executions, learning, series, timetable_revisions
from monitor.history.schema import cursors as cursor_table
from monitor.judgement import judge_for
from monitor.model import Execution, ExitStatus, Interval
from monitor.policy import JobPolicy, Policy
from monitor.schedule import Revision, Schedule, Source
from monitor.schedule.codec import decode, encode

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BEGAN = NOW - timedelta(days=15)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = Schedule(every=DAY, at=time(2))
HOURLY = Schedule(every=HOUR)
POLICY = Policy()


def a_run(at: datetime, number: int, scope: str = "A") -> Execution:
    return Execution(
        "i",
        "feed",
        f"{scope}{number}",
        scope,
        "finished",
        exit_status=ExitStatus("OK", None, "ok"),
        start_time=at,
        end_time=at + MINUTE,
    )


def history_of(*slots: Schedule, seed: int = 0, sites: tuple[str, ...] = ("A",)) -> list[Execution]:
    chance = random.Random(seed)
    found: list[Execution] = []
    for schedule in slots:
        for at in schedule.slots(BEGAN, NOW):
            found += [
                a_run(at + timedelta(seconds=chance.uniform(0, 50)), len(found), site) for site in sites
            ]
    return found


def seen(
    engine: Engine, runs: list[Execution], until: datetime, policy: Policy = POLICY, at_once: int = 200
) -> None:
    """A poll that read all of these, and its look."""
    with engine.begin() as conn:
        history.store(conn, "i", runs, seen_at=until, backfill=False, judge=judge_for(policy))
        cursors.cover(conn, "i", BEGAN, until)
        cursors.complete(conn, "i", seen_until=until, at=until, running=0, clock_skew=None)
        timetables.refresh(conn, "i", policy, until, at_once=at_once)
        cursors.judged(conn, "i", cursors.load(conn, "i").change)


def learned(engine: Engine, job: str = "feed") -> tuple[Revision, ...]:
    with reading(engine) as conn:
        return stored.kept(conn, "i", [job]).get((job, Source.LEARNED), ())


def loaded(engine: Engine, policy: Policy = POLICY) -> dict[str, tuple[Source, str]]:
    with reading(engine) as conn:
        every = timetables.load(conn, "i", policy)
        some = timetables.load(conn, "i", policy, ["feed"])
    assert some == {job: one for job, one in every.items() if job == "feed"}
    return {job: (one.source, one.text) for job, one in every.items()}


def test_a_schedule_is_learned_from_what_a_poll_has_stored(state: Engine) -> None:
    seen(state, history_of(DAILY, sites=("A", "B")), NOW)
    assert loaded(state) == {"feed": (Source.LEARNED, "every 1d at 02:00")}


def test_an_import_outranks_what_was_learned_and_the_settings_an_import(state: Engine) -> None:
    seen(state, history_of(DAILY), NOW)
    with state.begin() as conn:
        timetables.replace_imported(conn, "i", {"feed": (HOURLY,), "new": (DAILY,)}, NOW, "imported")
    imported = (Source.IMPORTED, "every 1h")
    assert loaded(state) == {"feed": imported, "new": (Source.IMPORTED, "every 1d at 02:00")}
    configured = Policy(job=lambda _: JobPolicy(schedule=Schedule(cron="1 2 * * *")))
    assert loaded(state, configured)["feed"] == (Source.CONFIGURED, "1 2 * * *")


def test_an_import_takes_the_place_of_the_one_before_from_then_on(state: Engine) -> None:
    with state.begin() as conn:
        timetables.replace_imported(conn, "i", {"feed": (HOURLY,), "gone": (HOURLY,)}, NOW - DAY, "first")
        timetables.replace_imported(conn, "i", {"feed": (HOURLY,)}, NOW - HOUR, "second")
        timetables.replace_imported(conn, "i", {"feed": (DAILY,)}, NOW, "third")
    with reading(state) as conn:
        kept = stored.kept(conn, "i")
    assert kept["feed", Source.IMPORTED] == (
        Revision((HOURLY,), timetables.BEGINNING, "second"),
        Revision((DAILY,), NOW, "third"),
    )
    assert [one.schedules for one in kept["gone", Source.IMPORTED]] == [(HOURLY,), ()]
    assert loaded(state) == {"feed": (Source.IMPORTED, "every 1d at 02:00")}


def test_what_a_person_accepts_holds_from_then_on(state: Engine) -> None:
    seen(state, history_of(DAILY), NOW)
    with state.begin() as conn:
        timetables.accept(conn, "i", "feed", (HOURLY,), NOW)
    assert loaded(state) == {"feed": (Source.IMPORTED, "every 1h")}


def test_on_a_sandbox_nothing_is_learned(engine: Engine) -> None:
    sandbox = Policy(is_sandbox=True)
    seen(engine, history_of(DAILY), NOW, sandbox)
    assert learned(engine) == ()
    assert loaded(engine, sandbox) == {}


@pytest.mark.parametrize(
    ("fields", "is_learned"),
    [
        pytest.param({}, True, id="scheduled"),
        pytest.param({"user_login": "ann"}, False, id="by hand"),
        pytest.param({"client_id": "x"}, False, id="by a program"),
        pytest.param({"current_retry_attempt": 1}, False, id="retries"),
        pytest.param({"current_retry_attempt": 0}, True, id="first attempts"),
        pytest.param({"is_restart": True}, False, id="restarts"),
        pytest.param({"job_id": "sfcc-system"}, False, id="of the platform"),
    ],
)
def test_which_runs_teach(engine: Engine, fields: dict[str, object], *, is_learned: bool) -> None:
    runs = [replace(one, **fields) for one in history_of(DAILY)]  # type: ignore[arg-type]
    seen(engine, runs, NOW)
    assert bool(learned(engine, runs[0].job_id)) is is_learned


def test_of_many_jobs_each_look_learns_a_few(engine: Engine) -> None:
    jobs = [f"job-{number}" for number in range(3)]
    runs = [replace(one, job_id=job) for job in jobs for one in history_of(DAILY)]
    seen(engine, runs, NOW, at_once=4)
    assert sum(bool(learned(engine, job)) for job in jobs) == 0
    for _ in range(15):
        seen(engine, [], NOW, at_once=4)
    assert all(learned(engine, job) for job in jobs)


def test_a_job_that_is_forgotten_is_forgotten_here_as_well(engine: Engine) -> None:
    seen(engine, history_of(DAILY), NOW)
    with engine.begin() as conn:
        stored.forget(conn, "i", "feed")
        assert stored.kept(conn, "i") == {}
        assert stored.followed(conn, "i", ["feed"]) == set()


@pytest.fixture(scope="module")
def past() -> list[Execution]:
    moved = [*history_of(DAILY)]
    changed = NOW - 7 * DAY
    early = [one for one in moved if one.start_time is not None and one.start_time < changed]
    later = [
        a_run(at, 1000 + number)
        for number, at in enumerate(Schedule(every=DAY, at=time(5)).slots(changed, NOW))
    ]
    often = [replace(one, job_id="often") for one in history_of(HOURLY, sites=("A", "B"))]
    return [*early, *later, *often]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(1, 15 * 24 * 2 - 1), max_size=12))
def test_whenever_an_agent_looks_it_learns_what_the_whole_history_teaches(
    engine: Engine, past: list[Execution], looks: set[int]
) -> None:
    with engine.begin() as conn:
        for table in (executions, series, coverage, cursor_table, learning, timetable_revisions):
            conn.execute(delete(table))
    before = BEGAN
    for until in [*(BEGAN + number * HOUR / 2 for number in sorted(looks)), NOW]:
        news = [one for one in past if one.start_time is not None and before <= one.start_time < until]
        seen(engine, news, until)
        before = until
    for job in ("feed", "often"):
        runs = [one for one in past if one.job_id == job]
        whole = timetables.learned_of(job, runs, POLICY, [Interval(BEGAN, NOW)], NOW)
        assert learned(engine, job) == whole.revisions
        assert whole.revisions


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(DAILY, id="at a time"),
        pytest.param(Schedule("Europe/Berlin", cron="0 2 * * *", weekdays=("mon", "tue")), id="cron"),
        pytest.param(Schedule(every=2 * DAY, valid_from=NOW.date(), valid_until=NOW), id="with limits"),
        pytest.param(
            Schedule(every=7 * HOUR, valid_from=NOW.replace(tzinfo=None)), id="from a time of the clock"
        ),
    ],
)
def test_a_schedule_that_is_kept_comes_back_as_it_was(schedule: Schedule) -> None:
    assert decode(encode(schedule)) == schedule
