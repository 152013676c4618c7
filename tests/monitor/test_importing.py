"""Lines of any kind: what can be read is stored, what cannot is named, and memory stays small."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from monitor.history.engine import reading
from monitor.history.executions import search
from monitor.importing import PROBLEMS_KEPT, Imported, import_lines
from monitor.model import Execution
from monitor.settings import Settings
from monitor.settings.load import settings_from

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMED = {"name": "production", "server": "a.example", "client_id": "x", "client_secret": "y"}


def line(number: int = 1, *, instance: str | None = "production", start: datetime = NOW) -> bytes:
    run = {
        "job_id": "prices",
        "id": str(number),
        "execution_status": "finished",
        "exit_status": {"code": "OK"},
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(minutes=1)).isoformat(),
    }
    return json.dumps(run | ({"sfcc_instance": instance} if instance else {})).encode()


def settings() -> Settings:
    return settings_from({"instances": [NAMED]}, {}, "a test").settings


def imported(engine: Engine, lines: Iterable[bytes], default: str | None = None) -> Imported:
    return import_lines(engine, settings(), lines, default_instance=default, now=NOW)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param(b'{"id": "\xe4"}', "not UTF-8", id="another encoding"),
        pytest.param(b"\x00\x01\xfe", "not UTF-8", id="no text at all"),
        pytest.param(b"[1, 2]", "not a JSON object", id="a list"),
        pytest.param(b'"text"', "not a JSON object", id="a text"),
        pytest.param(b"null", "not a JSON object", id="null"),
        pytest.param(b"prices,1,OK", "not a JSON document: ", id="CSV"),
        pytest.param(b"[" * 100_000, "not a JSON document: ", id="nested without end"),
        pytest.param(line(instance=None), "it has no sfcc_instance: name one with --instance", id="nowhere"),
        pytest.param(b'{"sfcc_instance": "a"}', "it has no usable job_id", id="no identity"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_others_are_stored(
    engine: Engine, bad: bytes, why: str
) -> None:
    found = imported(engine, [line(1), b"", bad, line(2)])
    assert (found.read, found.stored, found.unreadable) == (2, 2, 1)
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"line 3: {why}")


@pytest.mark.parametrize("count", [PROBLEMS_KEPT, PROBLEMS_KEPT + 1])
def test_so_many_problems_are_told_and_all_are_counted(engine: Engine, count: int) -> None:
    found = imported(engine, [b"{"] * count)
    assert (len(found.problems), found.unreadable) == (PROBLEMS_KEPT, count)


def test_a_mark_at_the_beginning_of_a_file_does_no_harm(engine: Engine) -> None:
    assert imported(engine, [b"\xef\xbb\xbf" + line()]).stored == 1


def test_lines_without_an_instance_are_of_the_one_that_is_given(engine: Engine) -> None:
    assert imported(engine, [line(1, instance=None), line(2, instance="other")], "here").stored == 2
    with reading(engine) as connection:
        assert {one.execution.instance for one in search(connection, limit=9)} == {"here", "other"}


def test_runs_of_instances_that_nobody_watches_are_counted(engine: Engine) -> None:
    lines = [line(1), line(2, instance="prod"), line(3, instance="prod"), line(4, instance=None)]
    assert dict(imported(engine, lines, "old").strangers) == {"prod": 2, "old": 1}


@pytest.mark.parametrize(
    ("ahead", "expected"), [(timedelta(), (0, 0)), (timedelta(seconds=1), (2, 2))], ids=["now", "later"]
)
def test_runs_of_the_future_are_counted_from_the_first(
    engine: Engine, ahead: timedelta, expected: tuple[int, int]
) -> None:
    lines = [line(1, start=NOW - timedelta(days=1)), *(line(one, start=NOW + ahead) for one in (2, 3))]
    found = imported(engine, lines)
    assert (found.future, found.first_future) == expected
    assert found.stored == 3


def test_the_same_lines_twice_change_nothing(engine: Engine) -> None:
    lines = [line(number) for number in range(5)]
    assert imported(engine, lines).stored == 5
    assert imported(engine, lines).stored == 0


def test_some_thousand_runs_are_in_memory_however_many_there_are(engine: Engine) -> None:
    alive: list[int] = []

    def lines() -> Iterator[bytes]:
        for number in range(11_000):
            if number in {5_500, 10_900}:
                alive.append(sum(isinstance(one, Execution) for one in gc.get_objects()))
            yield line(number)

    assert imported(engine, lines()).stored == 11_000
    assert len(alive) == 2
    assert max(alive) < 7_000
