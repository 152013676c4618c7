from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import Severity
from monitor.detect import Detect
from monitor.detect.model import Facts, State
from monitor.detect.together.full_imports import full_imports
from monitor.model import Interval
from monitor.policy import AKENEO, GroupPolicy, Policy

Tell = Callable[..., Facts]
At = Callable[[str], datetime]
Same = Callable[[Detect, Facts, Policy, datetime], None]

POLICY = Policy(groups=(GroupPolicy("pim", ("*-full", "*-differential")), AKENEO))


def nights(told: str) -> str:
    """`DFF`: what ran, every five minutes from 02:00 on."""
    names = {"F": "a-full", "D": "a-differential"}
    return ", ".join(
        f"{names[one]} {2 + at // 12:02}:{at % 12 * 5:02}-{2 + at // 12:02}:{at % 12 * 5 + 2:02}"
        for at, one in enumerate(told)
    )


def told(facts: Facts, policy: Policy = POLICY) -> list[str]:
    """Since when, and until when if it is over."""
    return [
        f"{one.since:%H:%M}" + (f"-{one.ends_at:%H:%M}" if one.ends_at else "")
        for decision in full_imports(facts, policy)
        if (one := decision.finding)
    ]


def whole_week(at: At, short_of: timedelta = timedelta()) -> tuple[Interval, ...]:
    return (Interval(at("02:00") - timedelta(days=7) + short_of, at("12:00")),)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param("", [], id="no history, no alert"),
        pytest.param("DFF", [], id="two full ones say nothing"),
        pytest.param("DDFFF", ["02:20"], id="a third, and fewer differential ones"),
        pytest.param("DDDFFF", [], id="as many of each"),
        pytest.param("DDDFFFF", ["02:30"], id="one more full one"),
        pytest.param("DDFFFD", ["02:20-02:25"], id="the ratio falls"),
        pytest.param("DDFFFDF", ["02:20-02:25", "02:30"], id="and rises again"),
        pytest.param("FFF", [], id="a group without differential imports has no choice"),
        pytest.param("DDD", [], id="nor has one without full ones"),
        pytest.param("FFFFD", ["02:20"], id="it has one from the first on"),
    ],
)
def test_full_imports(facts: Tell, at: At, story: str, expected: list[str]) -> None:
    assert told(facts(nights(story), coverage=whole_week(at))) == expected


@pytest.mark.parametrize(
    ("short_of", "expected"),
    [
        pytest.param(timedelta(minutes=20), ["02:20"], id="the seven days before are covered"),
        pytest.param(timedelta(minutes=20, seconds=1), [], id="a second of them is not"),
    ],
)
def test_seven_days_have_to_be_covered(facts: Tell, at: At, short_of: timedelta, expected: list[str]) -> None:
    story = facts(nights("DDFFF"), coverage=whole_week(at, short_of))
    assert told(story) == expected
    if not expected:
        (decision,) = full_imports(story, POLICY)
        assert decision.state is State.UNKNOWN


def starts(at: At, *days: float) -> tuple[datetime, ...]:
    """So many days before 02:00."""
    return tuple(sorted(at("02:00") - timedelta(days=one) for one in days))


@pytest.mark.parametrize(
    ("differential", "expected"),
    [
        pytest.param((6.9, 6.8), ["02:00"], id="two within seven days"),
        pytest.param((6.9, 6.8, 6.7), [], id="three"),
        pytest.param((6.9, 6.8, 7), ["02:00"], id="the third seven days ago"),
    ],
)
def test_starts_that_are_given_are_counted_over_seven_days(
    facts: Tell, at: At, differential: tuple[float, ...], expected: list[str]
) -> None:
    known = {"a-full": starts(at, 2, 1, 0), "a-differential": starts(at, *differential)}
    coverage = (Interval(at("02:00") - timedelta(days=30), at("12:00")),)
    assert told(facts("a-full 02:00-?", starts=known, coverage=coverage)) == expected


def test_sites_of_one_run_are_one_run(facts: Tell, at: At) -> None:
    sites = "a-differential 02:00-02:01, a-full@A 02:05-02:06, a-full@B 02:07-02:08, a-full@A 03:05-03:06"
    assert told(facts(sites, coverage=whole_week(at))) == []
    one_site = sites.replace("@A", "").replace("@B", "")
    assert told(facts(one_site, coverage=whole_week(at))) == ["03:05"]


def test_the_built_in_group_yields_to_the_settings(facts: Tell, at: At) -> None:
    story = facts(nights("DDFFF").replace("a-", "akeneo-"), coverage=whole_week(at))
    own = GroupPolicy("mine", ("akeneo-*",))
    for policy, name in ((Policy(), "akeneo"), (Policy(groups=(own, AKENEO)), "mine")):
        assert [one.finding.labels["group"] for one in full_imports(story, policy) if one.finding] == [name]


def test_the_message_and_its_numbers(facts: Tell, at: At) -> None:
    (decision,) = full_imports(facts(nights("DDFFF"), coverage=whole_week(at)), POLICY)
    finding = decision.finding
    assert finding is not None
    assert (decision.state, decision.jobs, decision.opens) == (State.HOLDS, ("a-full",), at("02:20"))
    assert finding.severity is Severity.INFO
    assert finding.labels == {"sfcc_instance": "production", "group": "pim"}
    assert finding.occurrences == ("2026-11-23T02:20:00+00:00",)
    assert finding.summary == "Full imports of group pim ran 3 times in 7 d, differential ones twice."
    assert finding.evidence == {
        "group": "pim",
        "full_runs": 3,
        "differential_runs": 2,
        "jobs": ["a-differential", "a-full"],
    }


@settings(max_examples=80)
@given(story=st.text("FD", max_size=20), minute=st.integers(0, 120), short_of=st.integers(0, 60))
def test_it_was_found_then_as_it_is_found_later(
    facts: Tell, same_at_any_time: Same, at: At, story: str, minute: int, short_of: int
) -> None:
    coverage = whole_week(at, timedelta(minutes=short_of))
    look = facts(nights(story), coverage=coverage)
    same_at_any_time(full_imports, look, POLICY, at("02:00") + timedelta(minutes=minute))


@settings(max_examples=50)
@given(story=st.text("FD", max_size=20))
def test_the_order_of_series_does_not_matter(facts: Tell, at: At, story: str) -> None:
    look = facts(nights(story), coverage=whole_week(at))
    turned = replace(look, runs={one: look.runs[one] for one in reversed([*look.runs])})
    assert told(look) == told(turned)
