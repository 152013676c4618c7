from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from monitor.history.executions import Judge, get, store
from monitor.model import Execution, ExitStatus, Step

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive, values are not
SPANS = st.timedeltas(timedelta(), timedelta(days=3000))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
EXITS = st.builds(ExitStatus, TEXTS, TEXTS, st.sampled_from(["ok", "error"]))
STEPS = st.builds(
    Step,
    step_id=TEXTS,
    id=st.none() | TEXTS,
    step_type_id=st.none() | TEXTS,
    scope=st.none() | TEXTS,
    execution_status=TEXTS,
    exit_status=st.none() | EXITS,
    status=st.none() | TEXTS,
    start_time=st.none() | INSTANTS,
    end_time=st.none() | INSTANTS,
    duration=st.none() | SPANS,
)
RUNS = st.builds(
    Execution,
    instance=st.just("production"),
    job_id=TEXTS,
    id=TEXTS,
    scope=TEXTS,
    execution_status=st.sampled_from(["running", "finished", "aborted", "retried", "pending", "novel"]),
    status=st.none() | TEXTS,
    exit_status=st.none() | EXITS,
    start_time=st.none() | INSTANTS,
    end_time=st.none() | INSTANTS,
    creation_date=st.none() | INSTANTS,
    last_modified=st.none() | INSTANTS,
    duration=st.none() | SPANS,
    user_login=st.none() | TEXTS,
    client_id=st.none() | TEXTS,
    is_restart=st.booleans(),
    current_retry_attempt=st.none() | st.integers(0, 9),
    max_retries=st.none() | st.integers(0, 9),
    log_file_path=st.none() | TEXTS,
    is_log_file_existing=st.none() | st.booleans(),
    steps=st.none() | st.lists(STEPS, max_size=3).map(tuple),
    version=TEXTS,
    missing=st.just(0),
    first_seen=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    last_seen=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=RUNS)
def test_a_run_comes_out_of_the_state_as_it_went_in(
    state: Engine, judge: Judge, empty: Callable[[Connection], None], run: Execution
) -> None:
    with state.begin() as conn:
        empty(conn)
        seen_at = run.first_seen
        assert seen_at is not None
        store(conn, "production", [run], seen_at=seen_at, backfill=False, judge=judge)
        assert get(conn, run.key) == run
