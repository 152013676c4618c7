from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from alerts.model import Finding, Severity
from monitor.detect import findings
from monitor.detect.model import Decision, Facts, State
from monitor.detect.refs import attachment_ref
from monitor.detect.runs.degraded import degraded
from monitor.model import Execution, ExitStatus, Logged, RunKey, Step
from monitor.policy import JobPolicy, Policy

Tell = Callable[..., Facts]
Story = Callable[[str], tuple[Execution, ...]]
At = Callable[[str], datetime]


def judge(facts: Facts, **job: Any) -> tuple[Decision, ...]:
    policy = JobPolicy(**job)
    return tuple(degraded(facts, Policy(job=lambda _: policy)))


def told(facts: Facts, **job: Any) -> list[str]:
    """`1 2 ...` for what holds, `1 2 until 05:10` for what is over."""
    return [
        " ".join(one.occurrences) + (f" until {one.ends_at:%H:%M}" if one.ends_at else "")
        for one in findings(judge(facts, **job))
    ]


def hourly(*words: str) -> str:
    return ", ".join(f"a {hour:02}:00-{hour:02}:10 {word}" for hour, word in enumerate(words))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param("a 02:00-02:10", [], id="a good run"),
        pytest.param("a 02:00-02:10 warn", ["1"], id="a run with a warning"),
        pytest.param("a 02:00-02:10 warn, a 03:00-03:10 warn", ["1 2"], id="two in a row are one"),
        pytest.param("a 02:00-02:10 warn, a 03:00-03:10", ["1 until 03:10"], id="the next good run ends it"),
        pytest.param("a 02:00-02:10 warn, a 03:00-03:10 failed", ["1"], id="a failed run does not end it"),
        pytest.param("a 02:00-02:10 failed", [], id="a failed run is not degraded"),
        pytest.param("a 02:00-02:10 warn, a 03:00-03:10 aborted", ["1"], id="an aborted run ends nothing"),
        pytest.param("a 02:00-02:10 warn, a 03:00-?", ["1"], id="an active run ends nothing"),
        pytest.param("a@A 02:00-02:10 warn, a@B 03:00-03:10", ["1"], id="another site ends nothing"),
        pytest.param("sfcc-clean 02:00-02:10 warn", [], id="system jobs are context"),
    ],
)
def test_degraded(facts: Tell, story: str, expected: list[str]) -> None:
    assert told(facts(story)) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(["warn", "ok"] * 4, True, id="four times before"),
        pytest.param(["warn", "ok"] * 5, False, id="five times before"),
        pytest.param(["warn"] * 5 + ["ok"] * 20, False, id="a fifth of the last 25"),
        pytest.param(["warn"] * 5 + ["ok"] * 21, True, id="less than a fifth"),
        pytest.param(["warn"] * 6 + ["ok"] * 24, False, id="a fifth of the last 30"),
        pytest.param(["warn"] * 6 + ["ok"] * 25, True, id="one of those is longer ago"),
        pytest.param(["warn", "failed"] * 5 + ["ok"], False, id="failed runs count among the last"),
    ],
)
def test_a_habit_is_not_an_event(facts: Tell, before: list[str], *, expected: bool) -> None:
    look = facts(hourly(*before, "warn"), at="40:00", fresh="")
    last = judge(look)[-1]
    assert (last.state is State.HOLDS) is expected
    if not expected:
        assert last.state is State.CLEAR
        assert last.reason.endswith("did: a habit")


def test_what_is_open_goes_on_though_it_has_become_a_habit(facts: Tell) -> None:
    words = ["ok"] * 20 + ["warn"] * 12
    assert len(told(facts(hourly(*words), at="40:00"))[0].split()) == 12


def test_a_warning_that_was_there_before_the_first_read_is_news_only_when_it_is_no_habit(facts: Tell) -> None:
    old = ", ".join(f"a {hour:02}:00-{hour:02}:10 warn old" for hour in range(6))
    (same,) = findings(judge(facts(f"{old}, a 07:00-07:10 warn")))
    assert same.quiet == "first_read"
    (fewer,) = findings(judge(facts("a 00:00-00:10 warn old, a 07:00-07:10 warn")))
    assert fewer.quiet is None


def test_what_lies_before_the_runs_that_are_kept_goes_on_without_being_told_again(facts: Tell) -> None:
    look = facts(hourly(*["warn"] * 40), at="50:00")
    assert findings(judge(look))[0].quiet is None
    (cut,) = findings(judge(replace(look, kept=40)))
    assert cut.quiet == "first_read"


@pytest.mark.parametrize(
    ("step", "summary"),
    [
        pytest.param(
            Step("import", execution_status="finished", exit_status=ExitStatus("ERROR", "boom", "error")),
            "Run 1 ended ok, but step import ended with ERROR.",
            id="a step that failed",
        ),
        pytest.param(
            Step("import", execution_status="finished", exit_status=ExitStatus("WARN", "boom", "ok")),
            "Run 1 ended ok, but step import ended with WARN.",
            id="a step with a warning",
        ),
    ],
)
def test_the_step_that_was_not_well_is_told(facts: Tell, story: Story, step: Step, summary: str) -> None:
    (run,) = story("a 02:00-02:10")
    (finding,) = findings(judge(facts([replace(run, steps=(step,))])))
    assert finding.summary == summary
    assert ("Step", f"import: {step.exit_status and step.exit_status.code}: boom") in finding.facts


def test_a_finding_says_what_people_ask_first(facts: Tell, at: At) -> None:
    finding = _one(
        facts("a@A 02:00-02:10 warn by:jdoe, a@A 03:00-03:10"), impact="old prices", title="Prices"
    )
    assert finding.severity is Severity.WARNING
    assert finding.labels == {"sfcc_instance": "production", "job_id": "a", "scope": "A"}
    assert (finding.since, finding.ends_at) == (at("02:10"), at("03:10"))
    assert finding.summary == "Run 1 for A ended ok, but with WARN."
    assert finding.resolution == "run 2 ended ok at 03:10 UTC"
    assert finding.name == "Prices (a)"
    assert finding.attachments == (attachment_ref(RunKey("production", "a", "1")),)
    assert finding.facts == (
        ("Impact", "old prices"),
        ("Since", "02:10 UTC"),
        ("Warning", "WARN"),
        ("Started", "by hand (jdoe) at 02:00 UTC"),
    )


@pytest.mark.parametrize(
    ("story", "state", "reason"),
    [
        pytest.param("a 02:00-02:10", State.CLEAR, "last run ok (run 1)", id="ok"),
        pytest.param("a 02:00-02:10 failed", State.UNKNOWN, "no run known that ended ok", id="only failed"),
        pytest.param(
            "a 02:00-02:10, a 03:00-03:10 failed",
            State.CLEAR,
            "the last run that did not fail ended ok (run 1)",
            id="a failed run is told by another condition",
        ),
        pytest.param(
            "a 02:00-02:10 warn", State.HOLDS, "1 run ended ok with warnings (run 1)", id="degraded"
        ),
    ],
)
def test_every_look_gives_its_reason(facts: Tell, story: str, state: State, reason: str) -> None:
    (decision,) = judge(facts(story))
    assert (decision.state, decision.reason) == (state, reason)


def test_a_run_whose_steps_nobody_knows_is_not_said_to_be_well(facts: Tell, story: Story) -> None:
    (run,) = story("a 02:00-02:10")
    (decision,) = judge(facts([replace(run, steps=None)]))
    assert (decision.state, decision.reason) == (State.UNKNOWN, "last run ok (run 1), steps unknown")


def _one(facts: Facts, **job: Any) -> Finding:
    (finding,) = findings(judge(facts, **job))
    return finding


LOGGED = Logged(2, 0)


def with_log(run: Execution, logged: Logged | None) -> Execution:
    return replace(run, logged=logged, log_file_path="/Sites/LOGS/jobs/a/Job-a.log")


@pytest.mark.parametrize(
    ("logged", "log_errors", "expected"),
    [
        pytest.param(Logged(2, 0), 2, ["1"], id="as many errors as are asked for"),
        pytest.param(Logged(1, 0), 2, [], id="one less"),
        pytest.param(Logged(0, 1), 2, ["1"], id="a line of refused data is enough"),
        pytest.param(Logged(9, 9), None, [], id="nobody asked"),
        pytest.param(None, 2, [], id="not counted"),
    ],
)
def test_errors_in_the_log_of_a_run_that_ended_ok(
    facts: Tell, story: Story, logged: Logged | None, log_errors: int | None, expected: list[str]
) -> None:
    (run,) = story("a 00:00-00:10")
    assert told(facts([with_log(run, logged)], "01:00"), log_errors=log_errors) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("07:09", ["1"], id="its log may yet be read"),
        pytest.param("07:10", ["1 until 01:10"], id="nobody reads it any more"),
    ],
)
def test_a_run_whose_log_is_still_to_be_read_repairs_nothing(
    facts: Tell, story: Story, now: str, expected: list[str]
) -> None:
    first, second = story("a 00:00-00:10, a 01:00-01:10")
    night = [with_log(first, LOGGED), with_log(second, None)]
    assert told(facts(night, now), log_errors=2) == expected
    read = [with_log(first, LOGGED), with_log(second, Logged(0, 0))]
    assert told(facts(read, now), log_errors=2) == ["1 until 01:10"]


def test_what_the_log_tells_is_said(facts: Tell, story: Story) -> None:
    (run,) = story("a 00:00-00:10")
    (found,) = findings(judge(facts([with_log(run, Logged(1, 3))], "01:00"), log_errors=5))
    assert found.summary == (
        "Run 1 ended ok, but its log has 1 error and 3 lines of refused data (DATAERROR)."
    )
    assert found.cause == "errors in the log"


def test_that_a_log_was_not_counted_is_no_verdict(facts: Tell, story: Story) -> None:
    (run,) = story("a 00:00-00:10")
    (decision,) = judge(facts([with_log(run, None)], "12:00"), log_errors=2)
    assert (decision.state, "errors in its log not counted" in decision.reason) == (State.UNKNOWN, True)
