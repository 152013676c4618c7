"""Cutting: sizes are kept, beginnings and ends as well, and something is always left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.render.excerpt import cut_file, cut_lines, cut_text


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("short", 5, "short"),
        ("abcdefghijklmnopqrst", 17, "abcdefgh […] qrst"),
        ("abcdefgh", 4, "abc…"),
        ("abcdefgh", 0, ""),
    ],
)
def test_text(text: str, size: int, expected: str) -> None:
    assert cut_text(text, size) == expected


def test_lines_stay_from_both_ends_and_the_rest_is_counted() -> None:
    lines = [f"line {number}" for number in range(100)]

    cut = cut_lines(lines, 90)

    assert (cut[0], cut[-1]) == ("line 0", "line 99")
    assert f"[… {100 - len(cut) + 1} lines left out …]" in cut


def test_one_giant_line_is_cut_and_not_lost() -> None:
    (line,) = cut_lines(["x" * 10_000 + "end"], 200)

    assert line.endswith("end")
    assert len(line) < 200


@given(st.lists(st.text(max_size=50), max_size=30), st.integers(0, 600))
def test_lines_never_exceed_their_size(lines: list[str], size: int) -> None:
    cut = cut_lines(lines, size)

    assert cut == lines or sum(len(line) + 1 for line in cut) <= max(size, 28)


@given(st.binary(max_size=3000), st.integers(0, 4000))
def test_files_never_exceed_their_size(content: bytes, size: int) -> None:
    cut = cut_file(content, size)

    assert len(cut) <= size or cut == content
    assert cut or not content or size == 0
