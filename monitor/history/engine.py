"""Opens the state: one SQLite file, or a PostgreSQL database for several replicas.

Every transaction that may write takes SQLite's write lock at its first statement (`BEGIN IMMEDIATE`):
with the driver's own rules, reading and then writing in one transaction loses updates without an error.
Readers use `reading`, which waits for nobody.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from alerts import schema as alerts
from monitor.errors import StateError
from monitor.history import schema as history
from monitor.history.trouble import place, state_errors

__all__ = ["HEAD", "is_reading", "migrate", "open_state", "place", "prepare", "reading", "state_errors"]

HEAD = "0001"
"""The newest revision in `migrations/versions`."""

BUSY_TIMEOUT = 10.0
"""Seconds a writer waits for another one on SQLite."""

_PAUSE = 0.05
"""Seconds between two tries where SQLite does not wait by itself."""

_READING = "state_reading"
_READING_OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite": {_READING: True},
    "postgresql": {_READING: True, "postgresql_readonly": True, "isolation_level": "REPEATABLE READ"},
}
_MIGRATION_LOCK = 0x5FCC_10B5
"""Key of PostgreSQL's advisory lock: any constant that no other program in that database uses."""

_POSTGRES_OPTIONS: dict[str, Any] = {
    "application_name": "sfcc-job-monitor",
    "connect_timeout": 10,  # seconds
    # Without these a vanished server is noticed after two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}


def open_state(url: str) -> Engine:
    """An engine for the state at this URL; nothing is connected yet, see `prepare`.

    For SQLite the file and its directory are created when missing, readable by their owner alone.
    """
    parsed = _parse(url)
    with state_errors(parsed):
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed)
        return _open_postgres(parsed)


def prepare(engine: Engine) -> None:
    """Bring the tables to this release's version; cheap when they are there already."""
    with state_errors(engine.url):
        with reading(engine) as conn:
            version = _version(conn)
        _refuse_newer(engine, version)
        if version != HEAD:
            _bring_up(engine)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment of the state, cannot write and never waits for a writer."""
    with engine.connect() as conn:
        conn.execution_options(**_READING_OPTIONS[engine.dialect.name])
        with conn.begin():
            yield conn


def is_reading(conn: Connection) -> bool:
    """Whether its transaction is one of `reading`."""
    return bool(conn.get_execution_options().get(_READING, False))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The parser's own words may hold the password.
        raise StateError(f"state: not a database URL; {_EXAMPLES}") from None
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise StateError(f"state: {parsed.drivername!r} is no database this program can use; {_EXAMPLES}")
    return parsed


_EXAMPLES = "use sqlite:////var/lib/sfcc-job-monitor/state.db or postgresql+psycopg://user@host/database"


def _open_sqlite(url: URL) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise StateError(f"state {place(url)}: names no file, and the history must outlive the process")
    if not str(url.database).startswith("file:"):
        _create_private(Path(str(url.database)), url)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT}, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    if not str(url.database).startswith("file:"):
        file = _StateFile(Path(str(url.database)))
        event.listen(engine, "do_connect", file.check)
        event.listen(engine, "connect", file.remember)
        event.listen(engine, "begin", file.check)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class _StateFile:
    """Notices that the file was deleted or replaced while it is in use.

    SQLite goes on with what it has opened: all would look well, and be gone with the process. A new
    connection would make an empty file instead, or work on another history than the old ones.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None

    def remember(self, *_: object) -> None:
        self._known = self._known or self._identity()

    def check(self, *_: object) -> None:
        """Raises what SQLite itself does where it looks for that: an OperationalError like any other."""
        if self._known is None or self._identity() == self._known:
            return
        what = "was replaced" if self._path.exists() else "is gone"
        error = sqlite3.OperationalError(f"its file {what} while it was in use")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY_DBMOVED
        raise OperationalError(None, None, error)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _create_private(path: Path, url: URL) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StateError(
            f"state {place(url)}: {error.strerror or error}; "
            "check that its directory exists and that this user may write there"
        ) from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # commits survive a loss of power
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Nothing to do but for a new file.

    While another process does it, SQLite fails without waiting; where one holds the file for itself alone,
    each try waits by itself.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT / 2  # after one try that waited there is no other
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _begin_sqlite(conn: Connection) -> None:
    reads = is_reading(conn)
    conn.exec_driver_sql(f"PRAGMA query_only = {int(reads)}")
    conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _open_postgres(url: URL) -> Engine:
    options = {name: value for name, value in _POSTGRES_OPTIONS.items() if name not in url.query}
    try:
        return create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
    except ImportError as error:
        raise StateError(
            f"state {place(url)}: the driver for PostgreSQL is missing; "
            "install it with: pip install 'sfcc-job-monitor[postgres]'"
        ) from error


def _version(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(engine: Engine, version: str | None) -> None:
    if version is not None and version > HEAD:
        raise StateError(
            f"state {place(engine.url)}: written by a newer release "
            f"(version {version}, this one knows {HEAD}); "
            "upgrade sfcc-job-monitor, or restore the backup made before the upgrade"
        )


def _bring_up(engine: Engine) -> None:
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        version = _version(conn)
        if version is None:
            _create(conn)
        elif version != HEAD:  # else another process was quicker
            migrate(conn)


def _create(conn: Connection) -> None:
    """What the migrations would make of nothing, without Alembic: it would stay in memory."""
    for metadata in (history.metadata, alerts.metadata):
        metadata.create_all(conn, checkfirst=False)
    conn.execute(text(_VERSION_TABLE))
    conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


_VERSION_TABLE = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""


def migrate(conn: Connection) -> None:
    """By the migrations, from whatever version there is."""
    # Alembic costs 200 ms and 10 MB to import, and is needed once a release.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "monitor.history:migrations")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
