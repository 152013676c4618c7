from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import Reason
from monitor.pacing.pace import (
    LONGEST_ASKED,
    LONGEST_PAUSE,
    Cadence,
    Next,
    Seen,
    Why,
    is_busy,
    next_due,
    next_poll,
)
from monitor.published import JobSnapshot

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CADENCE = Cadence(busy=60, idle=180)
FAST = Cadence(busy=5, idle=5)
HOURLY = Cadence(busy=3600, idle=3600)


@pytest.mark.parametrize(
    ("seen", "cadence", "seconds", "why"),
    [
        pytest.param(Seen(), CADENCE, 60, Why.BUSY, id="a job runs or is due"),
        pytest.param(Seen(is_busy=False), CADENCE, 180, Why.IDLE, id="none does"),
        pytest.param(Seen(load=79), CADENCE, 60, Why.BUSY, id="much load, and no warning yet"),
        pytest.param(Seen(load=80), CADENCE, 120, Why.LOAD, id="the platform warns"),
        pytest.param(Seen(load=89), CADENCE, 120, Why.LOAD, id="and still only warns"),
        pytest.param(Seen(load=90), CADENCE, 300, Why.LOAD, id="the platform sheds load"),
        pytest.param(
            Seen(is_busy=False, load=90), CADENCE, 300, Why.LOAD, id="never slower than in five minutes"
        ),
        pytest.param(Seen(load=100), HOURLY, 3600, Why.BUSY, id="unless the settings are slower than that"),
        pytest.param(Seen(load=100), FAST, 25, Why.LOAD, id="five times as slow as the settings have it"),
        pytest.param(
            Seen(failures=1, reason=Reason.THROTTLED), CADENCE, 300, Why.LOAD, id="refused for its load"
        ),
        pytest.param(Seen(failures=2, reason=Reason.NETWORK), CADENCE, 60, Why.BUSY, id="two failures"),
        pytest.param(Seen(failures=3, reason=Reason.NETWORK), CADENCE, 120, Why.FAILING, id="three"),
        pytest.param(Seen(failures=4, reason=Reason.TIMEOUT), CADENCE, 240, Why.FAILING, id="four"),
        pytest.param(Seen(failures=5, reason=Reason.CREDENTIALS), CADENCE, 300, Why.FAILING, id="five"),
        pytest.param(Seen(failures=9999, reason=Reason.ASLEEP), CADENCE, 300, Why.FAILING, id="a week of it"),
        pytest.param(Seen(failures=3, reason=Reason.SERVER), FAST, 10, Why.FAILING, id="quick settings"),
        pytest.param(Seen(failures=99, reason=Reason.SERVER), HOURLY, 3600, Why.BUSY, id="slow settings"),
        pytest.param(Seen(asked=7), CADENCE, 60, Why.BUSY, id="a pause shorter than the usual one"),
        pytest.param(Seen(asked=600), CADENCE, 600, Why.ASKED, id="a pause of ten minutes"),
        pytest.param(Seen(asked=86_400), CADENCE, LONGEST_ASKED, Why.ASKED, id="a day is asked for"),
        pytest.param(
            Seen(failures=7, reason=Reason.THROTTLED, load=95, asked=900),
            *(CADENCE, 900, Why.ASKED),
            id="the longest of all holds",
        ),
    ],
)
def test_the_next_poll(seen: Seen, cadence: Cadence, seconds: float, why: Why) -> None:
    assert next_poll(seen, cadence, 0.0) == Next(seconds, why)


@pytest.mark.parametrize(
    ("seen", "longest"),
    [
        pytest.param(Seen(failures=9, reason=Reason.NETWORK), 240, id="a pause of our own is shortened"),
        pytest.param(Seen(asked=10_000), LONGEST_ASKED + 10, id="one that was asked for never is"),
        pytest.param(Seen(asked=100, is_busy=True), 110, id="by seconds only"),
        pytest.param(Seen(), 60, id="a slot needs no spreading"),
    ],
)
def test_those_that_failed_together_do_not_come_back_together(seen: Seen, longest: float) -> None:
    assert next_poll(seen, CADENCE, 1.0).seconds == longest


@given(
    st.builds(
        Seen,
        st.booleans(),
        st.integers(0, 10_000),
        st.sampled_from([None, *Reason]),
        st.integers(0, 100),
        st.floats(0, 1e9),
    ),
    st.floats(0.1, 7200),
    st.floats(0, 1),
)
def test_no_pause_is_shorter_than_the_settings_nor_longer_than_what_is_promised(
    seen: Seen, interval: float, jitter: float
) -> None:
    found = next_poll(seen, Cadence(interval, 2 * interval), jitter)
    least = interval if seen.is_busy else 2 * interval
    assert least <= found.seconds <= max(least, LONGEST_PAUSE, min(seen.asked, LONGEST_ASKED) + 10)
    assert found.seconds >= min(seen.asked, LONGEST_ASKED)
    assert found.is_steady == (found.why in {Why.BUSY, Why.IDLE})


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(JobSnapshot("a"), False, id="nothing is known of it"),
        pytest.param(JobSnapshot("a", active_since=AT), True, id="it runs"),
        pytest.param(JobSnapshot("a", next_due=AT + timedelta(minutes=5)), True, id="due at the latest"),
        pytest.param(JobSnapshot("a", next_due=AT + timedelta(minutes=5, seconds=1)), False, id="due later"),
    ],
)
def test_what_makes_an_instance_busy(job: JobSnapshot, expected: object) -> None:
    assert is_busy([JobSnapshot("other"), job], AT, timedelta(minutes=5)) is expected


def test_the_first_job_to_come_is_the_next_one_due() -> None:
    jobs = [JobSnapshot(str(hours), next_due=AT + timedelta(hours=hours)) for hours in (3, 1, 2)]
    assert next_due([JobSnapshot("never"), *jobs]) == AT + timedelta(hours=1)
    assert next_due([JobSnapshot("never")]) is None
