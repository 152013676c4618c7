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
from monitor.detect.together.out_of_order import out_of_order
from monitor.model import Interval
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule

Tell = Callable[..., Facts]
At = Callable[[str], datetime]
Same = Callable[[Detect, Facts, Policy, datetime], None]

CHAIN = GroupPolicy("chain", ("load*", "index*", "mail*"), order=("load*", "index*", "mail*"))
HOURLY = JobPolicy(schedule=Schedule(every=timedelta(hours=1), at=time(0)))
POLICY = Policy(
    job=lambda job_id: HOURLY if job_id.startswith("load") else JobPolicy(), groups=(CHAIN, AKENEO)
)


def look(facts: Tell, at: At, story: str, seen: str = "12:00", **fields: object) -> Facts:
    return facts(story, at=seen, coverage=(Interval(at("00:00"), at(seen)),), **fields)


def found(facts: Facts, policy: Policy = POLICY) -> tuple[Finding, ...]:
    return findings(out_of_order(facts, policy))


def told(facts: Facts, policy: Policy = POLICY) -> list[str]:
    """`job: runs, why`, and until when if it is over."""
    return [
        f"{one.labels['job_id']}: {' '.join(one.occurrences)}, {one.cause}"
        + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in found(facts, policy)
    ]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param("load 02:00-02:10, index 02:15-02:20", [], id="in order"),
        pytest.param(
            "load 02:00-02:10 failed, index 02:15-02:20",
            ["index: 2, load failed"],
            id="its predecessor failed",
        ),
        pytest.param(
            "load 02:00-02:10 aborted, index 02:15-02:20", ["index: 2, load failed"], id="or was aborted"
        ),
        pytest.param("load 02:00-02:10 warn, index 02:15-02:20", [], id="ok with warnings is ok"),
        pytest.param("load 02:00-02:10 unknown, index 02:15-02:20", [], id="nobody knows how it ended"),
        pytest.param(
            "load 02:00-02:10 failed, load 02:11-02:14, index 02:15-02:20", [], id="the latest run counts"
        ),
        pytest.param(
            "load 02:00-02:10 failed, load 02:11-02:16, index 02:15-02:20",
            ["index: 3, load failed"],
            id="the latest that had ended by the start",
        ),
        pytest.param(
            "load 02:00-02:10 retried try:0/1, load 02:14-02:20 try:1/1, index 02:15-02:20",
            ["index: 3, load failed"],
            id="an attempt that was repeated failed",
        ),
        pytest.param(
            "load 02:00-02:10 failed, index 02:10-02:20", ["index: 2, load failed"], id="as it ended"
        ),
        pytest.param("load 02:00-02:10 failed, index 02:09:59-02:20", [], id="a second before it ended"),
        pytest.param(
            "load 02:00-02:10 failed, index 02:15-02:16 failed try:0/1, load 02:17-02:18, "
            "index 02:20-02:21 try:1/1",
            ["index: 2, load failed"],
            id="an attempt of a retry is no new start",
        ),
        pytest.param(
            "load 02:00-02:10 failed, index 02:15-02:20, load 02:30-02:40, index 02:45-02:50",
            ["index: 2, load failed until 02:45"],
            id="over with the next cycle in order",
        ),
        pytest.param(
            "load 02:00-02:10 failed, index 02:15-02:20, load 02:30-02:40 failed, index 02:45-02:50",
            ["index: 2 4, load failed"],
            id="until then it goes on",
        ),
        pytest.param(
            "load 02:00-02:10 failed, mail 02:15-02:20",
            ["mail: 2, load failed"],
            id="an empty place is left out",
        ),
        pytest.param(
            "load 02:00-02:10 failed, index 02:00-02:05, mail 02:15-02:20",
            [],
            id="the nearest place that has any",
        ),
        pytest.param(
            "load 02:00-02:10 failed, mail 02:15-02:20, index 03:00-03:05",
            ["index: 3, load failed", "mail: 2, load failed"],
            id="a job that was not known yet goes before nothing",
        ),
        pytest.param("index 02:00-02:10 failed, load 02:15-02:20", [], id="only what goes before"),
        pytest.param(
            "load-a 02:00-02:10 failed, load-b 02:15-02:20", [], id="those of one place have no order"
        ),
        pytest.param(
            "load-a 02:00-02:10 failed, load-b 02:00-02:05, index 02:15-02:20",
            ["index: 3, load-a failed"],
            id="each of one place has to be done",
        ),
        pytest.param(
            "load@A 02:00-02:10 failed, load@B 02:01-02:12, index 02:15-02:20",
            ["index: 3, load failed"],
            id="a run failed when it failed for one of its sites",
        ),
        pytest.param(
            "load@A 01:00-01:10 failed, load@A 02:00-02:10, load@B 02:01-02:12, index 02:15-02:20",
            [],
            id="the sites of an earlier run aside",
        ),
        pytest.param(
            "load 02:00-02:10 failed, index@A 02:15-02:16, index@B 02:17-02:18",
            ["index: 2, load failed"],
            id="the sites of one run start once",
        ),
        pytest.param("load 02:00-02:10 failed, other 02:15-02:20", [], id="a job of no place"),
        pytest.param("load 02:00-02:10 failed, index 02:15-? pending", [], id="pending has not started"),
    ],
)
def test_after_a_failure(facts: Tell, at: At, story: str, expected: list[str]) -> None:
    assert told(look(facts, at, story)) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(
            "load 02:00-02:10, index 02:15-02:20, index 03:15-03:20",
            ["index: 3, load stale"],
            id="a slot since its last start, and nothing ended",
        ),
        pytest.param(
            "load 02:00-02:10, index 02:15-02:20, load 03:00-03:10, index 03:15-03:20",
            [],
            id="it ended since",
        ),
        pytest.param(
            "load 02:00-02:10, index 02:15-02:20, load 03:00-03:16, index 03:15-03:20",
            ["index: 4, load stale"],
            id="it had not ended by the start",
        ),
        pytest.param("load 02:00-02:10, index 02:15-02:20, index 02:45-02:50", [], id="no slot since"),
        pytest.param(
            "load 02:00-02:10, index 02:15-02:20, index 03:00-03:05", [], id="started as the slot came"
        ),
        pytest.param(
            "load 02:00-02:10, index 02:15-02:20, index 03:00:01-03:05",
            ["index: 3, load stale"],
            id="a second after the slot",
        ),
        pytest.param("load 02:00-02:10, index 03:15-03:20", [], id="nobody knows since when it is new"),
        pytest.param(
            "load 02:00-02:10, index 02:15-02:20, index 03:15-03:20, load 04:00-04:10, index 04:15-04:20",
            ["index: 3, load stale until 04:15"],
            id="over with the next cycle in order",
        ),
    ],
)
def test_after_a_slot_that_brought_nothing_new(facts: Tell, at: At, story: str, expected: list[str]) -> None:
    assert told(look(facts, at, story)) == expected


def test_outside_coverage_nobody_knows_whether_it_ran(facts: Tell, at: At) -> None:
    story = look(facts, at, "load 02:00-02:10, index 02:15-02:20, index 03:15-03:20")
    assert len(found(story)) == 1
    gap = (Interval(at("00:00"), at("03:00")), Interval(at("03:00:01"), at("12:00")))
    assert found(replace(story, coverage=gap)) == ()
    assert found(story, replace(POLICY, is_sandbox=True)) == ()


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param("03:15:29", State.WAITING, id="a run may show up late"),
        pytest.param("03:15:30", State.HOLDS, id="none did"),
    ],
)
def test_what_did_not_run_is_told_half_a_minute_later(facts: Tell, at: At, seen: str, state: State) -> None:
    story = look(facts, at, "load 02:00-02:10, index 02:15-02:20, index 03:15-?", seen)
    (decision,) = [one for one in out_of_order(story, POLICY) if one.jobs[0] == "index"]
    assert (decision.state, decision.opens) == (state, at("03:15:30"))
    assert decision.look_again == (at("03:15:30") if state is State.WAITING else None)


def test_aborted_told_as_info_is_no_failure(facts: Tell, at: At) -> None:
    policy = replace(POLICY, job=lambda _: JobPolicy(aborted_is="info"))
    assert found(look(facts, at, "load 02:00-02:10 aborted, index 02:15-02:20"), policy) == ()


def test_what_is_older_than_all_that_is_loaded_is_unknown(facts: Tell, at: At) -> None:
    story = look(facts, at, "index 02:15-02:20, load 04:00-04:10", kept=1)
    decisions = {one.jobs[0]: one.state for one in out_of_order(story, POLICY)}
    assert decisions == {"index": State.UNKNOWN, "load": State.CLEAR}


def test_the_message_and_its_numbers(facts: Tell, at: At) -> None:
    (finding,) = found(look(facts, at, "load 02:00-02:10 failed, index 02:15-?"))
    assert finding.severity is Severity.WARNING
    assert finding.labels == {"sfcc_instance": "production", "job_id": "index", "group": "chain"}
    assert finding.summary == (
        "index started at 02:15 UTC although the last run of load had failed at 02:10 UTC (run 1)."
    )
    assert finding.evidence == {
        "group": "chain",
        "jobs": ["load"],
        "reasons": {"load": "failed"},
        "executions": ["1", "2"],
    }


@pytest.mark.parametrize(
    ("fresh", "judged", "expected"),
    [
        pytest.param("", "04:00", 0, id="nothing new, and over before the last look"),
        pytest.param("", "02:44", 1, id="over since the last look"),
        pytest.param("4", "04:00", 1, id="the run that ended it is new"),
    ],
)
def test_what_is_over_is_told_when_it_is_news(
    facts: Tell, at: At, fresh: str, judged: str, expected: int
) -> None:
    told_story = "load 02:00-02:10 failed, index 02:15-02:20, load 02:30-02:40, index 02:45-02:50"
    assert len(found(look(facts, at, told_story, fresh=fresh, judged_until=at(judged)))) == expected


RUNS = st.lists(
    st.tuples(
        st.sampled_from(("load@A", "load@B", "load-b", "index", "index@B", "mail")),
        st.integers(0, 20),
        st.integers(1, 9),
        st.sampled_from(
            ("", "", " failed", " aborted", " retried try:0/1", " try:1/1", " vanished", " by:jdoe")
        ),
    ),
    max_size=14,
)


def played(told_runs: list[tuple[str, int, int, str]]) -> str:
    """Starts are ten minutes apart, and every run takes three minutes or a multiple."""
    ends = [start * 10 + length * 3 for _, start, length, _ in told_runs]
    return ", ".join(
        f"{job} {start // 6:02}:{start % 6}0-{end // 60:02}:{end % 60:02}{how}"
        for (job, start, _, how), end in zip(told_runs, ends, strict=True)
    )


@settings(max_examples=200)
@given(told_runs=RUNS, minute=st.integers(0, 240), half=st.booleans())
def test_it_was_found_then_as_it_is_found_later(
    facts: Tell,
    same_at_any_time: Same,
    at: At,
    told_runs: list[tuple[str, int, int, str]],
    minute: int,
    *,
    half: bool,
) -> None:
    story = look(facts, at, played(told_runs))
    instant = at(f"{minute // 60:02}:{minute % 60:02}:{30 if half else 0}")
    same_at_any_time(out_of_order, story, POLICY, instant)


@settings(max_examples=50)
@given(told_runs=RUNS, chance=st.randoms(use_true_random=False))
def test_the_order_of_runs_does_not_matter(
    facts: Tell, at: At, told_runs: list[tuple[str, int, int, str]], chance: random.Random
) -> None:
    story = look(facts, at, played(told_runs))
    series = list(story.runs)
    chance.shuffle(series)
    shuffled = {name: tuple(reversed(story.runs[name])) for name in series}
    assert found(story) == found(replace(story, runs=shuffled))


@settings(max_examples=50)
@given(told_runs=RUNS)
def test_a_cycle_in_order_ends_every_one(
    facts: Tell, at: At, told_runs: list[tuple[str, int, int, str]]
) -> None:
    done = ["load@A 06:00-06:02", "load-b 06:00-06:02", "index 06:20-06:22", "mail 06:40-06:42"]
    story = look(facts, at, ", ".join([one for one in (played(told_runs), *done) if one]))
    assert all(one.ends_at is not None for one in found(story))
