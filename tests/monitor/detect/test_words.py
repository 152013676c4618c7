from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from monitor.detect.words import moment, one_line, span, times


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "under 1 s"),
        (0.9, "under 1 s"),
        (1, "1 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (850, "14 min 10 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (21900, "6 h 5 min"),
        (86400, "1 d"),
        (90000, "1 d 1 h"),
        (-5, "under 1 s"),
    ],
)
def test_span(seconds: float, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected


def test_a_moment_names_its_day_unless_it_is_today(at: Callable[[str], datetime]) -> None:
    assert moment(at("02:12"), at("12:00")) == "02:12 UTC"
    assert moment(at("02:12") - timedelta(days=1), at("12:00")) == "2026-11-22 02:12 UTC"


def test_a_moment_is_told_in_utc(at: Callable[[str], datetime]) -> None:
    berlin = at("00:30").astimezone(timezone(timedelta(hours=1)))
    assert moment(berlin, at("12:00")) == "00:30 UTC"
    assert moment(at("23:30"), at("23:45").astimezone(timezone(timedelta(hours=1)))) == "23:30 UTC"


def test_one_line_is_cut_with_a_mark() -> None:
    assert one_line("a\n  b") == "a b"
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"


def test_times() -> None:
    assert [times(count) for count in (1, 2, 3)] == ["once", "twice", "3 times"]
