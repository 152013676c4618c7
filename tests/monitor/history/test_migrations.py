from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, MetaData, create_engine, text

from alerts import schema as alerts
from monitor.errors import StateError
from monitor.history import schema as history
from monitor.history import stats
from monitor.history.engine import HEAD, open_state, prepare, reading
from monitor.history.executions import get
from monitor.model import RunKey


def test_the_migrations_make_the_tables_that_the_code_declares(state: Engine) -> None:
    options = {"compare_type": True, "compare_server_default": state.dialect.name == "postgresql"}
    both: Any = [history.metadata, alerts.metadata]
    with state.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts=options), both) == []


def test_the_migrations_write_the_same_text_as_the_code_on_sqlite(engine: Engine, tmp_path: Path) -> None:
    declared = create_engine(f"sqlite:///{tmp_path}/declared.db")
    for metadata in (history.metadata, alerts.metadata):
        metadata.create_all(declared)
    assert _declarations(engine) == _declarations(declared)
    declared.dispose()


def test_the_migrations_make_the_same_indexes_as_the_code_on_postgresql(
    postgres_url: str, postgres_databases: Callable[[], URL]
) -> None:
    migrated, declared = create_engine(postgres_url), create_engine(postgres_databases())
    for metadata in (history.metadata, alerts.metadata):
        metadata.create_all(declared)
    assert _indexes(migrated) == _indexes(declared)
    for engine in (migrated, declared):
        engine.dispose()


def test_the_newest_migration_is_the_one_that_the_code_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", "monitor.history:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_no_two_packages_declare_the_same_table() -> None:
    def names(metadata: MetaData) -> set[str]:
        return set(metadata.tables)

    assert not names(history.metadata) & names(alerts.metadata)


def test_a_state_of_the_first_release_opens_with_its_data(state: Engine) -> None:
    with state.begin() as conn:
        for statement in FIRST_RELEASE:
            conn.execute(text(statement))
    prepare(state)
    with reading(state) as conn:
        run = get(conn, RunKey("production", "import", "42"))
        assert run is not None
        assert (run.execution_status, run.is_final, run.backfilled) == ("finished", True, True)
        assert run.steps is not None
        assert run.steps[0].step_id == "read"
        assert [one.count for one in stats.outcomes(conn)] == [7]
        assert stats.cursors(conn)[0].first_read_done


def test_a_state_of_a_newer_release_is_left_alone(state: Engine) -> None:
    with state.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match=r"newer release \(version 9999, this one knows \d+\); upgrade"):
        prepare(state)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE outbox (id INTEGER)"))  # of another program, and in the way
    with pytest.raises(Exception, match="already exists"):
        prepare(engine)
    with reading(engine) as conn:
        tables = conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
    assert tables == ["outbox"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_that_start_together_migrate_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database == "sqlite":
        url = f"sqlite:///{tmp_path}/state.db"
    else:
        url = request.getfixturevalue("postgres_databases")().render_as_string(hide_password=False)
    engines = [open_state(url) for _ in range(4)]
    errors: list[Exception] = []

    def start(engine: Engine) -> None:
        try:
            prepare(engine)
        except Exception as error:  # noqa: BLE001 - reported by the assertion
            errors.append(error)

    threads = [threading.Thread(target=start, args=[engine]) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert not errors


def test_alembic_is_not_imported_for_a_state_that_is_up_to_date(sqlite_url: str) -> None:
    script = (
        "import sys\n"
        "from monitor.history.engine import open_state, prepare\n"
        f"prepare(open_state({sqlite_url!r}))\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def _declarations(engine: Engine) -> dict[str, str]:
    statement = text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL")
    with engine.connect() as conn:
        return {name: " ".join(sql.split()) for name, sql in conn.execute(statement)}


def _indexes(engine: Engine) -> set[str]:
    statement = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")
    with engine.connect() as conn:
        return {one for one in conn.execute(statement).scalars() if "alembic" not in one}


FIRST_RELEASE = (
    (
        "INSERT INTO cursors (instance, first_read_done, seen_until, change)"
        " VALUES ('production', true, 1795312800000000, 1)"
    ),
    (
        "INSERT INTO executions (instance, job_id, id, scope, execution_status, status, start_time, end_time,"
        " is_restart, steps, version, missing, backfilled, first_seen, last_seen, final, began_at, ended_at,"
        ' outcome, "trigger", counted, change)'
        " VALUES ('production', 'import', '42', 'Organization', 'finished', 'OK', 1795312800000000,"
        ' 1795312860000000, false, \'[{"step_id": "read", "execution_status": "finished"}]\', \'v\', 0, true,'
        " 1795312800000000, 1795312800000000, true, 1795312800000000, 1795312860000000,"
        " 'ok', 'schedule', true, 1)"
    ),
    (
        'INSERT INTO job_outcomes (instance, job_id, outcome, "trigger", count)'
        " VALUES ('production', 'import', 'ok', 'schedule', 7)"
    ),
)
"""Rows as release 0.1 wrote them; kept as text, never touched again."""
