from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitor.settings.duration import Duration, PositiveDuration, format_duration, parse_duration

TEN_YEARS = timedelta(days=3660)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0s", timedelta(), id="none at all"),
        pytest.param("90s", timedelta(seconds=90), id="seconds"),
        pytest.param("5m", timedelta(minutes=5), id="minutes"),
        pytest.param("2h", timedelta(hours=2), id="hours"),
        pytest.param("30d", timedelta(days=30), id="days"),
        pytest.param("1h30m", timedelta(minutes=90), id="several parts are added"),
        pytest.param("1.5h", timedelta(minutes=90), id="a fraction"),
        pytest.param(" 5m ", timedelta(minutes=5), id="blanks around it"),
        pytest.param("3660d", TEN_YEARS, id="the longest"),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


UNIT = "a duration is a number with a unit, such as 90s, 5m, 2h or 30d"
TOO_LONG = "more than ten years is not a useful duration"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("60", UNIT, id="without a unit"),
        pytest.param(60, UNIT, id="a number"),
        pytest.param(True, UNIT, id="a boolean"),
        pytest.param("", UNIT, id="nothing"),
        pytest.param("m", UNIT, id="a unit alone"),
        pytest.param("5 m", UNIT, id="a blank between"),
        pytest.param("5min", UNIT, id="another word for the unit"),
        pytest.param("5M", UNIT, id="in capitals"),
        pytest.param("-5m", UNIT, id="negative"),
        pytest.param("٣s", UNIT, id="digits of another script"),
        pytest.param("1e3s", UNIT, id="scientific"),
        pytest.param("3660d1s", TOO_LONG, id="just over ten years"),
        pytest.param("9" * 400 + "d", TOO_LONG, id="more than a float holds"),
        pytest.param(timedelta(seconds=-1), "a duration cannot be negative", id="a negative one from code"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=24), "1d"),
        (timedelta(days=400), "400d"),
        (timedelta(seconds=1.5), "1.5s"),
        (MICROSECOND, "0.000001s"),
        (timedelta(days=14, seconds=1.25), "1209601.25s"),
    ],
)
def test_a_duration_is_written_with_the_largest_unit_that_leaves_no_fraction(
    duration: timedelta, text: str
) -> None:
    assert format_duration(duration) == text


@given(st.timedeltas(min_value=timedelta(), max_value=TEN_YEARS))
def test_what_was_written_reads_back_as_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.text() | st.from_regex(r"^([0-9.]+[smhd])+$", fullmatch=True))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert timedelta() <= duration <= TEN_YEARS


def test_zero_is_refused_only_where_it_makes_no_sense() -> None:
    assert TypeAdapter(Duration).validate_python("0s") == timedelta()
    assert TypeAdapter(PositiveDuration).validate_python("0.000001s") == MICROSECOND
    with pytest.raises(ValidationError, match="must be longer than 0s"):
        TypeAdapter(PositiveDuration).validate_python("0s")


def test_a_duration_is_text_in_json() -> None:
    assert TypeAdapter(Duration).dump_json(timedelta(minutes=5)) == b'"5m"'
