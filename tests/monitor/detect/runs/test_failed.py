from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import Finding, Severity
from monitor.detect import findings
from monitor.detect.model import Decision, Facts, State
from monitor.detect.refs import attachment_ref
from monitor.detect.runs.failed import failed, first_bad
from monitor.model import Execution, ExitStatus, RunKey, Step
from monitor.policy import GroupPolicy, JobPolicy, Policy

Tell = Callable[..., Facts]
At = Callable[[str], datetime]


def judge(facts: Facts, **job: Any) -> tuple[Decision, ...]:
    policy = JobPolicy(**job)
    return tuple(failed(facts, Policy(job=lambda _: policy)))


def found(facts: Facts, **job: Any) -> tuple[Finding, ...]:
    return findings(judge(facts, **job))


def holding(facts: Facts, **job: Any) -> list[Finding]:
    return [one for one in found(facts, **job) if one.ends_at is None]


def told(facts: Facts, **job: Any) -> list[str]:
    """`1 2 ...` for what holds, `1 2 until 05:10` for what is over."""
    return [
        " ".join(one.occurrences) + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in found(facts, **job)
    ]


def last(facts: Facts, **job: Any) -> Decision:
    return judge(facts, **job)[-1]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param("a 02:00-02:10", [], id="a good run"),
        pytest.param("a 02:00-02:10 failed", ["1"], id="a failed run"),
        pytest.param("a 02:00-02:10 aborted", ["1"], id="an aborted run counts as failed"),
        pytest.param("a 02:00-02:10 failed, a 03:00-03:10 failed", ["1 2"], id="two in a row are one"),
        pytest.param(
            "a 02:00-02:10 failed, a 03:00-03:10", ["1 until 03:10"], id="the next good run ends it"
        ),
        pytest.param(
            "a 02:00-02:10 failed, a 03:00-03:10 warn", ["1 until 03:10"], id="a degraded run ends it"
        ),
        pytest.param("a 02:00-02:10 failed, a 03:00-03:10 unknown", ["1"], id="an unknown end ends nothing"),
        pytest.param("a 02:00-02:10, a 03:00-03:10 unknown", [], id="an unknown end opens nothing"),
        pytest.param("a 02:00-02:10 failed, a 03:00-03:10 vanished", ["1"], id="a vanished run ends nothing"),
        pytest.param("a 02:00-02:10, a 03:00-03:10 vanished", [], id="a vanished run opens nothing"),
        pytest.param("a 02:00-02:10 failed, a 03:00-?", ["1"], id="an active run ends nothing"),
        pytest.param("a 01:00-?, a 02:00-02:10 failed", ["2"], id="a stuck run hides nothing"),
        pytest.param("a 02:00-02:10 failed, a pending", ["1"], id="a pending run without exit status"),
        pytest.param("a 02:00-02:10 retried", [], id="a superseded attempt alone"),
        pytest.param(
            "a 02:00-02:10 failed, a 03:00-03:10 retried", ["1"], id="a superseded attempt ends nothing"
        ),
        pytest.param("a 02:00-02:10 failed, b 03:00-03:10", ["1"], id="another job ends nothing"),
        pytest.param(
            "a@RefArch 02:00-02:10 failed, a@Outlet 02:00-02:20", ["1"], id="another site ends nothing"
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10, a 03:00-03:10 failed",
            ["1 until 02:10", "3"],
            id="over, and there again",
        ),
        pytest.param("sfcc-clean 02:00-02:10 failed", [], id="system jobs are context"),
        pytest.param(
            "a 02:30-02:40, a 02:00-02:50 failed",
            ["2"],
            id="what counts is the end, not the start or the arrival",
        ),
    ],
)
def test_failed(facts: Tell, story: str, expected: list[str]) -> None:
    assert told(facts(story)) == expected


@pytest.mark.parametrize(
    ("story", "opens", "closes", "expected"),
    [
        pytest.param("a 01:00-01:10 failed", 2, 1, [], id="fewer runs known than needed"),
        pytest.param("a 01:00-01:10 failed, a 02:00-02:10 failed", 2, 1, ["1 2"], id="as many as needed"),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10, a 03:00-03:10 failed",
            2,
            1,
            [],
            id="below it: no alert, no recovery",
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10 unknown, a 03:00-03:10 failed",
            2,
            1,
            ["1 3"],
            id="unknown ends break no streak",
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10 failed, a 03:00-03:10 failed, a 04:00-04:10",
            2,
            1,
            ["1 2 3 until 04:10"],
            id="one alert and one recovery",
        ),
        pytest.param("a 01:00-01:10 failed, a 02:00-02:10", 1, 2, ["1"], id="one good run is not enough"),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10, a 03:00-03:10",
            1,
            2,
            ["1 until 03:10"],
            id="two good runs are",
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10, a 03:00-03:10 failed, a 04:00-04:10",
            1,
            2,
            ["1 3"],
            id="good runs count in a row",
        ),
    ],
)
def test_thresholds(facts: Tell, story: str, opens: int, closes: int, expected: list[str]) -> None:
    assert told(facts(story), failure_threshold=opens, recovery_threshold=closes) == expected


@pytest.mark.parametrize(
    ("story", "at", "expected"),
    [
        pytest.param("a 02:00-02:10 failed try:0/2", "03:19", [], id="an attempt waits"),
        pytest.param("a 02:00-02:10 failed try:0/2", "03:20", ["1"], id="not for ever"),
        pytest.param("a 02:00-02:10 failed try:2/2", "02:11", ["1"], id="the last attempt does not wait"),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30 try:1/2",
            "12:00",
            [],
            id="a retry that succeeds: no failure",
        ),
        pytest.param(
            "a 02:00-02:10 retried try:0/2, a 02:20-02:30 try:1/2",
            "12:00",
            [],
            id="as marked by the platform",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30", "12:00", [], id="a retry that is not numbered"
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-03:20",
            "12:00",
            [],
            id="good at the last moment of the wait",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-03:21",
            "12:00",
            ["1 until 03:21"],
            id="good after it was told",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 03:15-08:00 try:1/2", "12:00", [], id="a retry may take its time"
        ),
        pytest.param("a 02:00-02:10 failed try:0/2, a 03:15-? try:1/2", "08:00", [], id="also while it runs"),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 03:20-? try:1/2", "08:00", [], id="begun at the last moment"
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 03:21-? try:1/2",
            "08:00",
            ["1"],
            id="it must begin within the wait",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30 failed try:1/2, a 02:40-02:50 failed try:2/2",
            "12:00",
            ["3"],
            id="three attempts are one failure",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30 failed try:1/2",
            "03:00",
            [],
            id="the second waits as well",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30 vanished try:1/2",
            "12:00",
            ["1"],
            id="a retry that vanished",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-04:00 vanished try:1/2",
            "03:30",
            ["1"],
            id="a retry that vanished later, as it is known afterwards",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-04:00 vanished try:1/2, a 03:25-03:30",
            "04:30",
            [],
            id="repaired before it was known that the retry came to nothing",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30 failed",
            "02:31",
            ["2"],
            id="a failure that is no attempt",
        ),
        pytest.param(
            "a 02:00-02:10 aborted try:0/2", "02:11", ["1"], id="nobody retries what a person aborted"
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10 failed try:0/2",
            "02:11",
            ["1"],
            id="an open failure stays meanwhile",
        ),
    ],
)
def test_retries(facts: Tell, story: str, at: str, expected: list[str]) -> None:
    assert told(facts(story, at=at)) == expected


@pytest.mark.parametrize(
    ("story", "opens", "closes"),
    [
        pytest.param("a 02:00-02:10 failed", "02:10", None, id="when the run ended"),
        pytest.param("a 02:00-02:10 failed try:0/2", "03:20", None, id="when the wait for its retry ended"),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-02:30 failed", "02:30", None, id="another failed meanwhile"
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-04:00 vanished try:1/2",
            "04:00",
            None,
            id="a retry vanished",
        ),
        pytest.param("a 02:00-02:10 failed, a 03:00-03:10", "02:10", "03:10", id="until a good run ended"),
    ],
)
def test_it_says_when_it_could_first_be_known(
    facts: Tell, at: At, story: str, opens: str, closes: str | None
) -> None:
    (decision,) = (one for one in judge(facts(story)) if one.finding)
    assert (decision.opens, decision.closes) == (at(opens), closes and at(closes))


def test_a_wait_says_when_it_ends(facts: Tell, at: At) -> None:
    waiting = last(facts("a 02:00-02:10 failed try:0/2", at="02:30"))
    assert (waiting.opens, waiting.look_again) == (at("03:20"), at("03:20"))
    holding_too = last(facts("a 01:00-01:10 failed, a 02:00-02:10 failed try:0/2", at="02:30"))
    assert (holding_too.state, holding_too.look_again) == (State.HOLDS, at("03:20"))
    more_needed = last(facts("a 02:00-02:10 failed try:0/2", at="02:30"), failure_threshold=2)
    assert (more_needed.opens, more_needed.look_again) == (None, at("03:20"))


def test_the_last_success_and_the_usual_time_are_those_of_the_failure(facts: Tell) -> None:
    before = ", ".join(f"a {hour:02}:00-{hour:02}:10" for hour in range(5))
    after = ", ".join(f"a {hour:02}:00-{hour:02}:40" for hour in range(6, 16))
    (finding,) = found(facts(f"{before}, a 05:00-05:20 failed, {after}", at="20:00"))
    assert ("Last success", "04:10 UTC") in finding.facts
    assert ("Duration", "20 min; usually 10 min, at most 15 min") in finding.facts


def test_attempts_can_be_told_at_once(facts: Tell) -> None:
    assert told(facts("a 02:00-02:10 failed try:0/2", at="02:11"), alert_on_retry=True) == ["1"]
    marked = "a 02:00-02:10 retried try:0/2, a 02:20-02:30 failed try:1/2"
    assert told(facts(marked, at="02:31"), alert_on_retry=True) == ["1 2"]
    assert told(facts("a 02:00-02:10 restarted try:0/2"), alert_on_retry=True) == []


@pytest.mark.parametrize(
    ("fresh", "expected"),
    [
        pytest.param("", ["5"], id="nothing new: only what holds"),
        pytest.param("1", ["1 2 until 03:10", "5"], id="a failing run of it"),
        pytest.param("2", ["1 2 until 03:10", "5"], id="the other failing run"),
        pytest.param("3", ["1 2 until 03:10", "5"], id="the run that ended it"),
        pytest.param("4", ["5"], id="a run that has no part in it"),
    ],
)
def test_what_is_over_is_told_only_when_one_of_its_runs_is_new(
    facts: Tell, fresh: str, expected: list[str]
) -> None:
    story = "a 01:00-01:10 failed, a 02:00-02:10 failed, a 03:00-03:10, a 04:00-04:10, a 05:00-05:10 failed"
    assert told(facts(story, fresh=fresh)) == expected


def test_an_old_failure_in_the_history_is_not_raised_again_after_a_restart(facts: Tell) -> None:
    assert told(facts("a 01:00-01:10 failed, a 02:00-02:10, a 03:00-03:10", fresh="")) == []


def test_failure_and_recovery_in_one_second_are_one_alert_that_is_over(facts: Tell) -> None:
    assert told(facts("a 02:00-02:10 failed, a 02:05-02:10")) == ["1 until 02:10"]


def test_aborted_as_information_ends_no_streak(facts: Tell) -> None:
    (finding,) = found(facts("a 01:00-01:10 aborted"), aborted_is="info")
    assert finding.severity is Severity.INFO
    assert finding.labels["outcome"] == "aborted"
    both = found(facts("a 01:00-01:10 failed, a 02:00-02:10 aborted"), aborted_is="info")
    assert [(one.severity.value, one.occurrences) for one in both] == [("critical", ("1",)), ("info", ("2",))]
    assert len({one.fingerprint for one in both}) == 2
    assert told(facts("a 01:00-01:10 aborted, a 02:00-02:10 aborted"), aborted_is="info") == ["1 2"]


@pytest.mark.parametrize(
    ("ending", "resolution"),
    [
        pytest.param("ok", "run 2 ended ok at 02:10 UTC", id="a good run"),
        pytest.param("failed", "run 2 ended failed at 02:10 UTC", id="a failed run"),
    ],
)
def test_aborted_as_information_is_over_with_the_next_final_run(
    facts: Tell, ending: str, resolution: str
) -> None:
    over = found(facts(f"a 01:00-01:10 aborted, a 02:00-02:10 {ending}"), aborted_is="info")
    (finding,) = [one for one in over if one.labels.get("outcome")]
    assert finding.resolution == resolution
    assert finding.severity is Severity.INFO


def test_since_is_the_end_of_the_run_that_reached_the_threshold(facts: Tell, at: At) -> None:
    story = facts("a 01:00-01:10 failed, a 02:00-02:10 failed, a 03:00-03:10 failed")
    assert holding(story)[0].since == at("01:10")
    assert holding(story, failure_threshold=2)[0].since == at("02:10")


def test_a_finding_names_job_site_and_instance(facts: Tell) -> None:
    whole, site = holding(facts("a 01:00-01:10 failed, b@RefArch 01:00-01:10 failed"), title="Prices")
    assert whole.labels == {"sfcc_instance": "production", "job_id": "a"}
    assert site.labels == {"sfcc_instance": "production", "job_id": "b", "scope": "RefArch"}
    assert (whole.source, whole.place, whole.name) == ("production", "production", "Prices (a)")
    assert "for RefArch" in site.summary
    assert holding(facts("a 01:00-01:10 failed"))[0].name == "a"


@pytest.mark.parametrize(
    ("recovered", "resolution"),
    [
        pytest.param("", "run 2 ended ok at 03:10 UTC", id="by schedule"),
        pytest.param(
            "by:jdoe@example.com",
            "repaired by hand by jdoe@example.com: run 2 ended ok at 03:10 UTC",
            id="by hand",
        ),
        pytest.param(
            "api:c1", "run 2, started through the API by client c1, ended ok at 03:10 UTC", id="by API"
        ),
        pytest.param("warn", "run 2 ended ok with warnings at 03:10 UTC", id="degraded"),
    ],
)
def test_a_recovery_says_who_repaired_it(facts: Tell, recovered: str, resolution: str) -> None:
    (finding,) = found(facts(f"a 02:00-02:10 failed, a 03:00-03:10 {recovered}"))
    assert finding.resolution == resolution


@pytest.mark.parametrize(
    ("story", "fresh", "quiet"),
    [
        pytest.param("a 01:00-01:10 failed old", None, "first_read", id="what the first read found"),
        pytest.param(
            "a 01:00-01:10 failed old, a 02:00-02:10 failed", None, None, id="until it happens again"
        ),
        pytest.param(
            "a 01:00-01:10 failed old, a 02:00-02:10", None, "first_read", id="no recovery is told either"
        ),
        pytest.param("a 01:00-01:10 failed", None, None, id="news"),
    ],
)
def test_what_the_first_read_found_is_quiet(
    facts: Tell, story: str, fresh: str | None, quiet: str | None
) -> None:
    (finding,) = found(facts(story, fresh=fresh))
    assert finding.quiet == quiet


def test_the_log_of_the_newest_failed_run_is_attached(facts: Tell) -> None:
    story = facts("a 01:00-01:10 failed, a 02:00-02:10 failed")
    (finding,) = found(story)
    assert finding.attachments == (attachment_ref(RunKey("production", "a", "2")),)
    assert found(story, attach="excerpt")[0].attachments
    assert not found(story, attach="none")[0].attachments
    assert not found(facts("a 01:00-01:10 failed old"))[0].attachments


def test_a_run_without_a_log_says_so(facts: Tell, story: Callable[[str], tuple[Execution, ...]]) -> None:
    (run,) = story("a 01:00-01:10 failed")
    (finding,) = found(facts([replace(run, is_log_file_existing=False)]))
    assert not finding.attachments
    assert ("No log", "the platform says this run has none") in finding.facts


def test_the_cause_is_that_of_the_newest_failing_run(facts: Tell) -> None:
    assert found(facts("a 01:00-01:10 failed, a 02:00-02:10 aborted"))[0].cause == "aborted"
    assert found(facts("a 01:00-01:10 aborted, a 02:00-02:10 failed"))[0].cause == "ERROR | Import failed"


def test_severity_follows_the_job_and_the_instance_type(facts: Tell) -> None:
    story = facts("a 01:00-01:10 failed")
    assert holding(story)[0].severity is Severity.CRITICAL
    assert holding(story, severity={"failed": "info"})[0].severity is Severity.INFO
    (lowered,) = findings(failed(story, Policy(severity_offset=1)))
    assert lowered.severity is Severity.WARNING


def test_a_system_job_that_a_setting_names_is_judged(facts: Tell) -> None:
    story = "sfcc-site-archive-import 01:00-01:10 failed, sfcc-clean 01:00-01:10 failed"
    assert told(facts(story, system_jobs=("sfcc-site-*",))) == ["1"]


@pytest.mark.parametrize(
    ("story", "job", "state", "reason"),
    [
        pytest.param("a 01:00-01:10", {}, "clear", "last run ok (run 1)", id="ok"),
        pytest.param("a 01:00-01:10 warn", {}, "clear", "last run ok with warnings (run 1)", id="degraded"),
        pytest.param(
            "a 01:00-01:10, a 02:00-02:10 vanished",
            {},
            "clear",
            "last run vanished (run 2), the last that counts was ok (run 1)",
            id="vanished after a good one",
        ),
        pytest.param("a 01:00-?", {}, "unknown", "no finished run known", id="nothing finished yet"),
        pytest.param(
            "a 01:00-01:10 unknown",
            {},
            "unknown",
            "last run unknown (run 1), and none before it counts",
            id="only unknown",
        ),
        pytest.param(
            "a 01:00-01:10 failed",
            {"failure_threshold": 2},
            "waiting",
            "1 of 2 failures needed (run 1)",
            id="threshold",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2",
            {},
            "waiting",
            "attempt 1 of 3 failed (run 1), waiting for the retry until 03:20 UTC",
            id="retry awaited",
        ),
        pytest.param(
            "a 02:00-02:10 failed try:0/2, a 02:20-? try:1/2",
            {},
            "waiting",
            "attempt 1 of 3 failed (run 1), the next is running (run 2)",
            id="retry running",
        ),
        pytest.param("a 02:00-02:10 failed", {}, "holds", "last run failed (run 1)", id="failed"),
        pytest.param("a 02:00-02:10 aborted", {}, "holds", "last run was aborted (run 1)", id="aborted"),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10 failed",
            {},
            "holds",
            "last 2 runs failed (runs 1, 2)",
            id="twice",
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10 failed, a 03:00-03:10 failed, a 04:00-04:10 failed",
            {},
            "holds",
            "last 4 runs failed (the newest is run 4)",
            id="too many to name",
        ),
        pytest.param(
            "a 01:00-01:10 failed, a 02:00-02:10",
            {"recovery_threshold": 3},
            "holds",
            "1 of 3 good runs needed to recover (run 2) after 1 run failed (run 1)",
            id="recovering",
        ),
    ],
)
def test_every_look_gives_its_reason(
    facts: Tell, story: str, job: dict[str, Any], state: str, reason: str
) -> None:
    decision = last(facts(story, at="02:30"), **job)
    assert (decision.state, decision.reason) == (state, reason)
    assert (decision.finding is not None) == (state == "holds")


def test_the_reason_says_when_the_steps_of_the_failed_run_are_unknown(
    facts: Tell, story: Callable[[str], tuple[Execution, ...]]
) -> None:
    (run,) = story("a 02:00-02:10 failed try:0/1")
    bare = replace(run, steps=None)
    assert [last(facts([one], at="04:00")).reason for one in (run, bare)] == [
        "last run failed (run 1)",
        "last run failed (run 1, steps unknown)",
    ]
    assert last(facts([bare], at="02:11")).reason.startswith("attempt 1 of 2 failed (run 1, steps unknown)")


def test_what_is_over_is_a_decision_beside_how_it_is_now(facts: Tell) -> None:
    over, now = judge(facts("a 01:00-01:10 failed, a 02:00-02:10"))
    assert (over.state, over.reason) == (
        State.OVER,
        "1 run failed (run 1), then run 2 ended ok at 02:10 UTC",
    )
    assert (now.state, now.reason) == (State.CLEAR, "last run ok (run 2)")
    assert over.numbers["executions"] == ["1"]


def test_the_message_says_the_most_important_first(facts: Tell, at: At) -> None:
    usual = [
        Execution(
            "production",
            "a",
            f"u{day}",
            execution_status="finished",
            exit_status=ExitStatus("OK", None, "ok"),
            start_time=at("02:00") - timedelta(days=day),
            end_time=at("02:14:10") - timedelta(days=day),
        )
        for day in range(1, 7)
    ]
    step = Step(
        "import-catalog",
        step_type_id="ImportCatalog",
        execution_status="finished",
        exit_status=ExitStatus("ERROR", "Read timed out\nafter 30 s", "error"),
    )
    broken = Execution(
        "production",
        "a",
        "7",
        execution_status="finished",
        exit_status=ExitStatus("ERROR", None, "error"),
        start_time=at("02:08"),
        end_time=at("02:12"),
        user_login="jdoe@example.com",
        steps=(step,),
    )
    noise = [
        Execution(
            "production",
            "sfcc-tick",
            f"n{minute}",
            start_time=at(f"02:0{minute}"),
            execution_status="running",
        )
        for minute in range(6)
    ]
    importing = Execution(
        "production",
        "sfcc-site-archive-import",
        "i",
        execution_status="finished",
        exit_status=ExitStatus("OK", None, "ok"),
        start_time=at("01:40"),
        end_time=at("01:45"),
    )
    (finding,) = holding(
        facts([*usual, broken, *noise], at="02:13", beside=(importing,)),
        impact="old prices on the site",
        owner="pim-team",
        runbook="https://wiki.example.com/imports",
    )
    assert finding.summary == "Run 7 ended with ERROR in step import-catalog."
    assert finding.facts == (
        ("Impact", "old prices on the site"),
        ("Since", "02:12 UTC"),
        ("Failed step", "import-catalog (ImportCatalog): ERROR: Read timed out after 30 s"),
        ("Duration", "4 min; usually 14 min 10 s, at most 21 min 15 s"),
        ("Started", "by hand (jdoe@example.com) at 02:08 UTC"),
        ("Just before", "sfcc-site-archive-import (ok), started by the schedule at 01:40 UTC"),
        ("Last success", "2026-11-22 02:14 UTC"),
        ("Owner", "pim-team"),
        ("Runbook", "https://wiki.example.com/imports"),
    )
    assert finding.evidence["usual_seconds"] == 850


@pytest.mark.parametrize(
    ("other", "is_told"),
    [
        pytest.param("sfcc-site-archive-import 01:40-01:45", True, id="of the platform"),
        pytest.param("a2 01:40-01:45 by:jdoe", True, id="of the group, by hand"),
        pytest.param("a2 01:40-01:45", False, id="of the group, by the schedule"),
        pytest.param("a2 01:40-01:45 api:pim", False, id="of the group, by a client"),
        pytest.param("a2 01:00-01:45 by:jdoe", True, id="an hour before"),
        pytest.param("a2 00:59-01:45 by:jdoe", False, id="longer ago"),
        pytest.param("b 01:40-01:45 by:jdoe", False, id="of no common group, by hand"),
        pytest.param("a 01:40-01:45 by:jdoe", True, id="the same job by hand"),
        pytest.param("a 01:40-01:45 by:jdoe retried", False, id="an attempt before"),
        pytest.param("a@X 01:59-02:03 by:jdoe", False, id="another site of the same run"),
    ],
)
def test_just_before_names_what_may_have_to_do_with_it(
    facts: Tell, story: Callable[[str], tuple[Execution, ...]], other: str, *, is_told: bool
) -> None:
    policy = Policy(groups=(GroupPolicy("a", ("a*",), exclusive=False),))
    event, bad = story(f"{other}, a 02:00-02:10 failed")
    for look in (facts([bad, event]), facts([bad], beside=(event,))):
        (finding,) = (one for one in findings(failed(look, policy)) if one.ends_at is None)
        assert ("Just before" in dict(finding.facts)) is is_told


def test_a_series_is_not_judged_by_what_is_beside(
    facts: Tell, story: Callable[[str], tuple[Execution, ...]]
) -> None:
    assert judge(facts("", beside=story("a 02:00-02:10 failed"))) == ()


@pytest.mark.parametrize(
    ("told_runs", "fresh", "job", "first"),
    [
        pytest.param("a 01:00-01:10, a 02:00-02:10", "2", {}, [], id="nothing failed"),
        pytest.param("a 01:00-01:10 failed, a 02:00-02:10 failed", "", {}, ["1"], id="it holds"),
        pytest.param("a 01:00-01:10 failed, a 02:00-02:10", "2", {}, ["1"], id="just over"),
        pytest.param("a 01:00-01:10 failed, a 02:00-02:10", "", {}, [], id="long over"),
        pytest.param("a 01:00-01:10 aborted", "", {"aborted_is": "info"}, ["1"], id="as information"),
    ],
)
def test_the_run_a_failure_began_with(
    facts: Tell, told_runs: str, fresh: str, job: dict[str, Any], first: list[str]
) -> None:
    policy = Policy(job=lambda _: JobPolicy(**job))
    assert [run.id for run in first_bad(facts(told_runs, fresh=fresh), policy)] == first


def test_a_streak_says_how_often(facts: Tell) -> None:
    (finding,) = holding(facts("a 01:00-01:10 failed, a 02:00-02:10 failed, a 03:00-03:10 aborted try:1/2"))
    assert finding.summary == "3 runs failed since 01:10 UTC; the newest, run 3, was aborted."
    assert ("Since", "01:10 UTC, failed 3 times") in finding.facts
    assert ("Started", "by the schedule at 03:00 UTC, attempt 2 of 3") in finding.facts
    assert ("Last success", "none in the last 3 runs") in finding.facts


def test_an_execution_of_which_nothing_is_known_breaks_nothing(facts: Tell) -> None:
    bare = [
        Execution("production", "a", str(number), execution_status=word)
        for number, word in enumerate(
            ("pending", "running", "finished", "aborted", "retried", "never-heard-of", "")
        )
    ]
    assert [one.occurrences for one in found(facts(bare))] == [("3",)]


WORDS = (
    "ok",
    "warn",
    "failed",
    "aborted",
    "unknown",
    "retried",
    "failed try:0/2",
    "failed try:1/2",
    "failed try:2/2",
)
ENDINGS = st.lists(st.sampled_from(WORDS), max_size=14)


def night(words: Sequence[str]) -> str:
    """A run every 20 minutes that takes 10."""
    starts = [20 * number for number in range(len(words))]
    return ", ".join(
        f"a {start // 60:02}:{start % 60:02}-{(start + 10) // 60:02}:{(start + 10) % 60:02} {word}"
        for start, word in zip(starts, words, strict=True)
    )


@given(words=ENDINGS, opens=st.integers(1, 3), closes=st.integers(1, 3))
def test_every_open_failure_can_be_repaired(facts: Tell, words: list[str], opens: int, closes: int) -> None:
    repaired = night([*words, *["ok"] * closes])
    assert not holding(facts(repaired), failure_threshold=opens, recovery_threshold=closes)


@given(words=ENDINGS, opens=st.integers(1, 3), chance=st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    facts: Tell, words: list[str], opens: int, chance: random.Random
) -> None:
    told_in_order = facts(night(words))
    shuffled = list(told_in_order.executions)
    chance.shuffle(shuffled)
    arrived = replace(told_in_order, runs={run.series: tuple(shuffled) for run in shuffled})
    assert found(told_in_order, failure_threshold=opens) == found(arrived, failure_threshold=opens)
