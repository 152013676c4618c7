from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from monitor.errors import StateError
from monitor.history.engine import open_state, place, prepare, state_errors

SECRET = "s3cret-word"


def _replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copyfile(path, other)
    other.replace(path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("state.db", "not a database URL", id="a bare path"),
        pytest.param(f"postgresql://user:{SECRET}@host:x/db", "not a database URL", id="a port in letters"),
        pytest.param(f"mysql://user:{SECRET}@host/db", "'mysql' is no database", id="another database"),
        pytest.param("sqlite://", "names no file", id="a state in memory"),
        pytest.param("sqlite:///:memory:", "names no file", id="a state in memory by name"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_what_to_write(url: str, said: str) -> None:
    with pytest.raises(StateError, match=said) as caught:
        open_state(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param(
            f"postgresql+psycopg://ann:{SECRET}@db:5432/jobs",
            "postgresql+psycopg://ann:***@db:5432/jobs",
            id="a password before the host",
        ),
        pytest.param(
            f"postgresql://ann@/jobs?host=/run/pg&password={SECRET}",
            "postgresql://ann@/jobs?host=%2Frun%2Fpg",
            id="a password among the options",
        ),
        pytest.param("sqlite:////var/lib/state.db", "sqlite:////var/lib/state.db", id="a file"),
        pytest.param(SECRET, "(unreadable address)", id="anything else"),
    ],
)
def test_a_state_is_named_without_its_password(url: str, shown: str) -> None:
    assert place(url) == shown


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"file/state\.db: .*check that its directory exists"):
        open_state(f"sqlite:///{tmp_path}/file/state.db")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("Dear diary, " * 100)
    with pytest.raises(StateError, match=r"state\.db: file is not a database; .*SFCC_MONITOR_STATE"):
        prepare(open_state(f"sqlite:///{path}"))


def test_a_state_that_takes_no_writes_says_so(sqlite_url: str) -> None:
    engine = open_state(sqlite_url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true")
    with pytest.raises(StateError, match="readonly database; give this user write access"):
        _write(engine)


def test_a_full_disk_is_named(engine: Engine) -> None:
    _on_connect(engine, "PRAGMA max_page_count = 1")
    with (
        pytest.raises(StateError, match="full; free some space"),
        state_errors(engine.url),
        engine.begin() as conn,
    ):
        conn.execute(text("INSERT INTO cursors (instance) VALUES (:name)"), {"name": "x" * 1_000_000})


def test_a_lock_held_by_another_process_is_named(engine: Engine) -> None:
    _on_connect(engine, "PRAGMA busy_timeout = 1")
    with engine.begin(), pytest.raises(StateError, match="locked; another process holds it"):
        _write(engine)


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        pytest.param(lambda path: path.unlink(), "its file is gone", id="deleted"),
        pytest.param(lambda path: path.rename(path.with_name("x")), "its file is gone", id="moved"),
        pytest.param(_replace, "its file was replaced", id="replaced"),
    ],
)
def test_a_file_that_goes_away_is_named_and_none_made_in_its_place(
    engine: Engine, fate: Callable[[Path], object], said: str
) -> None:
    path = Path(str(engine.url.database))
    _write(engine, "before")
    fate(path)
    there = path.exists()
    for _ in range(2):
        with pytest.raises(StateError, match=f"{said} while it was in use; put the file back"):
            _write(engine)
    engine.dispose()
    with pytest.raises(StateError, match=said):
        _write(engine)
    assert path.exists() is there


def test_a_file_that_is_back_is_used_again(engine: Engine) -> None:
    path = Path(str(engine.url.database))
    _write(engine, "before")
    path.rename(path.with_name("aside"))
    with pytest.raises(StateError):
        _write(engine, "meanwhile")
    path.with_name("aside").rename(path)
    _write(engine, "after")
    with engine.connect() as conn:
        assert conn.execute(text("SELECT instance FROM cursors ORDER BY 1")).scalars().all() == [
            "after",
            "before",
        ]


def test_a_wrong_statement_stays_the_bug_it_is(state: Engine) -> None:
    with pytest.raises(IntegrityError), state_errors(state.url), state.begin() as conn:
        conn.execute(text("INSERT INTO cursors (instance) VALUES (NULL)"))


def test_a_missing_table_on_sqlite_stays_the_bug_it_is(engine: Engine) -> None:
    with pytest.raises(OperationalError), state_errors(engine.url), engine.begin() as conn:
        conn.execute(text("SELECT * FROM nowhere"))


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    engine = open_state(f"postgresql://ann:{SECRET}@/jobs?host={tmp_path}")
    with pytest.raises(StateError, match="check that the server is up") as caught:
        prepare(engine)
    assert SECRET not in str(caught.value)


def test_an_option_that_the_driver_repeats_in_its_error_is_hidden(tmp_path: Path) -> None:
    engine = open_state(f"postgresql://ann@/jobs?host={tmp_path}&target_session_attrs={SECRET}")
    with pytest.raises(StateError, match=r"\*\*\*") as caught:
        prepare(engine)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"database": "nowhere"}, "create the database", id="no such database"),
        pytest.param({"username": "nobody"}, "check user and password", id="no such user"),
    ],
)
def test_what_the_server_refuses_is_said_with_what_to_do(
    postgres: URL, change: dict[str, str], said: str
) -> None:
    url = postgres.set(password=SECRET).set(**change)  # type: ignore[arg-type]
    with pytest.raises(StateError, match=said) as caught:
        prepare(open_state(url.render_as_string(hide_password=False)))
    assert SECRET not in str(caught.value)


def test_a_user_without_rights_is_told_which_are_needed(postgres_url: str) -> None:
    owner = open_state(postgres_url)
    with owner.begin() as conn:
        conn.execute(text("CREATE ROLE guest LOGIN"))
    guest = open_state(owner.url.set(username="guest").render_as_string(hide_password=False))
    with pytest.raises(StateError, match=r"permission denied.*grant this user all rights"):
        prepare(guest)
    for engine in (guest, owner):
        engine.dispose()


def test_a_missing_driver_is_named_with_how_to_install_it() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from monitor.history.engine import open_state\n"
        f"open_state('postgresql://ann:{SECRET}@host/jobs')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert "pip install 'sfcc-job-monitor[postgres]'" in last
    assert SECRET not in done.stderr


def _write(engine: Engine, name: str = "production") -> None:
    with state_errors(engine.url), engine.begin() as conn:
        conn.execute(text("INSERT INTO cursors (instance) VALUES (:name)"), {"name": name})


def _on_connect(engine: Engine, statement: str) -> None:
    event.listen(engine, "connect", lambda conn, _: conn.execute(statement))
