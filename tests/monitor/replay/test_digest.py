"""What a replay comes to, in numbers and in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from alerts.model import Severity
from monitor.replay.digest import by_condition, by_day, by_job, loudest, messages, sentence, span_text
from monitor.replay.model import Alert

NIGHT = datetime(2026, 11, 23, tzinfo=UTC)


def alert(
    job: str, minute: int = 0, condition: str = "failed", severity: Severity = Severity.CRITICAL
) -> Alert:
    at = NIGHT + timedelta(minutes=minute)
    return Alert(at, condition, severity, "production", job, (job,) if job else (), "", ("1",), at, "")


def each_alone(jobs: Iterable[str]) -> list[Alert]:
    return [alert(job, minute) for minute, job in enumerate(jobs)]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([], ("", 0), id="nobody"),
        pytest.param(["", ""], ("", 0), id="the instance has no name among the jobs"),
        pytest.param(["a", "a", "b"], ("a", 2), id="one job is most of it"),
        pytest.param(["feed-a", "feed-b", "x"], ("feed-*", 2), id="jobs that begin alike"),
        pytest.param(["feed-a", "feed-a", "feed-b", "x"], ("feed-*", 3), id="half of it is a job's own"),
        pytest.param(
            ["feed-a"] * 3 + ["feed-b", "x"], ("feed-a", 3), id="more than half of it is a job's own"
        ),
        pytest.param(
            ["feed-a", "feed-b", "feed-c", "feed-c", "x", "y"],
            ("feed-*", 4),
            id="together more than the loudest",
        ),
        pytest.param(
            ["3-1-a", "3-1-b", "3-2-a", "9"], ("3-1-*", 2), id="the longest beginning that has half"
        ),
        pytest.param(["feed-a", "feed-b", "x", "y", "z"], ("feed-a", 1), id="less than half is no pattern"),
        pytest.param(["FeedA", "FeedB"], ("FeedA", 1), id="a word is not cut in the middle"),
    ],
)
def test_the_loudest(jobs: list[str], expected: tuple[str, int]) -> None:
    assert loudest(jobs) == expected


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([], "The week would have sent no message.", id="none"),
        pytest.param(["a"], "The week would have sent 1 message, from a.", id="one"),
        pytest.param([""], "The week would have sent 1 message.", id="one of the instance"),
        pytest.param(["a", "b", "c"], "The week would have sent 3 messages.", id="nobody is loud"),
        pytest.param(
            ["a", "a"], "The week would have sent 2 messages, all of them from a.", id="only one job"
        ),
        pytest.param(
            ["f-1"] * 2 + ["f-2"] * 2 + ["x"],
            "The week would have sent 5 messages, 4 of them from f-*.",
            id="some that begin alike",
        ),
    ],
)
def test_the_sentence(jobs: list[str], expected: str) -> None:
    assert sentence(each_alone(jobs), "The week") == expected


def test_what_one_poll_has_to_say_of_a_job_is_one_message() -> None:
    found = messages([alert("a"), alert("a", condition="slow"), alert("b"), alert("a", 1)])
    assert [(one.at.minute, one.job_id, len(one.alerts)) for one in found] == [
        (0, "a", 2),
        (0, "b", 1),
        (1, "a", 1),
    ]


@pytest.mark.parametrize(("many", "expected"), [(19, 19), (20, 1)], ids=["one less than a storm", "a storm"])
def test_a_storm_is_one_message(many: int, expected: int) -> None:
    assert len(messages([alert(f"job-{number}") for number in range(many)])) == expected
    assert len(messages([alert(f"job-{number}") for number in range(many)], storm=many)) == 1


def test_counts_are_worst_first_and_say_what_they_are_made_of() -> None:
    some = [
        alert("a"),
        alert("a", condition="slow", severity=Severity.WARNING),
        alert("b", condition="slow", severity=Severity.INFO),
        alert("", condition="saturated", severity=Severity.WARNING),
    ]
    assert [(one.what, one.alerts, one.worst, one.also) for one in by_condition(some)] == [
        ("slow", 2, "warning", ("a", "b")),
        ("failed", 1, "critical", ("a",)),
        ("saturated", 1, "warning", ()),
    ]
    assert [(one.what, one.alerts, one.also) for one in by_job(some)] == [
        ("a", 2, ("failed", "slow")),
        ("production", 1, ("saturated",)),
        ("b", 1, ("slow",)),
    ]


def test_days_are_counted_in_order() -> None:
    found = by_day(messages([alert("a", 60 * 24), alert("a"), alert("b")]))
    assert [(day.day, count) for day, count in found.items()] == [(23, 2), (24, 1)]


@pytest.mark.parametrize(
    ("hours", "until_now", "expected"),
    [
        pytest.param(720, True, "The last 30 days", id="a month"),
        pytest.param(36, True, "The last 2 days", id="more than a day and a half"),
        pytest.param(30, True, "The last 30 hours", id="a little more than a day"),
        pytest.param(0.2, True, "The last hour", id="minutes"),
        pytest.param(48, False, "The 2 days from 2026-11-21 00:00 to 2026-11-23 00:00 UTC", id="of the past"),
    ],
)
def test_the_span_in_words(hours: float, until_now: bool, expected: str) -> None:  # noqa: FBT001 - a column of the table
    assert span_text(NIGHT - timedelta(hours=hours), NIGHT, until_now=until_now) == expected
