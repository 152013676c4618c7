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
from monitor.detect.model import Decision, Facts, State
from monitor.detect.together.groups import Membership
from monitor.detect.together.overlap import overlap
from monitor.model import Execution
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy

Tell = Callable[..., Facts]
At = Callable[[str], datetime]
Story = Callable[[str], tuple[Execution, ...]]

IMPORTS = GroupPolicy("imports", ("full*", "diff*", "feed*"), differential=("diff*",))
POLICY = Policy(groups=(IMPORTS, AKENEO))


def judge(facts: Facts, policy: Policy = POLICY) -> tuple[Decision, ...]:
    return tuple(overlap(facts, policy))


def found(facts: Facts, policy: Policy = POLICY) -> tuple[Finding, ...]:
    return findings(judge(facts, policy))


def told(facts: Facts, policy: Policy = POLICY) -> list[str]:
    """`later during earlier: runs`, and until when if it is over."""
    return [
        f"{one.labels['job_id']} during {one.labels['other_job_id']}: {' '.join(one.occurrences)}"
        + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in found(facts, policy)
    ]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param(
            "full 02:00-03:10, diff 03:00-03:20",
            ["diff during full: 2+1 until 03:10"],
            id="ten shared minutes overlap",
        ),
        pytest.param("full 02:00-03:00, diff 03:00-03:20", [], id="touching ends do not overlap"),
        pytest.param(
            "full 02:00-03:00:01, diff 03:00-03:20",
            ["diff during full: 2+1 until 03:00"],
            id="one second does",
        ),
        pytest.param("full 02:00-?, diff 05:00-?", ["diff during full: 2+1"], id="both still run"),
        pytest.param(
            "full 02:00-?, diff 05:00-05:05",
            ["diff during full: 2+1 until 05:05"],
            id="a run without an end still runs",
        ),
        pytest.param(
            "full 02:00-06:00, diff 03:00-04:00",
            ["diff during full: 2+1 until 04:00"],
            id="over with the earlier end",
        ),
        pytest.param("diff 02:00-?, full 02:00-?", ["full during diff: 1+2"], id="started together: by name"),
        pytest.param(
            "full 02:00-?, diff 05:00-? pending", [], id="pending is not running, start time or not"
        ),
        pytest.param("full 02:00-?, diff pending", [], id="pending without a start"),
        pytest.param("full 02:00-?, diff 05:00-05:00", [], id="a run of no time meets nobody"),
        pytest.param("full 02:00-03:00 retried, diff 02:30-03:20", [], id="a superseded attempt"),
        pytest.param(
            "full 02:00-03:00 vanished, diff 02:30-03:20",
            ["diff during full: 2+1 until 03:00"],
            id="a vanished run until it was last seen",
        ),
        pytest.param(
            "full 02:00-03:00 aborted, diff 02:30-03:20",
            ["diff during full: 2+1 until 03:00"],
            id="an aborted run ran",
        ),
        pytest.param("full 02:00-?, other 02:30-?", [], id="a job of no group"),
        pytest.param("one 02:00-?, two 02:30-?", [], id="two jobs of no group"),
        pytest.param(
            "one 02:00-?, one 02:30-?", ["one during one: 1+2"], id="two of one series without a group"
        ),
        pytest.param("one@A 02:00-?, one@B 03:30-?", [], id="two sites of a job of no group"),
        pytest.param(
            "full@A 02:00-?, full@A 02:30-?",
            ["full during full: 1+2"],
            id="two of one series are told once, group or not",
        ),
        pytest.param("full@A 02:00-?, full@B 02:10-?", [], id="sites of one run, started within the spread"),
        pytest.param(
            "full@A 02:00-?, full@B 02:11-?", ["full during full: 1+2"], id="started outside of it: two runs"
        ),
        pytest.param(
            "full@A 02:00-?, full@B 02:08-?, full@C 02:16-?", [], id="sites started one after another"
        ),
        pytest.param(
            "full@A 02:00-?, full@B 02:05-03:00, full@C 03:00-?", [], id="a site that follows another"
        ),
        pytest.param(
            "full@A 02:00-03:00, full@B 02:02-04:00, full@A 03:05-04:00",
            ["full during full: 2+3 until 04:00"],
            id="a site cannot be twice in one run",
        ),
        pytest.param(
            "full@A 02:00-03:00, full@B 02:02-03:00, diff 02:30-04:00",
            ["diff during full: 3+1 3+2 until 03:00"],
            id="several sites against one job are one finding",
        ),
        pytest.param(
            "full@A 02:00-02:20, diff 02:10-02:50, full@B 02:20-02:40",
            ["diff during full: 2+1 2+3 until 02:40"],
            id="a site that starts later does not turn the pair round",
        ),
        pytest.param(
            "full 02:00-06:00, diff 03:00-03:10, diff 04:00-04:10",
            ["diff during full: 2+1 until 03:10", "diff during full: 3+1 until 04:10"],
            id="two meetings with a pause are two",
        ),
        pytest.param(
            "full 02:00-?, diff 02:10-?, feed 02:20-?",
            ["diff during full: 2+1", "feed during full: 3+1", "feed during diff: 2+3"],
            id="once for each pair of jobs",
        ),
        pytest.param("sfcc-a 02:00-?, sfcc-a 02:30-?", [], id="system jobs are context"),
    ],
)
def test_overlap(facts: Tell, story: str, expected: list[str]) -> None:
    assert sorted(told(facts(story))) == sorted(expected)


@pytest.mark.parametrize(
    ("fresh", "expected"),
    [
        pytest.param("", ["diff during full: 4+3"], id="nothing new: only what holds"),
        pytest.param(
            "1", ["diff during full: 2+1 until 03:10", "diff during full: 4+3"], id="one of both is new"
        ),
        pytest.param("2", ["diff during full: 2+1 until 03:10", "diff during full: 4+3"], id="the other is"),
    ],
)
def test_what_is_over_is_told_only_when_one_of_both_is_new(
    facts: Tell, fresh: str, expected: list[str]
) -> None:
    story = "full 02:00-03:10, diff 03:00-03:20, full 05:00-?, diff 05:10-?"
    assert told(facts(story, fresh=fresh)) == expected


def test_full_against_differential_is_named_and_critical(facts: Tell) -> None:
    story = "3-2-1-Akeneo-Full-Import-Master 02:00-?, 3-1-1-Akeneo-Differential-Import-Master 02:30-?"
    (finding,) = found(facts(story), Policy())
    assert finding.severity is Severity.CRITICAL
    assert finding.labels["group"] == "akeneo"
    assert finding.evidence["full_differential"] is True
    assert finding.summary == (
        "3-1-1-Akeneo-Differential-Import-Master started at 02:30 UTC while 3-2-1-Akeneo-Full-Import-Master "
        "was running since 02:00 UTC: a full and a differential import at once."
    )


@pytest.mark.parametrize(
    ("one", "other", "severity"),
    [
        pytest.param("2-1-1-AKENEO-FULL-x", "3-DIFFERENTIAL-akeneo", "critical", id="in capitals"),
        pytest.param("akeneo-full-a", "akeneo-full-b", "warning", id="two full ones"),
        pytest.param("akeneo-differential", "1-akeneo-attributes", "warning", id="one is neither"),
    ],
)
def test_severity_in_the_built_in_group(facts: Tell, one: str, other: str, severity: str) -> None:
    for story in (f"{one} 02:00-?, {other} 02:30-?", f"{other} 02:00-?, {one} 02:30-?"):
        (finding,) = found(facts(story), Policy())
        assert finding.severity == severity


def test_a_group_of_the_settings_knows_full_and_differential_in_any_case(facts: Tell) -> None:
    group = GroupPolicy("nightly", ("3-*",))
    (finding,) = found(facts("3-2-Full 02:00-?, 3-1-Differential 02:30-?"), Policy(groups=(group, AKENEO)))
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param(
            (GroupPolicy("a", ("x*",)), GroupPolicy("b", ("x*",))), ["a"], id="the first that has both"
        ),
        pytest.param(
            (GroupPolicy("a", ("x1",)), GroupPolicy("b", ("x*",))), ["b"], id="not the first that has one"
        ),
        pytest.param(
            (GroupPolicy("a", ("x*",), exclusive=False), GroupPolicy("b", ("x*",))),
            ["b"],
            id="the first exclusive one",
        ),
        pytest.param((GroupPolicy("a", ("x*",), exclusive=False),), [], id="none is exclusive"),
        pytest.param((GroupPolicy("a", ("X*",)),), [], id="globs are matched with case"),
        pytest.param((GroupPolicy("a", ("X*",), any_case=True),), ["a"], id="unless any case is asked for"),
    ],
)
def test_a_pair_is_told_by_one_group(
    facts: Tell, groups: tuple[GroupPolicy, ...], expected: list[str]
) -> None:
    seen = found(facts("x1 02:00-?, x2 02:30-?"), Policy(groups=groups))
    assert [one.labels["group"] for one in seen] == expected


def test_the_built_in_group_yields_to_the_settings(facts: Tell) -> None:
    story = facts("akeneo-a 02:00-?, akeneo-b 02:30-?")
    own = GroupPolicy("mine", ("akeneo-*",), exclusive=False)
    assert [one.labels["group"] for one in found(story, Policy())] == ["akeneo"]
    assert found(story, Policy(groups=(own, AKENEO))) == ()
    assert found(story, Policy(groups=())) == ()


def test_severity_follows_the_job_and_the_instance_type(facts: Tell) -> None:
    story = facts("feed1 02:00-?, feed2 02:30-?")
    assert found(story)[0].severity is Severity.WARNING
    loud = Policy(job=lambda _: JobPolicy(severity={"overlap": "critical"}), groups=(IMPORTS,))
    assert found(story, loud)[0].severity is Severity.CRITICAL
    assert found(story, Policy(groups=(IMPORTS,), severity_offset=1))[0].severity is Severity.INFO


@pytest.mark.parametrize(
    ("story", "quiet"),
    [
        pytest.param("full 02:00-03:10 old, diff 03:00-03:20 old", "first_read", id="both were final"),
        pytest.param(
            "full 02:00-03:10 old, diff 03:00-?", "first_read", id="it was over when the other was read"
        ),
        pytest.param("full 02:00-?, diff 03:00-?", None, id="what is going on is announced"),
        pytest.param("full 02:00-03:10, diff 03:00-03:20", None, id="news"),
    ],
)
def test_what_the_first_read_found_is_quiet(facts: Tell, story: str, quiet: str | None) -> None:
    (finding,) = found(facts(story))
    assert finding.quiet == quiet


def test_the_message_says_the_most_important_first(facts: Tell, at: At) -> None:
    policy = Policy(
        job=lambda job_id: JobPolicy(title="Nightly", impact=f"{job_id} is wrong", owner="pim"),
        groups=(IMPORTS,),
    )
    (finding,) = found(facts("full 02:00-03:10, diff@RefArch 03:00-03:20 by:jdoe", at="04:00"), policy)
    assert finding.name == "Nightly (diff) with Nightly (full)"
    assert finding.facts == (
        ("Impact", "diff is wrong"),
        ("Together", "10 min, from 03:00 UTC to 03:10 UTC"),
        ("Later", "diff, run 2 for RefArch, started by hand (jdoe) at 03:00 UTC"),
        ("Earlier", "full, run 1, started by the schedule at 02:00 UTC"),
        ("Group", "imports"),
        ("Owner", "pim"),
    )
    assert finding.resolution == "full (run 1) ended at 03:10 UTC"
    assert (finding.since, finding.ends_at) == (at("03:00"), at("03:10"))
    assert finding.evidence == {
        "group": "imports",
        "full_differential": True,
        "executions": ["1", "2"],
        "together_seconds": 600,
    }
    assert finding.labels == {
        "sfcc_instance": "production",
        "job_id": "diff",
        "other_job_id": "full",
        "group": "imports",
    }


def test_a_series_that_meets_itself_is_named_so(facts: Tell) -> None:
    (finding,) = found(facts("one 02:00-?, one 02:30-?", at="04:00"))
    assert finding.labels["group"] == "same_series"
    assert finding.summary == "one started at 02:30 UTC while another run of it was running since 02:00 UTC."
    assert ("Together", "since 02:30 UTC") in finding.facts
    assert ("Group", "the same job") in finding.facts
    assert finding.name == "one with itself"
    (decision,) = judge(facts("one 02:00-?, one 02:30-?", at="04:00"))
    assert decision.reason == "runs 1 and 2 of one at once: since 02:30 UTC (the same job)"


def test_each_encounter_is_a_decision_about_both_jobs(facts: Tell, at: At) -> None:
    over, now = judge(facts("full 02:00-03:10, diff 03:00-03:20, full 05:00-?, diff 05:10-?"))
    assert (over.state, over.jobs, over.reason) == (
        State.OVER,
        ("diff", "full"),
        (
            "run 2 of diff and run 1 of full at once: 10 min, from 03:00 UTC to 03:10 UTC "
            "(group imports, full and differential); full (run 1) ended at 03:10 UTC"
        ),
    )
    assert (over.opens, over.closes, over.executions) == (at("03:00"), at("03:10"), ("1", "2"))
    assert (now.opens, now.closes, now.executions) == (at("05:10"), None, ("3", "4"))
    assert (now.state, now.reason) == (
        State.HOLDS,
        "run 4 of diff and run 3 of full at once: since 05:10 UTC (group imports, full and differential)",
    )
    assert now.numbers["executions"] == ["3", "4"]


def test_a_start_is_reckoned_back_where_only_end_and_duration_are_known(facts: Tell, at: At) -> None:
    bare = Execution("production", "full", "1", execution_status="finished", end_time=at("03:10"))
    other = Execution("production", "diff", "2", execution_status="running", start_time=at("03:00"))
    assert told(facts([bare, other])) == []
    reckoned = replace(bare, duration=timedelta(hours=1))
    assert told(facts([reckoned, other])) == ["diff during full: 2+1 until 03:10"]


def test_an_attempt_that_waits_for_its_retry_does_not_run(facts: Tell, story: Story) -> None:
    waiting, meanwhile, again, feed = story(
        "full 02:00-02:10 try:0/2, diff 02:15-?, full 02:20-? try:1/2, feed 02:05-02:20"
    )
    waiting = replace(waiting, execution_status="retrying", exit_status=None)
    assert not waiting.is_final
    assert told(facts([waiting, meanwhile])) == []
    assert told(facts([waiting, again])) == []
    assert told(facts([waiting, feed])) == ["feed during full: 4+1 until 02:10"]


def test_what_is_beside_overlaps_but_a_system_job_does_not(facts: Tell, story: Story) -> None:
    full, system, diff = story("full 02:00-?, sfcc-x 02:00-?, diff 02:10-?")
    group = Policy(groups=(GroupPolicy("all", ("*",)),))
    look = facts([diff], beside=(full, system))
    assert told(look, group) == ["diff during full: 3+1"]
    assert told(replace(look, runs={}, beside=(full, system, diff)), group) == ["diff during full: 3+1"]


def test_a_run_that_is_judged_and_beside_is_one_run(facts: Tell, story: Story) -> None:
    (run,) = story("one 02:00-?")
    assert told(facts([run], beside=(run, run))) == []
    assert facts([run], beside=(run, run)).executions == (run,)


RUNS = st.lists(
    st.tuples(
        st.sampled_from(("full@A", "full@B", "diff", "feed", "one", "one@B")),
        st.integers(0, 40),
        st.integers(0, 15),
    ),
    max_size=14,
)


def played(told_runs: list[tuple[str, int, int]]) -> str:
    """Every run takes so many minutes; those of 15 still run."""
    return ", ".join(
        f"{job} {start // 60:02}:{start % 60:02}-"
        + ("?" if length == 15 else f"{(start + length) // 60:02}:{(start + length) % 60:02}")
        for job, start, length in told_runs
    )


def pairs(facts: Facts, policy: Policy) -> set[str]:
    return {occurrence for one in found(facts, policy) for occurrence in one.occurrences}


@given(told_runs=RUNS)
def test_the_sweep_finds_what_comparing_every_pair_finds(
    facts: Tell, told_runs: list[tuple[str, int, int]]
) -> None:
    story = facts(played(told_runs))
    never_one = Policy(groups=(IMPORTS,), site_spread=timedelta(-1))
    expected = set()
    for one in story.executions:
        for other in story.executions:
            ends = [run.ended or story.seen_until for run in (one, other)]
            starts = [run.began or story.seen_until for run in (one, other)]
            meet = max(starts) < min(ends)
            related = one.series == other.series or "one" not in {one.job_id, other.job_id}
            if one.run_id < other.run_id and meet and related:
                expected.add(f"{one.id}+{other.id}")
    assert pairs(story, never_one) == expected


@given(told_runs=RUNS, chance=st.randoms(use_true_random=False))
def test_neither_the_order_of_runs_nor_that_of_series_matters(
    facts: Tell, told_runs: list[tuple[str, int, int]], chance: random.Random
) -> None:
    story = facts(played(told_runs))
    series = list(story.runs)
    chance.shuffle(series)
    shuffled = {name: tuple(reversed(story.runs[name])) for name in series}
    assert found(story) == found(replace(story, runs=shuffled))


@given(told_runs=RUNS, swap=st.permutations(("full", "diff", "feed")))
def test_it_is_symmetric_which_job_is_which_does_not_matter(
    facts: Tell, told_runs: list[tuple[str, int, int]], swap: list[str]
) -> None:
    names = dict(zip(("full", "diff", "feed"), swap, strict=True))
    renamed = [
        (
            job.replace(job.partition("@")[0], names.get(job.partition("@")[0], job.partition("@")[0])),
            start,
            length,
        )
        for job, start, length in told_runs
    ]
    as_sets = [
        {frozenset(pair.split("+")) for pair in pairs(facts(played(some)), POLICY)}
        for some in (told_runs, renamed)
    ]
    assert as_sets[0] == as_sets[1]


@given(told_runs=RUNS)
def test_every_open_overlap_is_over_once_one_of_both_has_ended(
    facts: Tell, told_runs: list[tuple[str, int, int]]
) -> None:
    story = facts(played(told_runs), at="02:00")
    ended = [
        run if run.is_final else replace(run, execution_status="finished", end_time=story.seen_until)
        for run in story.executions
    ]
    assert all(one.ends_at is not None for one in found(facts(ended)))


def test_in_hindsight_every_overlap_is_told_whatever_is_new(facts: Tell) -> None:
    story = "full 02:00-03:10, diff 03:00-03:20, full 05:00-05:30, diff 05:10-05:40"
    assert len(told(facts(story, fresh=""))) == 0
    assert len(told(facts(story, fresh="", is_hindsight=True))) == 2


@settings(max_examples=150)
@given(
    told_runs=RUNS,
    hows=st.lists(
        st.sampled_from(("", " failed", " aborted", " vanished", " by:jdoe")), min_size=14, max_size=14
    ),
    minute=st.integers(0, 60),
)
def test_it_was_found_then_as_it_is_found_later(
    facts: Tell,
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    at: At,
    told_runs: list[tuple[str, int, int]],
    hows: list[str],
    minute: int,
) -> None:
    """But for attempts that were repeated later, which ran at once with others and did not count."""
    each = [played([one]) + ("" if one[2] == 15 else how) for one, how in zip(told_runs, hows, strict=False)]
    same_at_any_time(overlap, facts(", ".join(each)), POLICY, at(f"{minute // 60:02}:{minute % 60:02}"))


def test_a_stuck_run_beside_a_long_history_is_swept_not_compared_pairwise(facts: Tell) -> None:
    """Ten thousand runs of the past cost comparisons of neighbours, not fifty million of all pairs."""
    every = [
        f"{job} {minute // 60:02}:{minute % 60:02}-{minute // 60:02}:{minute % 60:02}:30"
        for minute in range(0, 10_000, 2)
        for job in ("feed", "diff")
    ]
    story = facts(", ".join(["full 00:00-?", *every]), at="200:00", fresh="1")
    assert len(found(story)) == 10_000


def test_a_job_is_looked_up_in_its_groups_once() -> None:
    members = Membership((IMPORTS, AKENEO), frozenset({"full", "akeneo-x"}))
    assert members.of == {"full": {0}, "akeneo-x": {1}}
