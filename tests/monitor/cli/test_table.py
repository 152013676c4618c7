"""What a terminal has room for: ids and times whole, the least needed columns gone first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.table import Column, duration_text, lines, moment_text, print_table

NOW = datetime(2026, 11, 23, 15, 40, tzinfo=UTC)
COLUMNS = (Column("job"), Column("id"), Column("scope", leaves=2), Column("took", leaves=1))
ROW = ("3-1-1-Import", "2679974", "Organization", "0:10:00")
PROSE = (Column("job"), Column("summary", leaves=1, prose=True))


def heads(width: int | None, *rows: tuple[str, ...]) -> list[str]:
    return next(iter(lines(COLUMNS, rows or [ROW], width))).split()


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        pytest.param(None, ["job", "id", "scope", "took"], id="as long as it likes"),
        pytest.param(44, ["job", "id", "scope", "took"], id="just enough for all"),
        pytest.param(43, ["job", "id", "took"], id="one too few: the least needed leaves"),
        pytest.param(29, ["job", "id"], id="then the next"),
        pytest.param(10, ["job", "id"], id="what is there to be copied never leaves"),
    ],
)
def test_columns_leave_whole_the_least_needed_first(width: int | None, expected: list[str]) -> None:
    assert heads(width) == expected


def test_a_column_without_any_text_is_left_out() -> None:
    assert heads(None, ("a", "1", "", "0:10:00"), ("b", "2", "", "")) == ["job", "id", "took"]
    assert heads(None, ("a", "", "", "")) == ["job", "id"]


def test_cells_stand_under_each_other_whatever_characters_they_are_made_of() -> None:
    found = list(lines(COLUMNS, [("インポート", "1", "s", ""), ("u\u0308ber", "22", "s", "")], None))
    assert found == ["job         id  scope", "インポート  1   s", "u\u0308ber        22  s"]


def test_prose_is_broken_below_itself_and_nothing_else_is() -> None:
    found = list(lines(PROSE, [("3-1-1-Import", "one two three four five six seven")], 40))
    assert found == [
        "job           summary",
        "3-1-1-Import  one two three four five",
        "              six seven",
    ]


@given(st.lists(st.tuples(*[st.text("aü イ-1", max_size=30)] * 4), min_size=1), st.integers(1, 120))
def test_an_id_is_never_broken(rows: list[tuple[str, ...]], width: int) -> None:
    found = list(lines(COLUMNS, rows, width))
    assert len(found) == len(rows) + 1
    for row, line in zip(rows, found[1:], strict=True):
        assert row[0].rstrip() in line


def test_colours_go_by_the_words_and_do_not_move_what_follows() -> None:
    found = list(lines((Column("last"), Column("job")), [("failed", "a")], None, colours=True))
    assert found[1] == "\x1b[31mfailed\x1b[0m  a"


def test_what_would_move_the_cursor_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("job")], [("a\x1b[2J\nb",)], empty="nothing")
    assert capsys.readouterr().out == "job\na�[2J�b\n"


def test_the_width_of_the_environment_counts_without_a_terminal_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "29")
    print_table(COLUMNS, [ROW], empty="nothing")
    assert capsys.readouterr().out.splitlines()[0].split() == ["job", "id"]


def test_nothing_is_a_sentence_beside_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [], empty="no run matches")
    assert capsys.readouterr() == ("", "no run matches\n")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW, "15:40"),
        (NOW.replace(hour=0, minute=0), "00:00"),
        (NOW - timedelta(days=1), "11-22 15:40"),
        (NOW + timedelta(days=1), "11-24 15:40"),
        (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), "2025-12-31 23:59"),
        (None, ""),
    ],
)
def test_times_are_as_short_as_they_can_be(at: datetime | None, expected: str) -> None:
    assert moment_text(at, NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00:00"), (230.9, "0:03:50"), (90_000, "25:00:00"), (None, "")]
)
def test_durations_line_up(seconds: float | None, expected: str) -> None:
    assert duration_text(None if seconds is None else timedelta(seconds=seconds)) == expected
