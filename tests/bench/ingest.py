"""A hundred thousand executions, from JSON text to committed rows, against the least that could do it.

Both write the same documents into the same table of an empty state, with the same durability, one after
the other: neither holds them all, as a first read does not. What is bare knows no job: it neither looks for
what is there already, nor counts, nor judges.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from monitor.history import executions as history
from monitor.history.engine import open_state, prepare
from monitor.judgement import judge_for
from monitor.model import Execution
from monitor.policy import Policy
from monitor.sfcc.runs import wire
from monitor.simulator import ManualClock, World
from tests.bench.measure import Result, Unit, in_turns

EXECUTIONS = 100_000
JOBS = 200
AIM = 2.0
WHY = """
Bare, a document is put into its row as it is. Of some 66 µs for a run, with the garbage collector at rest
(25 bare): JSON 7, which both pay; a checked value of it (times, states, steps) 18; storing 40. Of that,
measured by itself, 26 are for writing: the row 10, counters and the last times of its series 8, the rest
the row's values and its steps as JSON; 2 ask whether the run is known, and what is left decides how it
ended, what started it, and what is kept of it.
"""
START = datetime(2026, 11, 1, tzinfo=UTC)
SEEN_AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")


def compare(repeats: int) -> Result:
    lines = [json.dumps(document) for document in _documents()]
    with tempfile.TemporaryDirectory() as name:
        states = _States(Path(name))
        ours, bare = in_turns(
            lambda: _ours(lines, states.empty()), lambda: _bare(lines, states.empty()), repeats
        )
        parsed = [wire.parse(json.loads(line), "production") for line in lines]
        rows = list(_rows(lines))
        storing, inserting = in_turns(
            lambda: _store(parsed, states.empty()), lambda: _insert(rows, states.empty()), repeats
        )
    return Result(
        "Ingest",
        f"{EXECUTIONS:,} executions by `json.loads`, `wire.parse` and `history.store`",
        "`json.loads` and `sqlite3.executemany` into the same table",
        ours,
        bare,
        AIM,
        why=WHY,
        parts=(
            ("`history.store` alone", storing, Unit.SECONDS),
            ("`executemany` alone", inserting, Unit.SECONDS),
        ),
    )


class _States:
    """Copies of a prepared, empty state: making the tables is not part of the work."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = count(1)
        self._template = directory / "template.sqlite"
        engine = open_state(f"sqlite:///{self._template}")
        prepare(engine)
        engine.dispose()

    def empty(self) -> Path:
        path = self._directory / f"{next(self._numbers)}.sqlite"
        shutil.copyfile(self._template, path)
        return path


def _documents() -> Iterator[dict[str, Any]]:
    """A real one of the simulated instance, many times over: other jobs, ids and times."""
    world = World(ManualClock(START + timedelta(hours=1)))
    run = world.start("Import", at=START).finish(at=START + timedelta(minutes=5))
    template = run.document()
    for number in range(EXECUTIONS):
        begin = START + timedelta(seconds=90 * number)
        end = begin + timedelta(minutes=5)
        yield {
            **template,
            "job_id": f"Import-{number % JOBS:03}",
            "id": str(1_000_000 + number),
            "creation_date": _iso(begin),
            "start_time": _iso(begin),
            "end_time": _iso(end),
            "last_modified": _iso(end),
            "modification_time": _iso(end),
        }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ours(lines: list[str], state: Path) -> None:
    _store((wire.parse(json.loads(line), "production") for line in lines), state)


def _store(runs: Iterable[Execution], state: Path) -> None:
    engine = open_state(f"sqlite:///{state}")
    with engine.begin() as connection:
        changed = history.store(
            connection, "production", runs, seen_at=SEEN_AT, backfill=False, judge=judge_for(Policy())
        )
    engine.dispose()
    if changed != EXECUTIONS:
        raise RuntimeError(f"{changed} of {EXECUTIONS} were stored")


def _bare(lines: list[str], state: Path) -> None:
    _insert(_rows(lines), state)


def _rows(lines: list[str]) -> Iterator[dict[str, Any]]:
    """What the documents say, as it is, and constants for what our own program would have to find out."""
    for line in lines:
        document = json.loads(line)
        row = _CONSTANTS | {name: document.get(name) for name in _PLAIN}
        row["scope"] = document["execution_scopes"][0]
        row["exit_code"] = document["exit_status"]["code"]
        row["exit_status"] = document["exit_status"]["status"]
        row["steps"] = json.dumps(document["step_executions"])
        row["began_at"], row["ended_at"] = document["start_time"], document["end_time"]
        yield row


def _insert(rows: Iterable[dict[str, Any]], state: Path) -> None:
    statement = (
        f"INSERT INTO executions ({', '.join(_NAMES)}) VALUES ({', '.join(f':{one}' for one in _NAMES)})"
    )
    connection = sqlite3.connect(state)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.executemany(statement, rows)
    connection.commit()
    connection.close()


_PLAIN = (
    *("job_id", "id", "execution_status", "status", "start_time", "end_time", "creation_date"),
    *("last_modified", "duration", "is_restart", "log_file_path", "is_log_file_existing"),
)
_CONSTANTS: dict[str, Any] = {
    "instance": "production",
    "version": "1",
    "missing": 0,
    "backfilled": False,
    "first_seen": 0,
    "last_seen": 0,
    "final": True,
    "outcome": "ok",
    "trigger": "schedule",
    "counted": True,
    "change": 1,
}
_NAMES = (
    *_CONSTANTS,
    *_PLAIN,
    *("scope", "exit_code", "exit_status", "steps", "began_at", "ended_at"),
)
