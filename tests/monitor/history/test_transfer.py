from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from monitor.history import cursor as cursors
from monitor.history.engine import reading
from monitor.history.executions import Judge, active, get, iterate, mark_missing, store
from monitor.history.transfer import BATCH, Imported, document, import_documents
from monitor.model import Execution, ExitStatus, Interval, RunKey, Step
from monitor.sfcc.runs.wire import parse

At = Callable[[float], datetime]
Make = Callable[..., Execution]


@pytest.fixture
def rich(run: Make, at: At) -> Execution:
    return run(
        id="42",
        how="error",
        status="ERROR",
        scope="RefArch, RefArchGlobal",
        exit_status=ExitStatus("ERROR", "no such file", "error"),
        creation_date=at(-1),
        last_modified=at(11),
        client_id="aaaa",
        user_login="ann@example.com",
        is_restart=True,
        is_log_file_existing=False,
        log_file_path="/Sites/LOGS/jobs/import/Job-import-1.log",
        current_retry_attempt=0,
        max_retries=3,
        steps=(
            Step(
                "read",
                "1",
                "ImportCatalog",
                "RefArch",
                "finished",
                ExitStatus("ERROR", None, "error"),
                "ERROR",
                at(0),
                at(1),
                timedelta(milliseconds=59_950),
            ),
        ),
    )


def test_a_document_has_the_keys_of_the_platform(rich: Execution) -> None:
    assert json.loads(json.dumps(document(rich))) == {
        "_type": "job_execution",
        "sfcc_instance": "production",
        "id": "42",
        "job_id": "import",
        "execution_status": "finished",
        "status": "ERROR",
        "exit_status": {"_type": "status", "code": "ERROR", "message": "no such file", "status": "error"},
        "start_time": "2026-11-22T02:00:00.000Z",
        "end_time": "2026-11-22T02:10:00.000Z",
        "duration": 600_000,
        "creation_date": "2026-11-22T01:59:00.000Z",
        "last_modified": "2026-11-22T02:11:00.000Z",
        "client_id": "aaaa",
        "user_login": "ann@example.com",
        "execution_scopes": ["RefArch", "RefArchGlobal"],
        "is_restart": True,
        "is_log_file_existing": False,
        "log_file_path": "/Sites/LOGS/jobs/import/Job-import-1.log",
        "retry_information": {"current_retry_attempt": 0, "max_retries": 3},
        "step_executions": [
            {
                "_type": "job_step_execution",
                "id": "1",
                "step_id": "read",
                "step_type_id": "ImportCatalog",
                "execution_scope": "RefArch",
                "execution_status": "finished",
                "status": "ERROR",
                "exit_status": {"_type": "status", "code": "ERROR", "status": "error"},
                "start_time": "2026-11-22T02:00:00.000Z",
                "end_time": "2026-11-22T02:01:00.000Z",
                "duration": 59_950,
            }
        ],
    }


def test_what_is_not_known_is_left_out() -> None:
    assert document(Execution("production", "import", "1", execution_status="running")) == {
        "_type": "job_execution",
        "sfcc_instance": "production",
        "id": "1",
        "job_id": "import",
        "execution_status": "running",
        "is_restart": False,
    }


def test_a_document_is_read_back_as_the_same_run(rich: Execution, run: Make) -> None:
    for execution in (rich, run(), run(how="running", end=None, steps=()), run(duration=timedelta())):
        assert replace(parse(document(execution), "production"), version=execution.version) == execution


def test_an_import_is_history_and_covers_its_span(state: Engine, judge: Judge, run: Make, at: At) -> None:
    runs = [run(id="1", start=30, end=40), run(id="2", start=10, end=90), run(instance="staging")]
    done = import_documents(state, runs, seen_at=at(5000), judge=judge)
    assert done == Imported(
        read=3,
        stored=3,
        spans={"production": Interval(at(10), at(90)), "staging": Interval(at(0), at(10))},
    )
    with reading(state) as conn:
        assert all(found.execution.backfilled for found in iterate(conn))
        assert cursors.coverage(conn, "production") == (Interval(at(10), at(90)),)


def test_importing_what_was_exported_changes_nothing(
    state: Engine, judge: Judge, rich: Execution, at: At
) -> None:
    original = parse(document(rich), "production")
    with state.begin() as conn:
        store(conn, "production", [original], seen_at=at(20), backfill=False, judge=judge)
        exported = [document(found.execution) for found in iterate(conn)]
    runs = [parse(item, "production") for item in exported]
    assert import_documents(state, runs, seen_at=at(900), judge=judge).stored == 0
    with reading(state) as conn:
        found = get(conn, original.key)
    assert found is not None
    assert not found.backfilled


def test_a_run_that_was_active_when_it_was_exported_was_last_seen_then(
    state: Engine, judge: Judge, run: Make, at: At
) -> None:
    exported = run(how="running", end=None, duration=timedelta(minutes=7))
    done = import_documents(state, [exported], seen_at=at(5000), judge=judge)
    assert done.spans == {"production": Interval(at(0), at(7))}
    with state.begin() as conn:
        assert [found.id for found in active(conn, "production")] == ["1"]
        for minute in (5001, 5002):
            gone = mark_missing(conn, RunKey("production", "import", "1"), seen_at=at(minute), judge=judge)
    assert gone is not None
    assert gone.ended == at(7)


def test_an_import_of_nothing_covers_nothing(state: Engine, judge: Judge, at: At) -> None:
    assert import_documents(state, [], seen_at=at(0), judge=judge) == Imported()
    with reading(state) as conn:
        assert cursors.coverage(conn, "production") == ()


class KilledError(Exception):
    """In the middle of the lines."""


def test_an_import_that_was_killed_half_way_claims_nothing_and_is_completed_by_the_next(
    state: Engine, judge: Judge, run: Make, at: At
) -> None:
    runs = [run(id=str(number), start=number, end=number + 1) for number in range(BATCH + 2)]

    def cut() -> Iterator[Execution]:
        yield from runs[: BATCH + 1]
        raise KilledError

    with pytest.raises(KilledError):
        import_documents(state, cut(), seen_at=at(9000), judge=judge)
    with reading(state) as conn:
        assert sum(1 for _ in iterate(conn)) == BATCH
        assert cursors.coverage(conn, "production") == ()
    assert import_documents(state, runs, seen_at=at(9000), judge=judge).stored == 2
    with reading(state) as conn:
        assert cursors.coverage(conn, "production") == (Interval(at(0), at(BATCH + 2)),)


def test_another_writer_gets_its_turn_between_two_batches(
    state: Engine, judge: Judge, run: Make, at: At
) -> None:
    other = run(job_id="other")

    def lines() -> Iterator[Execution]:
        for number in range(BATCH + 1):
            if number == BATCH:
                with state.begin() as conn:
                    store(conn, "production", [other], seen_at=at(5), backfill=False, judge=judge)
            yield run(id=str(number), start=number, end=number + 1)

    assert import_documents(state, lines(), seen_at=at(9000), judge=judge).stored == BATCH + 1
    with reading(state) as conn:
        assert get(conn, other.key) is not None
