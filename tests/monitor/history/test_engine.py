from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from monitor.history.engine import open_state, prepare, reading


def test_a_new_state_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "for it" / "state.db"
    prepare(open_state(f"sqlite:///{path}"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("busy_timeout", 10_000), ("foreign_keys", 1)],
)
def test_sqlite_is_set_up_to_keep_commits_and_to_wait(engine: Engine, setting: str, value: str | int) -> None:
    with engine.connect() as conn:
        assert conn.exec_driver_sql(f"PRAGMA {setting}").scalar_one() == value


def test_reading_and_then_writing_in_threads_loses_no_update(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO cursors (instance, change) VALUES ('production', 0)"))

    def add() -> None:
        for _ in range(25):
            with engine.begin() as conn:
                number = conn.execute(text("SELECT change FROM cursors")).scalar_one()
                conn.execute(text("UPDATE cursors SET change = :next"), {"next": number + 1})

    _in_threads(*[add] * 4)
    with reading(engine) as conn:
        assert conn.execute(text("SELECT change FROM cursors")).scalar_one() == 100


def test_a_reader_waits_for_no_writer_and_sees_one_moment(state: Engine) -> None:
    count = text("SELECT count(*) FROM cursors")
    add = text("INSERT INTO cursors (instance) VALUES (:name)")
    with state.begin() as writer:
        writer.execute(add, {"name": "first"})
        with reading(state) as reader:
            assert reader.execute(count).scalar_one() == 0
            writer.commit()
            assert reader.execute(count).scalar_one() == 0
    with reading(state) as reader:
        assert reader.execute(count).scalar_one() == 1


def test_a_reader_cannot_write_and_leaves_a_connection_that_can(state: Engine) -> None:
    add = text("INSERT INTO cursors (instance) VALUES ('production')")
    with pytest.raises(Exception, match=r"readonly|read-only"), reading(state) as conn:
        conn.execute(add)
    with state.begin() as conn:
        assert conn.execute(add).rowcount == 1


def test_a_second_writer_waits_instead_of_failing(engine: Engine) -> None:
    has_lock, errors = threading.Event(), []

    def hold() -> None:
        with engine.begin():
            has_lock.set()
            threading.Event().wait(0.2)

    def write() -> None:
        has_lock.wait()
        try:
            with engine.begin() as conn:
                conn.execute(text("INSERT INTO cursors (instance) VALUES ('production')"))
        except OperationalError as error:
            errors.append(error)

    _in_threads(hold, write)
    assert not errors


def _in_threads(*work: object) -> None:
    threads = [threading.Thread(target=item) for item in work]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
