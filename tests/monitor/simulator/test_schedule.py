"""Scheduled jobs: when they run, for how long, what prevents them, and how long they are remembered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.simulator import FAILED, Caller, JobSpec, ManualClock, Outcome, Retry, StepSpec, World

NIGHT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def starts(world: World, job_id: str) -> list[str]:
    return [document["start_time"][:16] for document in world.documents(job_id)]


def world_from(start: datetime) -> tuple[World, ManualClock]:
    clock = ManualClock(start)
    return World(clock), clock


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(JobSpec("j", cron="30 1 * * *"), ["22T01:30", "23T01:30"], id="cron in UTC"),
        pytest.param(
            JobSpec("j", cron="0 2 * * *", timezone="Europe/Berlin"),
            ["22T01:00", "23T01:00"],
            id="cron in a zone",
        ),
        pytest.param(
            JobSpec("j", every=8 * HOUR, offset=HOUR),
            ["22T01:00", "22T09:00", "22T17:00", "23T01:00"],
            id="steady, with an offset",
        ),
        pytest.param(JobSpec("j"), [], id="no schedule"),
        pytest.param(JobSpec("j", cron="0 0 * * 0"), ["22T00:00"], id="the very first minute counts"),
    ],
)
def test_a_job_runs_at_its_slots(spec: JobSpec, expected: list[str]) -> None:
    world, clock = world_from(NIGHT)
    world.add_job(spec)
    clock.advance(timedelta(hours=30))
    assert [start[8:] for start in starts(world, "j")] == expected


def test_the_clocks_going_forward_do_not_lose_a_run() -> None:
    world, clock = world_from(datetime(2026, 3, 28, 12, tzinfo=UTC))
    world.add_job(JobSpec("j", cron="30 2 * * *", timezone="Europe/Berlin"))
    clock.advance(timedelta(hours=36))
    assert [start[8:] for start in starts(world, "j")] == ["29T01:00"]


def test_the_clocks_going_back_do_not_double_a_run() -> None:
    world, clock = world_from(datetime(2026, 10, 24, 12, tzinfo=UTC))
    world.add_job(JobSpec("j", cron="30 2 * * *", timezone="Europe/Berlin"))
    clock.advance(timedelta(hours=36))
    assert len(starts(world, "j")) == 1


@pytest.mark.parametrize("cron", ["0 0 2 * * *", "@daily", "99 * * * *"])
def test_a_wrong_cron_expression_is_refused(world: World, cron: str) -> None:
    with pytest.raises(Exception, match=r"cron|Bad|value"):
        world.add_job(JobSpec("j", cron=cron))


def test_a_run_starts_shortly_after_its_slot() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("j", every=HOUR))
    clock.advance(timedelta(hours=50))
    begun = [run.start_time for run in world.runs("j")[:-1]]
    delays = [at - (NIGHT + n * HOUR) for n, at in enumerate(begun) if at is not None]
    assert timedelta(0) < min(delays) < max(delays) < timedelta(seconds=3)


def test_durations_vary_around_the_usual_one() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("j", every=HOUR, duration=timedelta(minutes=10), spread=0.1))
    clock.advance(100 * HOUR)
    lengths = sorted(
        document["duration"] / 60_000 for document in world.documents("j") if "end_time" in document
    )
    assert 9.5 < lengths[len(lengths) // 2] < 10.5
    assert 7 < lengths[0] < 9
    assert 11 < lengths[-1] < 13


@settings(max_examples=25, deadline=None)
@given(looks=st.lists(st.integers(min_value=1, max_value=7200), max_size=12))
def test_history_does_not_depend_on_how_often_one_looks(looks: list[int]) -> None:
    def play(stops: list[int]) -> list[object]:
        world, clock = world_from(NIGHT)
        world.add_job(JobSpec("a", every=timedelta(minutes=20), failure_rate=0.3, retry=Retry()))
        world.add_job(JobSpec("b", every=HOUR, sites=("x", "y")))
        world.noise(jobs=2, every=timedelta(minutes=10))
        for step in stops:
            clock.advance(step)
            world.sync()
        clock.set(NIGHT + timedelta(days=1))
        return [world.documents(job.job_id) for job in world.jobs()]

    assert play(looks) == play([])


def test_a_slot_is_swallowed_while_the_job_still_runs() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("j", every=HOUR, duration=timedelta(minutes=150), spread=0))
    clock.advance(4 * HOUR)
    assert [start[11:] for start in starts(world, "j")] == ["00:00", "03:00"]
    assert world.swallowed("j") == [NIGHT + HOUR, NIGHT + 2 * HOUR, NIGHT + 4 * HOUR]


def test_a_run_by_hand_swallows_the_slot_too(world: World, clock: ManualClock) -> None:
    world.add_job(JobSpec("j", cron="30 2 * * *"))
    world.start("j", user_login="jdoe")
    clock.advance(HOUR)
    assert len(world.runs("j")) == 1


def test_different_jobs_overlap() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("full", cron="0 1 * * *", duration=3 * HOUR))
    world.add_job(JobSpec("diff", cron="0 2 * * *", duration=HOUR))
    clock.advance(timedelta(hours=2, minutes=30))
    active = {"term_query": {"fields": ["status"], "operator": "is", "values": ["RUNNING"]}}
    hits = Caller(world).search(active).json()["hits"]
    assert [hit["job_id"] for hit in hits] == ["full", "diff"]


def test_several_sites_give_an_execution_for_each() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("feed", cron="0 1 * * *", sites=("RefArch", "RefArchGlobal")))
    clock.advance(2 * HOUR)
    documents = world.documents("feed")
    assert [document["execution_scopes"] for document in documents] == [["RefArch"], ["RefArchGlobal"]]
    assert documents[1]["step_executions"][0]["execution_scope"] == "RefArchGlobal"


def test_one_slot_can_be_told_how_to_end() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("j", every=HOUR, sites=("a", "b"), steps=(StepSpec("one"), StepSpec("two"))))
    world.override("j", NIGHT + HOUR, Outcome("ERROR", "error", "gone", failed_step="one"), site="b")
    clock.advance(timedelta(hours=2, minutes=30))
    documents = world.documents("j")
    assert [document["status"] for document in documents] == ["OK", "OK", "OK", "ERROR", "OK", "OK"]
    assert [step["step_id"] for step in documents[3]["step_executions"]] == ["one"]


def test_the_next_run_can_be_told_to_fail(world: World, clock: ManualClock) -> None:
    world.add_job(JobSpec("j", every=HOUR, offset=timedelta(minutes=1)))
    world.fail_next("j")
    clock.advance(timedelta(minutes=100))
    assert [document["status"] for document in world.documents("j")] == ["ERROR", "OK"]


def test_a_failure_is_retried_after_the_interval() -> None:
    world, clock = world_from(NIGHT)
    spec = JobSpec(
        "j", cron="0 1 * * *", failure_rate=1, retry=Retry(2, timedelta(minutes=10)), duration=HOUR, spread=0
    )
    world.add_job(spec)
    clock.advance(timedelta(minutes=60 + 24 + 5))
    (waiting,) = world.documents("j")
    assert waiting["execution_status"] == "retrying"
    assert waiting["retry_information"]["current_retry_attempt"] == 0
    clock.advance(3 * HOUR)
    documents = world.documents("j")
    assert [document["execution_status"] for document in documents] == ["retried", "retried", "finished"]
    assert [document["retry_information"]["current_retry_attempt"] for document in documents] == [0, 1, 2]


def test_stop_on_error_switches_the_schedule_off_without_a_trace() -> None:
    world, clock = world_from(NIGHT)
    world.add_job(JobSpec("j", every=HOUR, stop_on_error=True))
    world.override("j", NIGHT + HOUR, FAILED)
    clock.advance(10 * HOUR)
    assert [document["status"] for document in world.documents("j")] == ["OK", "ERROR"]
    world.enable("j")
    clock.advance(HOUR + timedelta(minutes=10))
    assert len(world.documents("j")) == 3


def test_history_may_begin_before_the_clock() -> None:
    clock = ManualClock(NIGHT)
    world = World(clock, history=timedelta(days=3))
    world.add_job(JobSpec("j", cron="0 2 * * *"))
    assert len(world.runs("j")) == 3


def test_things_can_be_done_when_the_clock_comes_to_them(world: World, clock: ManualClock) -> None:
    at = clock.now() + timedelta(minutes=22)
    world.at(at, lambda: world.start("j", user_login="jdoe", outcome=Outcome(duration=timedelta(minutes=4))))
    assert world.documents("j") == []
    clock.advance(HOUR)
    (document,) = world.documents("j")
    assert (document["start_time"], document["duration"]) == ("2026-11-22T02:22:00.000Z", 240_000)


def test_system_jobs_run_every_minute_without_a_log() -> None:
    world, clock = world_from(NIGHT)
    world.noise(jobs=3)
    clock.advance(timedelta(minutes=10, seconds=30))
    names = [spec.job_id for spec in world.jobs()]
    assert all(name.startswith("sfcc-") for name in names)
    documents = world.documents(names[1])
    assert len(documents) == 11
    assert documents[0]["is_log_file_existing"] is False
    assert documents[0]["execution_scopes"] == ["Organization"]
    assert documents[0]["duration"] < 1000


@pytest.mark.parametrize(
    ("code", "days", "seconds", "kept"),
    [
        pytest.param("OK", 5, -1, True, id="a good run is kept for five days"),
        pytest.param("OK", 5, 0, False, id="and not longer"),
        pytest.param("ERROR", 5, 0, True, id="a failed one outlives that"),
        pytest.param("ERROR", 25, -1, True, id="for 25 days"),
        pytest.param("ERROR", 25, 0, False, id="and not longer either"),
    ],
)
def test_retention(
    world: World,
    clock: ManualClock,
    caller: Caller,
    code: str,
    days: int,
    seconds: int,
    kept: bool,  # noqa: FBT001 - a column of the table
) -> None:
    run = world.start("j").finish(code=code)
    clock.advance(timedelta(days=days, seconds=seconds))
    assert caller.search().json()["total"] == int(kept)
    assert (caller.execution("j", run.id).status == 200) is kept


def test_an_active_run_is_kept_for_as_long_as_it_runs(world: World, clock: ManualClock) -> None:
    run = world.start("j")
    clock.advance(timedelta(days=60))
    assert [kept.id for kept in world.runs("j")] == [run.id]


def test_noise_is_forgotten_after_five_days_and_cheap_to_skip() -> None:
    world, clock = world_from(NIGHT)
    world.noise(jobs=1)
    clock.advance(timedelta(days=400))
    documents = world.documents(world.jobs()[0].job_id)
    assert 5 * 1440 - 3 <= len(documents) <= 5 * 1440 + 1
