"""The bar of a run that is waited for: full only when it is over, silent where nobody looks at it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.cli.progress import EACH, Progress, progress_text

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("elapsed", "usual", "text"),
    [
        (MINUTE, None, "running for 0:01:00"),
        (MINUTE, timedelta(), "running for 0:01:00"),
        (timedelta(), 4 * MINUTE, f"[{'.' * 24}]   0%  0:00:00 of usually 0:04:00"),
        (MINUTE, 4 * MINUTE, f"[{'#' * 6}{'.' * 18}]  25%  0:01:00 of usually 0:04:00"),
        (4 * MINUTE, 4 * MINUTE, f"[{'#' * 23}.]  99%  0:04:00 of usually 0:04:00"),
        (9 * MINUTE, 4 * MINUTE, f"[{'#' * 23}.]  99%  0:09:00 longer than the usual 0:04:00"),
    ],
)
def test_a_bar_is_measured_by_the_usual_duration(
    elapsed: timedelta, usual: timedelta | None, text: str
) -> None:
    assert progress_text(elapsed, usual, "") == text
    assert progress_text(elapsed, usual, "import-catalog") == f"{text}  import-catalog"


def test_without_a_terminal_there_is_a_line_a_minute() -> None:
    said: list[str] = []
    progress = Progress(None, said.append)
    for elapsed in (timedelta(), SECOND, EACH - SECOND, EACH, EACH + SECOND, 3 * EACH):
        progress.show(elapsed, "")
    progress.clear()
    assert said == ["running for 0:00:00", "running for 0:01:00", "running for 0:03:00"]
