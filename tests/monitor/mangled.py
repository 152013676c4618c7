"""Documents of job runs as no server should send them: strategies for all tests that feed documents in.

Each begins with a run as instances really give it, and is then bent in a few places at any depth: fields
left out, values of other types, words nobody knows, numbers without measure, text no database takes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from monitor.model import FINAL_WORDS
from monitor.sfcc.runs.wire import timestamp

NAN, INFINITE = float("nan"), float("inf")

STEP: dict[str, Any] = {
    "_type": "job_step_execution",
    "id": "5846619",
    "step_id": "import-catalog",
    "step_type_id": "ImportCatalog",
    "execution_scope": "Organization",
    "execution_status": "finished",
    "status": "ERROR",
    "exit_status": {"_type": "status", "code": "ERROR", "message": "No feed.", "status": "error"},
    "start_time": "2026-11-23T01:30:00.316Z",
    "end_time": "2026-11-23T01:40:00.000Z",
    "duration": 599684,
}
FINISHED: dict[str, Any] = {
    "_type": "job_execution",
    "id": "2664334",
    "job_id": "3-1-1-Akeneo-Differential-Import-Master",
    "execution_status": "finished",
    "status": "ERROR",
    "exit_status": {"_type": "status", "code": "ERROR", "message": "No feed.", "status": "error"},
    "start_time": "2026-11-23T01:30:00.316Z",
    "end_time": "2026-11-23T01:40:00.000Z",
    "creation_date": "2026-11-23T01:29:59.000Z",
    "last_modified": "2026-11-23T01:40:00.020Z",
    "duration": 599684,
    "execution_scopes": ["RefArchGlobal", "RefArch"],
    "user_login": "jdoe@example.com",
    "is_restart": False,
    "is_log_file_existing": True,
    "log_file_path": "/Sites/LOGS/jobs/x/Job-x-4db8124510b43bcedeaad79a0f.log",
    "retry_information": {"current_retry_attempt": 1, "max_retries": 3},
    "parameters": [{"name": "ImportMode", "value": "merge"}],
    "step_executions": [STEP, {**STEP, "id": "5846620", "step_id": "rebuild", "status": "OK"}],
}
RUNNING: dict[str, Any] = {
    **{key: value for key, value in FINISHED.items() if key not in {"end_time", "exit_status"}},
    "execution_status": "running",
    "status": "RUNNING",
}
PENDING: dict[str, Any] = {
    "client_id": "client",
    "execution_status": "pending",
    "id": "8211123",
    "is_log_file_existing": False,
    "is_restart": False,
    "job_id": "orders-export",
    "log_file_name": "Job-orders-export-20261123013000000.log",
    "modification_time": "2026-11-23T01:30:00.000Z",
    "status": "PENDING",
}

TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\U0001f4a9",
    "\n",
    "\x1b[31mred",
    "x" * 100_000,
    "€" * 400,
    "\u202e",
]
WORDS = [
    "HIBERNATING",
    "Finished ",
    "finished\0",
    "finished?",
    "ABORTED",
    "ok",
    "error",
    "null",
    "None",
    "retried",
]
NUMBERS = [0, -1, 1, 2**31, 2**63, -(10**30), 10**400, 1e308, -0.0, NAN, INFINITE, -INFINITE, 0.5]
DATES = [
    *("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999-14:00", "2026-11-23T01:00:00+14:00"),
    *("2026-11-23T01:00:00", "2026-11-23", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z"),
    *("2199-12-31T23:59:59Z", "2000-01-01T00:00:00Z", "2026-11-23T01:00:00.123456789Z", "1763776800000"),
    *("2026-11-23T00:00:00+99:99", "٢٠٢٦-11-23T00:00:00Z"),
]
DEEP: Any = json.loads("[" * 300 + "]" * 300)

leaves = st.none() | st.booleans() | st.sampled_from([*TEXTS, *WORDS, *NUMBERS, *DATES]) | st.text(max_size=8)
values = leaves | st.sampled_from([DEEP, {}, [], [None], [[]], {"": {}}]) | st.dictionaries(
    st.sampled_from(["code", "status", "message", "id", "x"]), leaves, max_size=3
)  # fmt: skip


def places(value: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each value within another."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*here, key)
        yield from places(item, (*here, key))


def bent(document: Any, place: tuple[str | int, ...], new: Any, *, drop: bool) -> Any:
    """The document with another value there, or with nothing."""
    document = copy.deepcopy(document)
    target = document
    for key in place[:-1]:
        target = target[key]
    if drop:
        del target[place[-1]]
    else:
        target[place[-1]] = new
    return document


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A run with none to four of its values bent; its id may be that of another one."""
    whole = draw(st.sampled_from([FINISHED, RUNNING, PENDING]))
    document: dict[str, Any] = {**whole, "id": draw(st.sampled_from(["1", "2", "3", "4", "5"]))}
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.sampled_from(sorted(places(document), key=repr)))
        document = bent(document, place, draw(values), drop=draw(st.booleans()))
    return document


hits = documents() | values


def says_it_ended(document: dict[str, Any]) -> bool:
    """By its word; without one, by an end that can be read or an exit status that says something."""
    word = document.get("execution_status")
    if isinstance(word, str) and word.replace("\0", "").strip():
        return word.replace("\0", "").strip().lower() in FINAL_WORDS
    if word is not None and not isinstance(word, str):
        return False
    ending = document.get("exit_status")
    said = isinstance(ending, dict) and any(
        isinstance(ending.get(key), str) and ending[key].replace("\0", "").strip()
        for key in ("code", "message", "status")
    )
    return timestamp(document.get("end_time")) is not None or said
