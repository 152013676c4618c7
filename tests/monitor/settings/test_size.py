from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.settings import Settings
from monitor.settings.size import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0B", 0),
        ("17B", 17),
        ("64KB", 64_000),
        ("300MB", 300_000_000),
        ("300 MB", 300_000_000),
        (" 300mb ", 300_000_000),
        ("1.5GB", 1_500_000_000),
        ("1MiB", 1_048_576),
        ("2GiB", 2_147_483_648),
        (300_000_000, 300_000_000),
    ],
)
def test_a_size_is_a_number_with_a_unit(text: object, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "300", "MB", "-1MB", "1e9B", "1,5MB", "3TB", "3M", "3 M B", "1.5.0MB", None, True, -1, 1.5, []],
)
def test_anything_else_is_refused_with_what_is_allowed(text: object) -> None:
    with pytest.raises(ValueError, match="a number with a unit, such as 64KB, 300MB or 2GB"):
        parse_size(text)


@given(st.integers(0, 10**13))
def test_a_size_is_written_as_it_is_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("size", "text"), [(300_000_000, "300MB"), (1_048_576, "1MiB"), (1001, "1001B"), (0, "0B")]
)
def test_a_size_is_written_with_the_largest_unit_that_leaves_no_fraction(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("log_size_limit", "4.999999MB", "write 5MB to 10GB"),
        ("log_size_limit", "10.000001GB", "write 5MB to 10GB"),
        ("log_size_limit", "lots", "a size is a number with a unit"),
        ("log_time_limit", "0.9s", "write 1s to 2m"),
        ("log_time_limit", "121s", "write 1s to 2m"),
        ("log_time_limit", "60", "a duration is a number with a unit"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(field: str, value: str, allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed) as caught:
        Settings.model_validate({field: value})
    assert caught.value.errors()[0]["loc"] == (field,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("log_size_limit", "5MB"),
        ("log_size_limit", "10GB"),
        ("log_time_limit", "1s"),
        ("log_time_limit", "2m"),
    ],
)
def test_a_limit_at_its_bounds_is_taken_and_shown_as_it_was_written(field: str, value: str) -> None:
    assert Settings.model_validate({field: value}).model_dump()[field] == value
