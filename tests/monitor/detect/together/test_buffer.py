from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Finding, Severity
from monitor.detect import Detect, findings
from monitor.detect.model import Facts, State
from monitor.detect.together.buffer import buffer
from monitor.model import Interval
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy

Tell = Callable[..., Facts]
At = Callable[[str], datetime]
Same = Callable[[Detect, Facts, Policy, datetime], None]

IMPORTS = GroupPolicy("imports", ("full*", "diff*", "feed*"))
POLICY = Policy(groups=(IMPORTS, AKENEO))


def found(facts: Facts, policy: Policy = POLICY) -> tuple[Finding, ...]:
    return findings(buffer(facts, policy))


def told(facts: Facts, policy: Policy = POLICY) -> list[str]:
    """`later after earlier: runs`, and until when if it is over."""
    return [
        f"{one.labels['job_id']} after {one.labels['other_job_id']}: {' '.join(one.occurrences)}"
        + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in found(facts, policy)
    ]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param("full 02:00-03:00, diff 03:05-03:20", [], id="the buffer is kept to the second"),
        pytest.param(
            "full 02:00-03:00, diff 03:04:59-03:20",
            ["diff after full: 2+1 until 03:34"],
            id="one second less is too little",
        ),
        pytest.param(
            "full 02:00-03:00, diff 03:00-03:20", ["diff after full: 2+1 until 03:30"], id="touching ends"
        ),
        pytest.param("full 02:00-03:01, diff 03:00-03:20", [], id="meeting runs overlap instead"),
        pytest.param("full 02:00-03:00, full 03:02-03:20", [], id="the same job again"),
        pytest.param("full 02:00-03:00, other 03:02-03:20", [], id="a job of no group"),
        pytest.param("full 02:00-03:00, diff 03:02-? pending", [], id="pending has not started"),
        pytest.param(
            "full 02:00-03:00 failed try:0/1, full 03:02-03:10 try:1/1, diff 05:00-05:10, feed 06:00-06:10",
            [],
            id="an attempt of a retry starts nothing of its own",
        ),
        pytest.param(
            "diff 02:00-03:00, full 02:50-02:55 failed try:0/1, full 03:02-03:10 try:1/1",
            [],
            id="nor does it where another job has ended just before",
        ),
        pytest.param(
            "full 02:00-03:00 retried try:0/1, diff 03:02-03:04, full 03:10-03:20 try:1/1",
            ["diff after full: 2+1 until 03:32"],
            id="the end of an attempt that was repeated later counts",
        ),
        pytest.param(
            "full 02:00-03:00 aborted, diff 03:02-03:04",
            ["diff after full: 2+1 until 03:32"],
            id="however the earlier one ended",
        ),
        pytest.param(
            "full@A 02:00-03:00, diff@A 02:00-02:30, full@B 03:02-03:10, diff@B 03:11-03:20",
            ["diff after full: 4+3 until 03:41"],
            id="a site that follows another starts nothing, a site on its own does",
        ),
        pytest.param(
            "full@A 02:00-02:10, full@B 02:09-02:30, diff 02:12-02:20",
            [],
            id="while another site still runs it overlaps",
        ),
        pytest.param(
            "full 02:00-03:00, feed 02:00-03:01, diff 03:02-03:04",
            ["diff after feed: 3+2 until 03:32", "diff after full: 3+1 until 03:32"],
            id="once for each pair of jobs",
        ),
        pytest.param(
            "full 02:00-02:02, full 02:03-02:04, diff 02:05-02:06",
            ["diff after full: 3+2 until 02:35"],
            id="after the last of its runs",
        ),
        pytest.param(
            "full 02:00-03:00, diff 03:02-03:04, full 03:20-03:22, diff 03:24-03:30",
            ["diff after full: 2+1 4+3 until 03:54"],
            id="the same again within half an hour goes on",
        ),
        pytest.param(
            "full 02:00-03:00, diff 03:02-03:04, full 03:20-03:28, diff 03:32-03:35",
            ["diff after full: 2+1 until 03:32", "diff after full: 4+3 until 04:02"],
            id="half an hour later it is new",
        ),
        pytest.param(
            "full 02:00-03:00, diff 03:02-03:04, full 03:06-03:10, diff 03:15-03:20",
            ["full after diff: 3+2 until 03:36", "diff after full: 2+1 until 03:15"],
            id="the next that keeps it ends it",
        ),
        pytest.param(
            "full 02:00-03:00, diff 03:02-03:04, diff 03:20-03:30",
            ["diff after full: 2+1 until 03:32"],
            id="only after a newer run of the other can it be kept",
        ),
        pytest.param(
            "full 02:00-03:00, diff 03:02-03:04, full 03:05-03:30, diff 03:20-03:22",
            ["diff after full: 2+1 until 03:32", "full after diff: 3+2 until 03:35"],
            id="one that overlaps keeps nothing",
        ),
    ],
)
def test_buffer(facts: Tell, story: str, expected: list[str]) -> None:
    assert sorted(told(facts(story))) == sorted(expected)


@pytest.mark.parametrize(
    ("seen", "state", "again"),
    [
        pytest.param("03:31:59", State.HOLDS, "03:32", id="it holds for half an hour"),
        pytest.param("03:32", State.OVER, None, id="and is over then"),
    ],
)
def test_time_alone_ends_it(facts: Tell, at: At, seen: str, state: State, again: str | None) -> None:
    (decision,) = [
        one for one in buffer(facts("full 02:00-03:00, diff 03:02-?", at=seen), POLICY) if one.finding
    ]
    assert decision.state is state
    assert decision.look_again == (None if again is None else at(again))
    assert decision.closes == (at("03:32") if state is State.OVER else None)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param((IMPORTS,), ["imports"], id="an exclusive group, by the buffer of the instance"),
        pytest.param((replace(IMPORTS, exclusive=False),), [], id="not exclusive, and no buffer of its own"),
        pytest.param(
            (replace(IMPORTS, exclusive=False, buffer=timedelta(minutes=3)),),
            ["imports"],
            id="not exclusive, but with a buffer",
        ),
        pytest.param((replace(IMPORTS, buffer=timedelta(minutes=2)),), [], id="its own buffer is kept"),
        pytest.param((replace(IMPORTS, buffer=timedelta(0)),), [], id="a buffer of nothing is none"),
        pytest.param((IMPORTS, GroupPolicy("b", ("*",))), ["imports"], id="by the first group that has both"),
        pytest.param(
            (replace(IMPORTS, buffer=timedelta(minutes=2)), GroupPolicy("b", ("*",))),
            [],
            id="the first that has both decides alone",
        ),
        pytest.param(
            (GroupPolicy("a", ("full",)), GroupPolicy("b", ("*",))), ["b"], id="not one that has one"
        ),
    ],
)
def test_by_which_group(facts: Tell, groups: tuple[GroupPolicy, ...], expected: list[str]) -> None:
    story = facts("full 02:00-03:00, diff 03:02-03:20")
    assert [one.labels["group"] for one in found(story, Policy(groups=groups))] == expected


def test_the_built_in_group_yields_to_the_settings(facts: Tell) -> None:
    story = facts("akeneo-a 02:00-03:00, akeneo-b 03:02-03:10")
    own = GroupPolicy("mine", ("akeneo-*",), exclusive=False)
    assert [one.labels["group"] for one in found(story, Policy())] == ["akeneo"]
    assert found(story, Policy(groups=(own, AKENEO))) == ()


@pytest.mark.parametrize(
    ("fresh", "judged", "expected"),
    [
        pytest.param("", "04:00", [], id="nothing new, and over before the last look"),
        pytest.param("", "03:31", ["diff after full: 2+1 until 03:32"], id="over since the last look"),
        pytest.param("1", "04:00", ["diff after full: 2+1 until 03:32"], id="one of both is new"),
    ],
)
def test_what_is_over_is_told_when_it_is_news(
    facts: Tell, at: At, fresh: str, judged: str, expected: list[str]
) -> None:
    story = facts("full 02:00-03:00, diff 03:02-03:20", fresh=fresh, judged_until=at(judged))
    assert told(story) == expected


@pytest.mark.parametrize(
    ("story", "watched", "quiet"),
    [
        pytest.param("full 02:00-03:00 old, diff 03:02-03:10 old", None, "first_read", id="both were final"),
        pytest.param(
            "full 02:00-03:00 old, diff 03:02-?", "03:04", "first_read", id="it had started by then"
        ),
        pytest.param("full 02:00-03:00 old, diff 03:02-?", "03:01", None, id="it started afterwards"),
        pytest.param("full 02:00-03:00, diff 03:02-03:10", None, None, id="news"),
    ],
)
def test_what_the_first_read_found_is_quiet(
    facts: Tell, at: At, story: str, watched: str | None, quiet: str | None
) -> None:
    (finding,) = found(facts(story, at="03:05", watched_since=None if watched is None else at(watched)))
    assert finding.quiet == quiet


def test_the_message_and_its_numbers(facts: Tell, at: At) -> None:
    policy = Policy(job=lambda job_id: JobPolicy(impact=f"{job_id} is wrong", owner="pim"), groups=(IMPORTS,))
    story = facts("full 02:00-03:00, diff 03:02-03:20 by:jdoe", at="03:10")
    (decision,) = [one for one in buffer(story, policy) if one.finding]
    finding = decision.finding
    assert finding is not None
    assert (decision.state, decision.jobs) == (State.HOLDS, ("diff", "full"))
    assert (decision.opens, decision.look_again) == (at("03:02"), at("03:32"))
    assert decision.executions == ("1", "2")
    assert decision.reason == "run 2 of diff after run 1 of full: 2 min between them, 5 min needed (imports)"
    assert finding.severity is Severity.WARNING
    assert finding.summary == (
        "diff started at 03:02 UTC, 2 min after full had ended; group imports needs 5 min between its jobs."
    )
    assert finding.facts == (
        ("Impact", "diff is wrong"),
        ("Between", "2 min, 5 min needed"),
        ("Later", "diff, run 2, started by hand (jdoe) at 03:02 UTC"),
        ("Earlier", "full, run 1, ended at 03:00 UTC"),
        ("Group", "imports"),
        ("Owner", "pim"),
    )
    assert finding.evidence == {
        "group": "imports",
        "buffer_seconds": 300,
        "gap_seconds": 120,
        "executions": ["1", "2"],
    }


def test_a_job_that_keeps_its_distance_is_said_to(facts: Tell) -> None:
    decisions = [*buffer(facts("full 02:00-03:00, diff 03:05-03:20, other 03:05-03:06"), POLICY)]
    assert [(one.jobs, one.state) for one in decisions] == [
        (("diff",), State.CLEAR),
        (("full",), State.CLEAR),
    ]


RUNS = st.lists(
    st.tuples(
        st.sampled_from(("full@A", "full@B", "diff", "feed")),
        st.integers(0, 60),
        st.integers(0, 12),
        st.sampled_from(("", " by:jdoe", " failed try:0/1", " retried try:0/1", " try:1/1", " vanished")),
    ),
    max_size=14,
)


def played(told_runs: list[tuple[str, int, int, str]]) -> str:
    """Every run takes so many minutes; those of 12 still run."""
    return ", ".join(
        f"{job} {start // 60:02}:{start % 60:02}-"
        + (
            f"?{how if 'by:' in how else ''}"
            if length == 12
            else f"{(start + length) // 60:02}:{(start + length) % 60:02}{how}"
        )
        for job, start, length, how in told_runs
    )


@settings(max_examples=150)
@given(told_runs=RUNS, minute=st.integers(0, 120))
def test_it_was_found_then_as_it_is_found_later(
    facts: Tell, same_at_any_time: Same, at: At, told_runs: list[tuple[str, int, int, str]], minute: int
) -> None:
    story = facts(played(told_runs), coverage=(Interval(at("00:00"), at("12:00")),))
    same_at_any_time(buffer, story, POLICY, at(f"{minute // 60:02}:{minute % 60:02}"))


@settings(max_examples=50)
@given(told_runs=RUNS, chance=st.randoms(use_true_random=False))
def test_the_order_of_runs_does_not_matter(
    facts: Tell, told_runs: list[tuple[str, int, int, str]], chance: random.Random
) -> None:
    story = facts(played(told_runs))
    series = list(story.runs)
    chance.shuffle(series)
    shuffled = {name: tuple(reversed(story.runs[name])) for name in series}
    assert found(story) == found(replace(story, runs=shuffled))


@settings(max_examples=50)
@given(told_runs=RUNS)
def test_every_one_is_over_half_an_hour_after_the_last_start(
    facts: Tell, told_runs: list[tuple[str, int, int, str]]
) -> None:
    assert all(one.ends_at is not None for one in found(facts(played(told_runs), at="01:31")))


@settings(max_examples=50)
@given(told_runs=RUNS)
def test_the_sweep_finds_what_comparing_every_pair_finds(
    facts: Tell, told_runs: list[tuple[str, int, int, str]]
) -> None:
    plain = [(job.replace("@B", "@A"), start, length, "") for job, start, length, _ in told_runs]
    story = facts(played(plain))
    expected = set()
    for later in story.executions:
        began = later.began or story.seen_until
        ends: dict[str, datetime] = {}
        for one in story.executions:
            if one.job_id != later.job_id and one.ended is not None and one.ended <= began:
                ends[one.job_id] = max(one.ended, ends.get(one.job_id, one.ended))
        for job_id, end in ends.items():
            others = [one for one in story.executions if one.job_id == job_id]
            meets = any((one.began or began) <= began < (one.ended or story.seen_until) for one in others)
            if began - end < timedelta(minutes=5) and not meets:
                expected.add((later.id, job_id))
    pairs = {
        (pair.partition("+")[0], one.labels["other_job_id"])
        for one in found(story)
        for pair in one.occurrences
    }
    assert pairs == expected
