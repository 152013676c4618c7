"""What all commands print alike: JSON, numbers with their nouns, and how far they are."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from monitor.cli.common import plural, print_json, watched

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(NOW, "2026-11-23T02:00:00Z", id="an instant"),
        pytest.param(NOW.astimezone(timezone(timedelta(hours=1))), "2026-11-23T02:00:00Z", id="of a zone"),
        pytest.param("2026-11-23T02:00:00.5+00:00", "2026-11-23T02:00:00.5Z", id="one written elsewhere"),
        pytest.param("at 2026-11-23T02:00:00+00:00", "at 2026-11-23T02:00:00+00:00", id="part of a text"),
        pytest.param(timedelta(minutes=1.5), 90.0, id="a duration is in seconds"),
        pytest.param({"b", "a"}, ["a", "b"], id="a set is sorted"),
        pytest.param((1, None), [1, None], id="a tuple is a list"),
    ],
)
def test_values_have_one_form_wherever_they_stand(
    capsys: pytest.CaptureFixture[str], value: object, expected: object
) -> None:
    print_json([{"deep": {"down": value}}])
    assert json.loads(capsys.readouterr().out) == [{"deep": {"down": expected}}]


def test_characters_are_written_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"job_id": "Übernahme → Lager"})
    assert capsys.readouterr().out == '{"job_id": "Übernahme → Lager"}\n'


@pytest.mark.parametrize(("count", "expected"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
def test_a_noun_agrees_with_its_number(count: int, expected: str) -> None:
    assert plural(count, "run") == expected


class Screen(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "seconds", "said"),
    [
        pytest.param(True, 0.6, "\r2000 lines …\r3000 lines …\r\x1b[K", id="it takes more than a second"),
        pytest.param(True, 0.3, "", id="it is done before"),
        pytest.param(False, 0.6, "", id="nobody looks"),
    ],
)
def test_progress_is_shown_to_whoever_waits(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,  # noqa: FBT001 - a row of the table
    seconds: float,
    said: str,
) -> None:
    screen = Screen(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    ticks = iter(range(9))
    found = list(watched(range(3500), "line", lambda: next(ticks) * seconds))
    assert found == list(range(3500))
    assert screen.getvalue() == said
