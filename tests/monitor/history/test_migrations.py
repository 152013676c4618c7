from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, MetaData, text

from alerts import schema as alerts
from monitor.errors import StateError
from monitor.history import schema as history
from monitor.history import stats
from monitor.history.engine import HEAD, migrate, open_state, prepare, reading
from monitor.history.executions import get
from monitor.model import RunKey


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, databases: Callable[[str], str]) -> Iterator[Engine]:
    """Made by the migrations alone, once on each database."""
    engine = open_state(databases(request.param))
    by_migrations(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def databases(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Addresses of empty ones, by the kind."""
    numbers = itertools.count(1)

    def empty(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/empty_{next(numbers)}.db"
        create: Callable[[], URL] = request.getfixturevalue("postgres_databases")
        return create().render_as_string(hide_password=False)

    return empty


def test_the_migrations_make_the_tables_that_the_code_declares(migrated: Engine) -> None:
    options = {"compare_type": True, "compare_server_default": migrated.dialect.name == "postgresql"}
    both: Any = [history.metadata, alerts.metadata]
    with migrated.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts=options), both) == []


def test_a_new_state_is_to_the_letter_what_the_migrations_make(
    migrated: Engine, databases: Callable[[str], str]
) -> None:
    new = open_state(databases(migrated.dialect.name))
    prepare(new)
    assert _made(new) == _made(migrated)
    new.dispose()


def test_a_migrated_state_needs_nothing_more(migrated: Engine) -> None:
    before = _made(migrated)
    prepare(migrated)
    assert _made(migrated) == before


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


def by_migrations(engine: Engine) -> None:
    with engine.begin() as conn:
        migrate(conn)


@pytest.mark.parametrize("make", [prepare, by_migrations])
def test_what_fails_leaves_nothing_behind(make: Callable[[Engine], None], tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE outbox (id INTEGER)"))  # of another program, and in the way
    with pytest.raises(Exception, match="already exists"):
        make(engine)
    with reading(engine) as conn:
        tables = conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
    assert tables == ["outbox"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_that_start_together_make_it_once(database: str, databases: Callable[[str], str]) -> None:
    url = databases(database)
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


@pytest.mark.parametrize("how", ["new", "up to date"])
def test_neither_alembic_nor_the_other_database_is_loaded(
    how: str, sqlite_url: str, databases: Callable[[str], str]
) -> None:
    script = (
        "import sys\n"
        "import monitor.app\n"
        "from monitor.history.engine import open_state, prepare\n"
        f"prepare(open_state({databases('sqlite') if how == 'new' else sqlite_url!r}))\n"
        "print(*{'alembic', 'sqlalchemy.dialects.postgresql'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True)
    assert found.stdout.split() == []


def _made(engine: Engine) -> set[tuple[Any, ...]]:
    """Tables, columns, indexes and constraints, and which version they are said to be."""
    with engine.connect() as conn:
        found = {
            tuple(" ".join(str(value).split()) for value in row)
            for query in _MADE[engine.dialect.name]
            for row in conn.execute(text(query))
        }
    assert (HEAD,) in found
    return found


_MADE = {
    "sqlite": (
        "SELECT version_num FROM alembic_version",
        "SELECT name, sql FROM sqlite_master",
    ),
    "postgresql": (
        "SELECT version_num FROM alembic_version",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        """
        SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        """,
        """
        SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable,
            column_default
        FROM information_schema.columns WHERE table_schema = 'public'
        """,
    ),
}


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
