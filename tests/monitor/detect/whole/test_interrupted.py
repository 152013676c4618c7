"""Runs that were cut short together: when it is a restart, what belongs to it, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Finding, Severity
from monitor.detect import Detect
from monitor.detect.model import Decision, Facts, State
from monitor.detect.whole.interrupted import interrupted
from monitor.model import Execution
from monitor.policy import GroupPolicy, JobPolicy, Policy

Tell = Callable[..., Facts]
Story = Callable[[str], tuple[Execution, ...]]
At = Callable[[str], datetime]

RESTART = "a 01:50-02:00 aborted, b 01:50-02:02 aborted, c 01:50-02:04 aborted"


def decide(facts: Facts, policy: Policy | None = None) -> list[Decision]:
    return list(interrupted(facts, policy or Policy()))


def found(facts: Facts, policy: Policy | None = None) -> Finding:
    (finding,) = [one.finding for one in decide(facts, policy) if one.finding is not None]
    return finding


@pytest.mark.parametrize(
    ("told", "state"),
    [
        pytest.param(RESTART, "holds", id="three within four minutes"),
        pytest.param(
            "a 01:50-02:00 aborted, b 01:50-02:02 aborted, c 01:50-02:05 aborted", "holds", id="five minutes"
        ),
        pytest.param(
            "a 01:50-02:00 aborted, b 01:50-02:02 aborted, c 01:50-02:05:01 aborted",
            "clear",
            id="a second more than five minutes",
        ),
        pytest.param("a 01:50-02:00 aborted, b 01:50-02:02 aborted", "clear", id="two only"),
        pytest.param(
            "a 01:50-02:00 restarted, b 01:50-02:00 vanished, c 01:50-02:00 aborted",
            "holds",
            id="in whatever way they were cut short",
        ),
        pytest.param(
            "a 01:50-02:00 failed, b 01:50-02:00 failed, c 01:50-02:00 failed",
            "clear",
            id="failures are none",
        ),
        pytest.param(
            "a 01:50-02:00 retried, b 01:50-02:00 retried, c 01:50-02:00 retried",
            "clear",
            id="retries are none",
        ),
        pytest.param(
            "sfcc-x 01:50-02:00 aborted, a 01:50-02:00 aborted, b 01:50-02:00 aborted",
            "clear",
            id="the platform's own jobs do not count",
        ),
        pytest.param(
            "a@X 01:50-02:00 aborted, a@Y 01:50-02:00 aborted, b 01:50-02:00 aborted",
            "holds",
            id="the sites of a job are runs of their own",
        ),
        pytest.param(
            "z 01:00-01:01 aborted, a 01:50-02:00 aborted, b 01:50-02:02 aborted, c 01:50-02:04 aborted",
            "holds",
            id="an earlier one alone does not hide it",
        ),
    ],
)
def test_so_many_runs_cut_short_within_so_long_are_a_restart(facts: Tell, told: str, state: str) -> None:
    (decision,) = decide(facts(told, at="02:30"))
    assert decision.state == state


def test_it_begins_with_the_first_and_is_known_by_the_third(facts: Tell, at: At) -> None:
    (decision,) = decide(facts(RESTART, at="02:04"))
    assert (decision.opens, decision.finding and decision.finding.since) == (at("02:04"), at("02:00"))
    assert decision.look_again == at("26:00")
    assert decision.executions == ("1", "2", "3")
    assert decision.jobs == ()


def test_the_numbers_are_settings(facts: Tell) -> None:
    policy = Policy(interrupted_runs=2, interrupted_within=timedelta(minutes=1))
    told = "a 01:50-02:00 aborted, b 01:50-02:01 aborted"
    assert decide(facts(told), policy)[0].state is State.HOLDS
    late = Policy(interrupted_runs=2, interrupted_within=timedelta(seconds=59))
    assert decide(facts(told), late)[0].state is State.CLEAR


def test_what_is_not_enough_yet_says_so(facts: Tell) -> None:
    (decision,) = decide(facts("a 01:50-02:00 aborted, b 01:50-02:02 aborted", at="02:04"))
    assert decision.state is State.WAITING
    assert decision.reason == "2 of 3 runs that were cut short within 5 min make a restart"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param("d 01:50-02:09 aborted", ["1", "2", "3", "4"], id="five minutes after the last"),
        pytest.param("d 01:50-02:09:01 aborted", ["1", "2", "3"], id="later than that"),
        pytest.param(
            "d 01:50-02:08 aborted, e 01:50-02:12 vanished",
            ["1", "2", "3", "4", "5"],
            id="one after the other",
        ),
        pytest.param(
            "a 02:05-02:06, b 02:05-02:06, c 02:05-02:06, d 01:50-02:07 aborted",
            ["1", "2", "3"],
            id="not once it is over",
        ),
    ],
)
def test_more_that_are_cut_short_join_it(facts: Tell, more: str, expected: list[str]) -> None:
    assert found(facts(f"{RESTART}, {more}", at="03:00")).evidence["executions"] == expected


@pytest.mark.parametrize(
    ("later", "at_time", "state"),
    [
        pytest.param(
            "a 03:00-03:10, b 03:00-03:20, c 03:00-03:30", "03:29", "holds", id="the last still runs"
        ),
        pytest.param("a 03:00-03:10, b 03:00-03:20, c 03:00-03:30", "03:30", "over", id="all ran ok"),
        pytest.param("a 03:00-03:10, b 03:00-03:20 warn, c 03:00-03:30", "03:30", "over", id="with warnings"),
        pytest.param("a 03:00-03:10, b 03:00-03:20 failed, c 03:00-03:30", "05:00", "holds", id="one failed"),
        pytest.param("a 03:00-03:10, b 03:00-03:20", "05:00", "holds", id="one did not run again"),
        pytest.param("a 03:00-03:10, b 03:00-03:20, c 03:00-?", "05:00", "holds", id="one is not ready"),
        pytest.param(
            "a 01:00-03:10, b 03:00-03:20, c 03:00-03:30", "05:00", "holds", id="one is an older run"
        ),
        pytest.param(
            "a 03:00-03:10, b 03:00-03:20, c 01:55-02:03",
            "05:00",
            "holds",
            id="one was beside it, and over before",
        ),
        pytest.param("a 03:00-03:10, b 03:00-03:20, c@X 03:00-03:30", "05:00", "holds", id="on another site"),
        pytest.param("a 03:00-03:10", "25:59", "holds", id="a second before it is given up"),
        pytest.param("a 03:00-03:10", "26:00", "over", id="after a day it is given up"),
    ],
)
def test_it_is_over_once_every_job_has_run_ok_again_or_after_a_day(
    facts: Tell, later: str, at_time: str, state: str
) -> None:
    look = facts(f"{RESTART}, {later}", at=at_time, judged_until=None)
    (decision,) = [one for one in decide(look) if one.finding is not None]
    assert decision.state == state


def test_what_is_over_says_how_and_when_it_could_be_known(facts: Tell, at: At) -> None:
    look = facts(f"{RESTART}, a 03:00-03:10, b 03:00-03:20, c 03:00-03:30")
    over, now = decide(look)
    assert (over.closes, now.state) == (at("03:30"), State.CLEAR)
    assert over.finding is not None
    assert over.finding.ends_at == at("03:30")
    assert over.finding.resolution == "every job that was cut short has run ok again"


def test_what_is_given_up_names_what_did_not_run_again(facts: Tell, at: At) -> None:
    look = facts(f"{RESTART}, a 03:00-03:10", at="26:00", fresh="", judged_until=at("25:59"))
    assert found(look).resolution == "given up after 1 d: not run ok again b, c"


def test_what_was_over_at_the_last_look_is_no_news(facts: Tell, at: At) -> None:
    told = f"{RESTART}, a 03:00-03:10, b 03:00-03:20, c 03:00-03:30"
    assert [one.state for one in decide(facts(told, fresh="", judged_until=at("03:29")))] == ["over", "clear"]
    assert [one.state for one in decide(facts(told, fresh="", judged_until=at("03:30")))] == ["clear"]


def test_the_message_says_what_was_cut_short_what_came_back_and_what_did_not(
    facts: Tell, story: Story
) -> None:
    runs = list(story(f"{RESTART}, sfcc-index 01:00-02:03 aborted, a 02:05-?, b 02:30-02:40"))
    runs[4] = replace(runs[4], is_restart=True)
    finding = found(facts(runs, at="03:00"))
    assert finding.summary == (
        "3 runs of 3 jobs were cut short within 4 min from 02:00 UTC on: "
        "the instance was restarted or went into maintenance. 2 of 3 have not run ok again."
    )
    assert finding.facts == (
        ("Not run again", "c"),
        ("Run again, not ok yet", "a by run 5, its restart"),
        ("Made good", "b by run 6"),
        (
            "Cut short",
            "a run 1, aborted at 02:00 UTC; b run 2, aborted at 02:02 UTC; c run 3, aborted at 02:04 UTC",
        ),
        ("System jobs", "sfcc-index (run 4)"),
    )
    assert finding.evidence == {
        "executions": ["1", "2", "3"],
        "jobs": ["a", "b", "c"],
        "resumed": ["5"],
        "made_good": ["2"],
        "not_run_again": ["c"],
    }
    assert finding.occurrences == ("a/1", "b/2", "c/3")
    assert finding.labels == {"sfcc_instance": "production"}


def test_it_is_one_sentence_with_its_window_and_what_is_left_to_do(facts: Tell) -> None:
    by_half_past_six = JobPolicy(finish_by=time(6, 30), title="Prices")
    rules = Policy(
        downtime=lambda _: "salesforce-maintenance",
        job=lambda job_id: by_half_past_six if job_id == "a" else JobPolicy(),
        groups=(
            GroupPolicy("stock", ("b",), finish_by=time(5)),
            GroupPolicy("none", ("x",), finish_by=time(4)),
        ),
        timezone="Europe/Berlin",
    )
    finding = found(facts(RESTART), rules)
    assert finding.summary == (
        "3 runs of 3 jobs were cut short within 4 min from 02:00 UTC on, inside the window "
        "salesforce-maintenance: the instance was restarted or went into maintenance. "
        "None has run ok again; 2 matter before 05:30 UTC."
    )
    assert finding.facts[0] == ("To be done", "b by 04:00 UTC; Prices (a) by 05:30 UTC")


def test_what_was_made_good_is_not_left_to_do(facts: Tell) -> None:
    rules = Policy(job=lambda _: JobPolicy(finish_by=time(6, 30)))
    told = f"{RESTART}, a 02:30-02:40, b 02:30-02:40"
    finding = found(facts(told, at="03:00"), rules)
    assert finding.summary.endswith("1 of 3 have not run ok again; 1 matters before 06:30 UTC.")
    assert found(facts(f"{told}, c 02:30-02:40", at="03:00"), rules).summary.endswith(
        "All have run ok again."
    )


def test_a_long_list_is_cut(facts: Tell) -> None:
    told = ", ".join(f"job-{number:02} 01:50-02:00 aborted" for number in range(12))
    assert dict(found(facts(told)).facts)["Not run again"].endswith("job-09 and 2 more")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(Policy(), Severity.CRITICAL, id="critical"),
        pytest.param(Policy(downtime=lambda _: "night"), Severity.WARNING, id="in a maintenance window"),
        pytest.param(Policy(severity_offset=1), Severity.WARNING, id="on staging"),
        pytest.param(Policy(severity={"interrupted": "info"}), Severity.INFO, id="as the settings say"),
    ],
)
def test_how_loud_it_is(facts: Tell, policy: Policy, expected: Severity) -> None:
    assert found(facts(RESTART), policy).severity is expected


@pytest.mark.parametrize(("old", "quiet"), [("old", "first_read"), ("", None)])
def test_nobody_is_told_of_what_a_first_read_found(facts: Tell, old: str, quiet: str | None) -> None:
    told = f"a 01:50-02:00 aborted old, b 01:50-02:00 aborted old, c 01:50-02:00 aborted {old}"
    assert found(facts(told)).quiet == quiet


def test_a_history_without_runs_decides_nothing(facts: Tell) -> None:
    assert decide(facts("")) == []


MINUTES = st.integers(0, 40)
ENDS = ("ok", "failed", "aborted", "aborted", "restarted", "vanished", "retried")
NIGHTS = st.lists(
    st.tuples(st.sampled_from(("a", "b", "c", "d@X", "sfcc-x")), MINUTES, MINUTES, st.sampled_from(ENDS)),
    max_size=14,
)


@settings(max_examples=200)
@given(night=NIGHTS, seconds=st.integers(0, 100 * 60), patience=st.integers(1, 40), needed=st.integers(1, 3))
def test_a_restart_is_the_same_whenever_somebody_looks(
    facts: Tell,
    at: At,
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    night: list[tuple[str, int, int, str]],
    seconds: int,
    patience: int,
    needed: int,
) -> None:
    told = ", ".join(
        f"{job} {start // 60}:{start % 60}-{(start + length) // 60}:{(start + length) % 60} {end}"
        for job, start, length, end in night
    )
    policy = Policy(interrupted_runs=needed, interrupted_for=timedelta(minutes=patience))
    same_at_any_time(interrupted, facts(told), policy, at("00:00") + timedelta(seconds=seconds))
