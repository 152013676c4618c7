from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Finding, Severity
from monitor.detect import Detect, findings
from monitor.detect.model import Facts, State
from monitor.detect.together.manual_clash import manual_clash
from monitor.model import Execution
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule

Tell = Callable[..., Facts]
At = Callable[[str], datetime]
Story = Callable[[str], tuple[Execution, ...]]
Same = Callable[[Detect, Facts, Policy, datetime], None]

IMPORTS = GroupPolicy("imports", ("full*", "diff*", "feed*"))
POLICY = Policy(groups=(IMPORTS, AKENEO))


def every(hours: int, at: str) -> JobPolicy:
    return JobPolicy(schedule=Schedule(every=timedelta(hours=hours), at=time.fromisoformat(at)))


def scheduled(**of: JobPolicy) -> Policy:
    return replace(POLICY, job=lambda job_id: of.get(job_id, JobPolicy()))


NIGHTLY = scheduled(full=every(24, "02:00"))


def found(facts: Facts, policy: Policy = POLICY) -> tuple[Finding, ...]:
    return findings(manual_clash(facts, policy))


def told(facts: Facts, policy: Policy = POLICY) -> list[str]:
    """`job: runs since, by kind`, and until when if it is over."""
    return [
        f"{one.labels['job_id']}: {' '.join(one.occurrences)} since {one.since:%H:%M}, "
        + ", ".join(f"{kind} {' '.join(jobs)}" for kind, jobs in one.evidence["reasons"].items())
        + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in found(facts, policy)
    ]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param(
            "full 02:00-03:00, diff 02:30-02:40 by:jdoe",
            ["diff: 2 since 02:30, running full until 02:40"],
            id="started by hand while a scheduled run was active",
        ),
        pytest.param(
            "full 02:00-03:00, diff 02:30-? api:ci",
            ["diff: 2 since 02:30, running full"],
            id="through the API",
        ),
        pytest.param("full 02:00-03:00, diff 02:30-02:40", [], id="by the schedule: an overlap, no clash"),
        pytest.param(
            "full 02:00-03:00 by:admin, diff 02:30-02:40 by:jdoe", [], id="into another run by hand"
        ),
        pytest.param("full 02:00-03:00, diff 03:00-03:40 by:jdoe", [], id="when it had just ended"),
        pytest.param(
            "full 02:00-03:00:01, diff 03:00-03:40 by:jdoe",
            ["diff: 2 since 03:00, running full until 03:40"],
            id="a second before it ended",
        ),
        pytest.param(
            "full 03:00-03:30, diff 03:00-03:40 by:jdoe",
            ["diff: 2 since 03:00, running full until 03:40"],
            id="in the same instant",
        ),
        pytest.param("full 03:00:01-03:30, diff 03:00-03:40 by:jdoe", [], id="a second before it started"),
        pytest.param(
            "full 02:00-03:00, full 02:30-02:40 by:jdoe",
            ["full: 2 since 02:30, running full until 02:40"],
            id="its own job counts too",
        ),
        pytest.param("full 02:00-03:00, other 02:30-02:40 by:jdoe", [], id="a job of no group"),
        pytest.param("full 02:00-? pending, diff 02:30-02:40 by:jdoe", [], id="pending is not active"),
        pytest.param(
            "full 02:00-03:00 retried, diff 02:30-02:40 by:jdoe",
            ["diff: 2 since 02:30, running full until 02:40"],
            id="an attempt that was repeated later was active",
        ),
        pytest.param(
            "full 02:00-03:00, feed 02:00-04:00, diff 02:30-02:40 by:jdoe",
            ["diff: 3 since 02:30, running feed full until 02:40"],
            id="one finding with all reasons",
        ),
        pytest.param(
            "full 02:00-04:00, diff 02:30-02:40 by:jdoe, diff 03:00-03:10 by:jdoe",
            [
                "diff: 2 since 02:30, running full until 02:40",
                "diff: 3 since 03:00, running full until 03:10",
            ],
            id="two runs by hand are two",
        ),
        pytest.param(
            "full 02:00-04:00, diff@A 02:30-02:40 by:jdoe, diff@B 02:35-03:10 by:jdoe",
            ["diff: 2 since 02:30, running full until 03:10"],
            id="the sites of one run are one",
        ),
        pytest.param(
            "full 02:00-04:00, diff 02:30-02:40 failed try:0/1 by:jdoe, diff 02:50-02:55 try:1/1 by:jdoe",
            ["diff: 2 since 02:30, running full until 02:40"],
            id="nobody started the attempt of a retry",
        ),
    ],
)
def test_into_a_scheduled_run(facts: Tell, story: str, expected: list[str]) -> None:
    assert told(facts(story)) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("diff 01:55-01:56 by:jdoe", [], id="the buffer before the slot"),
        pytest.param(
            "diff 01:55:01-01:56 by:jdoe", ["diff: 1 since 01:55, due full until 01:56"], id="a second less"
        ),
        pytest.param("diff 01:30-02:00 by:jdoe", [], id="ended as the slot came"),
        pytest.param(
            "diff 01:30-02:00:01 by:jdoe",
            ["diff: 1 since 02:00, slot full until 02:00"],
            id="active at the slot",
        ),
        pytest.param(
            "diff 02:00-02:10 by:jdoe",
            ["diff: 1 since 02:00, slot full until 02:10"],
            id="started at the slot",
        ),
        pytest.param("diff 02:01-02:10 by:jdoe", [], id="started after it"),
        pytest.param(
            "full 01:58-01:59 by:jdoe",
            ["full: 1 since 01:58, due full until 01:59"],
            id="its own slot counts too",
        ),
        pytest.param("other 01:58-02:59 by:jdoe", [], id="a job of no group"),
        pytest.param("diff 01:58-02:59", [], id="not by hand"),
    ],
)
def test_before_and_at_a_slot(facts: Tell, story: str, expected: list[str]) -> None:
    assert told(facts(f"{story}, full 06:00-06:01"), NIGHTLY) == expected


def test_each_group_has_its_own_buffer(facts: Tell) -> None:
    story = facts("diff 01:50:01-01:51 by:jdoe, full 06:00-06:01")
    assert told(story, NIGHTLY) == []
    wide = replace(NIGHTLY, groups=(replace(IMPORTS, buffer=timedelta(minutes=10)),))
    assert told(story, wide) == ["diff: 1 since 01:50, due full until 01:51"]
    assert told(story, replace(wide, groups=(replace(IMPORTS, exclusive=False),))) == []


def test_a_sandbox_runs_no_schedules(facts: Tell) -> None:
    story = facts("diff 01:58-02:59 by:jdoe, full 06:00-06:01")
    assert told(story, replace(NIGHTLY, is_sandbox=True)) == []


def test_a_login_of_the_schedule_is_the_schedule(facts: Tell) -> None:
    story = facts("full 02:00-03:00, diff 02:30-02:40 by:batch")
    assert told(story, replace(POLICY, scheduler_logins=("batch",))) == []


def test_a_run_that_is_active_waits_for_the_next_slot(facts: Tell, at: At) -> None:
    story = facts("diff 01:30-? by:jdoe, full 00:10-00:20", at="01:59")
    decisions = {one.jobs[0]: one for one in manual_clash(story, NIGHTLY)}
    waiting = decisions["diff"]
    assert (waiting.state, waiting.opens, waiting.look_again) == (State.WAITING, at("02:00"), at("02:00"))
    assert waiting.jobs == ("diff", "full")
    assert decisions["full"].state is State.CLEAR
    (opened,) = found(replace(story, seen_until=at("02:00")), NIGHTLY)
    assert opened.since == at("02:00")


def test_nothing_is_known_of_a_slot_that_came_after_the_run_was_seen_last(
    facts: Tell, story: Story, at: At
) -> None:
    gone, full = story("diff 01:30-? by:jdoe, full 00:10-00:20")
    look = facts([replace(gone, last_seen=at("01:59")), full], at="02:30")
    assert found(look, NIGHTLY) == ()
    assert len(found(facts([replace(gone, last_seen=at("02:00")), full], at="02:30"), NIGHTLY)) == 1


@pytest.mark.parametrize(
    ("fresh", "judged", "expected"),
    [
        pytest.param("", "04:00", 0, id="nothing new, and over before the last look"),
        pytest.param("", "02:35", 1, id="over since the last look"),
        pytest.param("2", "04:00", 1, id="the run by hand is new"),
        pytest.param("1", "04:00", 1, id="the scheduled one is"),
    ],
)
def test_what_is_over_is_told_when_it_is_news(
    facts: Tell, at: At, fresh: str, judged: str, expected: int
) -> None:
    story = facts("full 02:00-03:00, diff 02:30-02:40 by:jdoe", fresh=fresh, judged_until=at(judged))
    assert len(found(story)) == expected


@pytest.mark.parametrize(
    ("story", "quiet"),
    [
        pytest.param("full 02:00-03:00 old, diff 02:30-02:40 by:jdoe old", "first_read", id="it was over"),
        pytest.param("full 02:00-03:00 old, diff 02:30-? by:jdoe", None, id="what is going on is announced"),
    ],
)
def test_what_the_first_read_found_is_quiet(facts: Tell, story: str, quiet: str | None) -> None:
    (finding,) = found(facts(story))
    assert finding.quiet == quiet


def test_the_message_and_its_numbers(facts: Tell) -> None:
    (finding,) = found(facts("full 02:00-03:00, diff 02:30-? by:jdoe", at="02:50"))
    assert finding.severity is Severity.WARNING
    assert finding.labels == {"sfcc_instance": "production", "job_id": "diff"}
    assert finding.summary == (
        "diff was started by hand (jdoe) at 02:30 UTC: full was running since 02:00 UTC."
    )
    assert finding.facts == (
        ("Run", "2, started by hand (jdoe) at 02:30 UTC"),
        ("Clashes", "full was running since 02:00 UTC"),
        ("Group", "imports"),
    )
    assert finding.evidence == {
        "group": "imports",
        "jobs": ["full"],
        "reasons": {"running": ["full"]},
        "executions": ["2", "1"],
    }


RUNS = st.lists(
    st.tuples(
        st.sampled_from(("full@A", "full@B", "diff@A", "diff@B", "feed")),
        st.integers(0, 90),
        st.integers(0, 40),
        st.sampled_from(("", "", " by:jdoe", " failed try:0/1", " retried try:0/1", " try:1/1", " vanished")),
    ),
    max_size=12,
)
BUSY = scheduled(full=every(1, "00:20"), feed=every(1, "00:45"))


def played(told_runs: list[tuple[str, int, int, str]]) -> str:
    """Every run takes so many minutes; those of 40 still run."""
    return ", ".join(
        f"{job} {start // 60:02}:{start % 60:02}-"
        + (
            f"?{how if 'by:' in how else ''}"
            if length == 40
            else f"{(start + length) // 60:02}:{(start + length) % 60:02}{how}"
        )
        for job, start, length, how in told_runs
    )


@settings(max_examples=150)
@given(told_runs=RUNS, minute=st.integers(0, 150))
def test_it_was_found_then_as_it_is_found_later(
    facts: Tell, same_at_any_time: Same, at: At, told_runs: list[tuple[str, int, int, str]], minute: int
) -> None:
    later = "full 10:00-10:01, feed 10:00-10:01, diff 10:00-10:01"
    story = facts(f"{played(told_runs)}, {later}")
    earlier = replace(story, timetables={job: story.timetable(job, BUSY) for job in ("full", "feed")})
    same_at_any_time(manual_clash, earlier, BUSY, at(f"{minute // 60:02}:{minute % 60:02}"))


@settings(max_examples=50)
@given(told_runs=RUNS, chance=st.randoms(use_true_random=False))
def test_the_order_of_runs_does_not_matter(
    facts: Tell, told_runs: list[tuple[str, int, int, str]], chance: random.Random
) -> None:
    story = facts(played(told_runs))
    series = list(story.runs)
    chance.shuffle(series)
    shuffled = {name: tuple(reversed(story.runs[name])) for name in series}
    assert found(story, BUSY) == found(replace(story, runs=shuffled), BUSY)


@settings(max_examples=50)
@given(told_runs=RUNS)
def test_every_one_is_over_once_all_runs_have_ended(
    facts: Tell, told_runs: list[tuple[str, int, int, str]]
) -> None:
    ended = [(job, start, min(length, 39), how) for job, start, length, how in told_runs]
    assert all(one.ends_at is not None for one in found(facts(played(ended), at="03:00"), BUSY))
