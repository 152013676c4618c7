"""Judging little by little: what a poll looks at, and that it comes to what looking at everything would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event

from alerts import store
from alerts.model import Incident
from monitor.detect.runs.no_data import no_data
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history import schema, stats
from monitor.history.engine import reading
from monitor.judgement import Judgement, judge_for, load_facts
from monitor.model import Execution, ExitStatus, Series, Step
from monitor.policy import GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule

T0 = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
POLICY = Policy(groups=(GroupPolicy("imports", ("full", "diff", "feed")), GroupPolicy("rest", ("x*",))))
HOURLY = JobPolicy(schedule=Schedule(every=timedelta(hours=1)), max_duration=timedelta(minutes=40))
SCHEDULED = Policy(
    job=lambda job_id: HOURLY if job_id in {"full", "diff", "alone"} else JobPolicy(),
    scheduled=("alone", "diff", "full"),
    groups=(
        GroupPolicy("imports", ("full", "diff", "feed"), order=("full", "diff", "feed"), finish_by=time(1)),
        GroupPolicy("rest", ("x*",)),
    ),
)
STEP = Step("load", execution_status="finished", exit_status=ExitStatus("OK", None, "ok"))


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def run(
    job: str, identity: str, start: float, end: float | None = None, how: str = "ok", **fields: Any
) -> Execution:
    """`job` or `job@site`; minutes of the night."""
    name, _, scope = job.partition("@")
    if end is None:
        ending: dict[str, Any] = {"execution_status": "running"}
    else:
        status = ExitStatus(how.upper(), None, how)
        ending = {"execution_status": "finished", "exit_status": status, "end_time": at(end)}
    known = {"version": f"{how} {end}"} | ({"scope": scope} if scope else {})
    return Execution("i", name, identity, start_time=at(start), **(known | ending | fields))


def poll(
    conn: Connection,
    minute: float,
    runs: list[Execution],
    before: float | None,
    instance: str = "i",
    policy: Policy = POLICY,
) -> None:
    """What a poll does with what it read; before: the minute of the poll before, None in a new process."""
    rules = judge_for(policy)
    mine = [replace(one, instance=instance) for one in runs]
    if before is None:
        conn.info[instance] = Judgement(instance, policy)
    judgement = conn.info[instance]
    history.store(conn, instance, mine, seen_at=at(minute), backfill=False, judge=rules)
    last = cursors.complete(conn, instance, seen_until=at(minute), at=at(minute), running=0, clock_skew=None)
    cursors.cover(conn, instance, last.seen_until or at(minute - 60), at(minute))
    judgement.look(conn, now=at(minute), judged_until=last.seen_until, late=False)
    judgement.done()


@dataclass
class Reads:
    """What was asked of the table of executions: how many rows came back, of which jobs."""

    jobs: list[str]


@pytest.fixture
def reads(engine: Engine) -> Iterator[Reads]:
    found = Reads([])

    def noted(cursor: Any, row: Any) -> Any:
        names = [column[0] for column in cursor.description]
        if "log_file_path" in names and row[names.index("job_id")] is not None:
            found.jobs.append(row[names.index("job_id")])
        return row

    def watch(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            cursor.row_factory = noted

    event.listen(engine, "before_cursor_execute", watch)
    yield found
    event.remove(engine, "before_cursor_execute", watch)


def hourly(jobs: list[str], hours: int) -> list[Execution]:
    """One run of three minutes an hour, up to minute 0."""
    return [
        run(job, f"{job} {hour}", -60 * hour - 5, -60 * hour - 2, steps=(STEP,))
        for job in jobs
        for hour in range(hours)
    ]


def test_a_poll_reads_no_job_that_nothing_happened_to(engine: Engine, reads: Reads) -> None:
    quiet = [f"quiet {number}" for number in range(30)]
    with engine.begin() as conn:
        poll(conn, 0, hourly([*quiet, "full", "diff", "x1"], 24), None)
        poll(conn, 1, [run("x1", "old", -3000), run("diff", "new", 0.5)], 0)
        reads.jobs.clear()
        poll(conn, 2, [run("diff", "new", 0.5, 1.5)], 1)
    assert set(reads.jobs) == {"diff", "x1", "full"}
    assert reads.jobs.count("full") < 30, "it ended less than the buffer before: they are looked at together"
    assert reads.jobs.count("diff") < 30
    assert reads.jobs.count("x1") < 5


def test_an_old_run_that_goes_on_does_not_make_its_group_be_read_again(engine: Engine, reads: Reads) -> None:
    with engine.begin() as conn:
        poll(conn, 0, [*hourly(["full", "diff", "feed"], 48), run("full", "old", -2880)], None)
        for minute in (1, 2):
            reads.jobs.clear()
            progress = run("full", "old", -2880, last_modified=at(minute), version=str(minute))
            poll(conn, minute, [progress], minute - 1)
    assert reads.jobs.count("diff") == 1, "it ended a few minutes ago"
    assert reads.jobs.count("feed") <= 1
    assert reads.jobs.count("full") < 60, "its own window, to say how long it may take"


def test_what_met_a_run_that_was_not_known_before_is_found(engine: Engine) -> None:
    with engine.begin() as conn:
        poll(conn, 0, hourly(["diff"], 48), None)
        poll(conn, 1, [run("full", "late", -2000, -1000)], 0)
        poll(conn, 2, [], 1)
        found = incidents(conn)
    assert [one.condition for one in found].count("overlap") == 17


def test_what_holds_and_did_not_change_is_left_alone(engine: Engine, reads: Reads) -> None:
    with engine.begin() as conn:
        poll(conn, 0, [run("a", "1", -30, -20, "error")], None)
        before = incidents(conn)
        reads.jobs.clear()
        poll(conn, 1, [run("b", "1", 0.2, 0.8)], 0)
        assert "a" not in reads.jobs
        assert incidents(conn) == before
        poll(conn, 2, [run("a", "2", 1.2, 1.8)], 1)
        assert [one.ends_at for one in incidents(conn)] == [at(1.8)]


def test_texts_name_the_day_once_it_is_over(engine: Engine) -> None:
    with engine.begin() as conn:
        poll(conn, 0, [run("a", "1", -30, -20, "error")], None)
        poll(conn, 119, [], 0)
        assert dict(incidents(conn)[0].facts)["Since"] == "21:40 UTC"
        poll(conn, 120, [], 119)
        assert dict(incidents(conn)[0].facts)["Since"] == "2026-11-23 21:40 UTC"


def test_a_retry_that_never_comes_is_noticed_although_nothing_changes(engine: Engine) -> None:
    attempt = run("a", "1", -10, 0, "error", current_retry_attempt=0, max_retries=1)
    with engine.begin() as conn:
        poll(conn, 0, [], None)
        poll(conn, 1, [attempt], 0)
        poll(conn, 69, [], 1)
        assert incidents(conn) == []
        poll(conn, 70, [], 69)
        assert [one.condition for one in incidents(conn)] == ["failed"]


def test_a_usual_duration_is_kept_when_a_run_of_the_series_ends(engine: Engine) -> None:
    with engine.begin() as conn:
        poll(conn, 0, hourly(["a@X", "a@Y", "b"], 9), None)
        assert {(one.job_id, one.scope) for one in stats.expected(conn)} == {
            ("a", "X"),
            ("a", "Y"),
            ("b", "Organization"),
        }
        conn.execute(schema.expected_durations.delete())
        poll(conn, 1, [run("a@X", "new", 0.2, 0.8), run("b", "new", 0.5)], 0)
        assert [(one.job_id, one.scope) for one in stats.expected(conn)] == [("a", "X")]


@pytest.mark.parametrize(
    ("job", "fields", "is_told"),
    [
        pytest.param("sfcc-site-archive-import", {}, True, id="of the platform"),
        pytest.param("diff", {"user_login": "jdoe"}, True, id="of the group, by hand"),
        pytest.param("diff", {}, False, id="of the group, by the schedule"),
        pytest.param("other", {"user_login": "jdoe"}, False, id="of another job, by hand"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["at the first look", "at a later one"])
def test_what_happened_just_before_a_failure_is_told(
    engine: Engine, job: str, fields: dict[str, Any], *, is_told: bool, first: bool
) -> None:
    with engine.begin() as conn:
        poll(conn, 0, [run(job, "before", -70, -65, **fields)], None)
        poll(conn, 1, [run("full", "1", -20, -10, "error")], None if first else 0)
        (incident,) = incidents(conn)
    assert ("Just before" in dict(incident.facts)) is is_told


def test_an_explanation_sees_what_runs_beside_the_job(engine: Engine) -> None:
    with engine.begin() as conn:
        poll(conn, 0, [run("full", "1", -30), run("diff", "1", -20), run("x1", "1", -20)], None)
    with reading(engine) as conn:
        facts = load_facts(conn, "i", POLICY, {"diff"})
    assert facts is not None
    assert {series.job_id for series in facts.runs} == {"diff"}
    assert {one.job_id for one in facts.others} == {"full", "x1"}


EVERY = 10
"""Minutes between two runs, of which each fortieth carries data."""


def deltas(count: int, last_data: int) -> list[Execution]:
    """Of a job whose runs mostly find nothing; none has data after that one."""
    return [
        replace(
            run("delta", str(number), EVERY * (number - count), EVERY * (number - count) + 1),
            exit_status=ExitStatus(
                "OK" if number % 40 == 0 and number <= last_data else "EMPTY_DELTA", None, "ok"
            ),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param(320, "clear", id="two of the usual gaps without data"),
        pytest.param(321, "holds", id="three of them"),
    ],
)
def test_how_long_data_stays_away_is_known_beyond_the_runs_that_are_looked_at(
    state: Engine, runs: int, expected: str
) -> None:
    seldom = Policy(job=lambda _: JobPolicy(no_data_codes=("EMPTY_*",)))
    night = deltas(runs, last_data=200)
    with state.begin() as conn:
        poll(conn, 0, night, None, policy=seldom)
    with reading(state) as conn:
        facts = load_facts(conn, "i", seldom, {"delta"})
    assert facts is not None
    assert sum(map(len, facts.runs.values())) < runs / 4
    whole = replace(
        facts,
        runs={Series("delta", "Organization"): tuple(night)},
        kept=None,
        data_before={},
        is_hindsight=True,
    )
    for seen in (facts, whole):
        (*_, last) = no_data(seen, seldom)
        assert last.state == expected, last.reason


JOBS = ("full@A", "full@B", "diff", "diff", "feed", "x1", "x2", "alone", "sfcc-import")
NIGHTS = st.lists(
    st.tuples(
        st.sampled_from(JOBS),
        st.integers(0, 240),  # start
        st.integers(1, 90),  # minutes it takes
        st.sampled_from(("ok", "ok", "error")),
        st.sampled_from((None, "jdoe")),
        st.sampled_from((0, 0, 0, 5)),  # minutes until the search shows it
        st.sampled_from((None, 0, 1)),  # attempt, of two
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(night=NIGHTS, polls=st.lists(st.integers(1, 400), min_size=1, max_size=9, unique=True))
@example(night=[], polls=[1, 121, 180])  # one more slot of a gap is over, and not known to be empty yet
@pytest.mark.parametrize("policy", [POLICY, SCHEDULED], ids=["no schedules", "schedules and an order"])
def test_looking_at_what_changed_comes_to_what_looking_at_everything_does(
    engine: Engine, night: list[Any], polls: list[int], policy: Policy
) -> None:
    before = None
    with engine.connect() as conn:
        for minute in sorted(polls):
            runs = list(as_seen(night, minute))
            poll(conn, minute, runs, before, "little by little", policy)
            poll(conn, minute, runs, None, "all", policy)
            before = minute
            assert told(conn, "little by little") == told(conn, "all")
        conn.rollback()


def as_seen(night: list[Any], minute: int) -> Iterator[Execution]:
    for number, (job, start, length, how, login, delay, attempt) in enumerate(night):
        fields: dict[str, Any] = {"user_login": login}
        if attempt is not None:
            fields |= {"current_retry_attempt": attempt, "max_retries": 1}
        if start + delay <= minute:
            end = start + length if start + length <= minute else None
            yield run(job, str(number), start, end, how, **fields)


def incidents(conn: Connection, instance: str = "i") -> list[Incident]:
    return store.current(conn, T0 - timedelta(days=100), source=instance)


def told(conn: Connection, instance: str) -> list[Any]:
    """Everything about its incidents but their names and when they were written.

    And but for what happened just before: what became of that run is not followed.
    """
    found = []
    for one in incidents(conn, instance):
        labels = {name: value for name, value in one.labels.items() if name != "sfcc_instance"}
        facts = [line for line in one.facts if line[0] != "Just before"]
        values = (one.summary, facts, one.evidence, one.count, one.starts_at, one.ends_at, one.resolution)
        found.append((one.condition, sorted(labels.items()), one.severity, values))
    return sorted(found, key=repr)
