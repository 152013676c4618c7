"""Cron expressions: what is taken, when it is due, and what is said of one that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.schedule import Schedule, parse_cron

SUNDAY = datetime(2026, 11, 1, tzinfo=UTC)


def due(cron: str, count: int = 3) -> list[str]:
    """The first slots of November 2026."""
    slots = Schedule(cron=cron).slots(SUNDAY, datetime(2100, 1, 1, tzinfo=UTC))
    return [f"{at:%Y-%m-%d %H:%M}" for at in islice(slots, count)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        pytest.param("0 2 * * *", ["2026-11-01 02:00", "2026-11-02 02:00"], id="daily"),
        pytest.param("*/45 23 * * *", ["2026-11-01 23:00", "2026-11-01 23:45"], id="a step starts anew"),
        pytest.param("0 8-10/2 * * *", ["2026-11-01 08:00", "2026-11-01 10:00"], id="a step in a range"),
        pytest.param("5,35 0 * * *", ["2026-11-01 00:05", "2026-11-01 00:35"], id="a list"),
        pytest.param("0 2 * * mon-tue", ["2026-11-02 02:00", "2026-11-03 02:00"], id="names of weekdays"),
        pytest.param("0 2 * * 7", ["2026-11-01 02:00", "2026-11-08 02:00"], id="seven is Sunday"),
        pytest.param("0 2 1 JAN,mar *", ["2027-01-01 02:00", "2027-03-01 02:00"], id="names of months"),
        pytest.param("0 2 L * *", ["2026-11-30 02:00", "2026-12-31 02:00"], id="the last of the month"),
        pytest.param("0 2 3 * mon", ["2026-11-02 02:00", "2026-11-03 02:00"], id="day or weekday"),
        pytest.param("0 2 31 * *", ["2026-12-31 02:00", "2027-01-31 02:00"], id="months without the day"),
        pytest.param("0 2 29 2 *", ["2028-02-29 02:00", "2032-02-29 02:00"], id="leap years"),
        pytest.param("0 2 * 2 mon#5", ["2044-02-29 02:00", "2072-02-29 02:00"], id="a rare day"),
    ],
)
def test_a_cron_is_due(cron: str, expected: list[str]) -> None:
    assert due(cron, 2) == expected


FIVE = (
    "a cron expression has five fields (minute, hour, day-of-month, month, day-of-week), such as '0 2 * * *'"
)
NEVER = "this is never due: there is no such day"


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        pytest.param("", f"{FIVE}; this has 0", id="nothing"),
        pytest.param("0 2 * *", f"{FIVE}; this has 4", id="four fields"),
        pytest.param("0 0 2 * * *", f"{FIVE}; this has 6", id="seconds"),
        pytest.param("@daily", f"{FIVE}; this has 1", id="a nickname"),
        pytest.param("60 2 * * *", "the minute '60' is not understood; write 0-59, ", id="minute"),
        pytest.param("0 24 * * *", "the hour '24' is not understood; write 0-23, ", id="hour"),
        pytest.param("0 2 32 * *", "the day-of-month '32' is not understood; write 1-31", id="day"),
        pytest.param("0 2 0 2 *", "the day-of-month '0' is not understood; write 1-31", id="day nought"),
        pytest.param("0 2 ? * *", "the day-of-month '?' is not understood", id="of another dialect"),
        pytest.param("0 2 * 13 *", "the month '13' is not understood; write 1-12 or jan-dec", id="month"),
        pytest.param(
            "0 2 * * 8", "the day-of-week '8' is not understood; write 0-7 or sun-sat", id="weekday"
        ),
        pytest.param("*/0 * * * *", "the minute '*/0' is not understood", id="a step of nothing"),
        pytest.param("0 2 * * fri-mon", "the day-of-week 'fri-mon' is not understood", id="backwards"),
        pytest.param("0 2 30 2 *", NEVER, id="the 30th of February"),
        pytest.param("0 2 */3 2 mon#5", NEVER, id="the 29th of February is no third day"),
        pytest.param("0 2 31 4,6,9,11 *", NEVER, id="the 31st of short months"),
        pytest.param(f"{'1,' * 200}1 * * * *", "is not longer than 200 characters", id="very long"),
    ],
)
def test_a_wrong_cron_is_refused_with_its_field(cron: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"cron|understood|never") as caught:
        parse_cron(cron)
    assert said in str(caught.value)


field = st.text(alphabet="0123456789*/-,#LWmonfeb", min_size=1, max_size=6)


@given(st.tuples(field, field, field, field, field).map(" ".join) | st.text(max_size=20))
def test_any_text_is_due_one_day_or_refused(text: str) -> None:
    try:
        schedule = Schedule(cron=text)
    except ValueError:
        return
    assert schedule.next_slot(SUNDAY) is not None
