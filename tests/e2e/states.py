"""Databases whose content can be kept and put back, for tests that begin the same night again and again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Table, delete, insert, select

from alerts import schema as alerts
from monitor.history import schema as history
from monitor.history.engine import open_state

_TABLES: tuple[Table, ...] = (*history.metadata.sorted_tables, *alerts.metadata.sorted_tables)


class SqliteState:
    """A file; empty: a prepared one. In memory where that is possible: a kill ends no machine."""

    def __init__(self, empty: Path) -> None:
        memory = Path("/dev/shm")
        self._place = TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self._file = Path(self._place.name) / "state.db"
        self.url = f"sqlite:///{self._file}"
        shutil.copyfile(empty, self._kept("empty"))
        self.empty()

    def empty(self) -> None:
        self.restore("empty")

    def keep(self, name: str) -> None:
        with closing(sqlite3.connect(self._file)) as live, closing(sqlite3.connect(self._kept(name))) as kept:
            live.backup(kept)

    def restore(self, name: str) -> None:
        for left in self._file.parent.glob(f"{self._file.name}*"):
            left.unlink()
        shutil.copyfile(self._kept(name), self._file)

    def close(self) -> None:
        self._place.cleanup()

    def _kept(self, name: str) -> Path:
        return self._file.with_name(f"kept-{name}.db")


class PostgresState:
    """A database; url: of a prepared one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_state(url)
        self._kept: dict[str, list[tuple[Table, list[dict[str, Any]]]]] = {}

    def empty(self) -> None:
        with self._engine.begin() as connection:
            for table in reversed(_TABLES):
                connection.execute(delete(table))

    def keep(self, name: str) -> None:
        with self._engine.begin() as connection:
            rows = [(table, connection.execute(select(table)).mappings().all()) for table in _TABLES]
        self._kept[name] = [(table, [dict(row) for row in found]) for table, found in rows if found]

    def restore(self, name: str) -> None:
        self.empty()
        with self._engine.begin() as connection:
            for table, rows in self._kept[name]:
                connection.execute(insert(table), rows)

    def close(self) -> None:
        self._engine.dispose()
