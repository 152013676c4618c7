"""Database errors in words: where, what, and what to do about it.

Only what a person can act on becomes a `StateError`; a wrong statement stays the bug it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from monitor.errors import StateError

_SHOWN_OPTIONS = frozenset({"host", "port", "sslmode"})

_HELD = "another process holds it: stop a second agent, a backup or an open SQLite shell"

_SQLITE_REMEDIES: Mapping[int, str] = {
    sqlite3.SQLITE_READONLY_DBMOVED: "put the file back that was there, or start the agent anew to go on "
    "with what is there now",
    sqlite3.SQLITE_CANTOPEN: "check that its directory exists and that this user may write there",
    sqlite3.SQLITE_PERM: "give this user access to the file and its directory",
    sqlite3.SQLITE_READONLY: "give this user write access to the file and its directory",
    sqlite3.SQLITE_FULL: "free some space on its disk, or move the state elsewhere",
    sqlite3.SQLITE_IOERR: "check its disk and the room on it; a network file system is no place for SQLite",
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_PROTOCOL: _HELD,
    sqlite3.SQLITE_NOTADB: "this file is something else: set SFCC_MONITOR_STATE to another path",
    sqlite3.SQLITE_CORRUPT: "restore a backup, or move the file away and start with an empty history",
}
"""By result code, the extended one first."""

_POSTGRES_REMEDIES: Mapping[str, str] = {
    "28": "check user and password in SFCC_MONITOR_STATE, and the server's pg_hba.conf",
    "3D": "create the database, or correct its name in SFCC_MONITOR_STATE",
    "42501": "grant this user all rights on the schema of the state",
    "25006": "this server takes no writes: point SFCC_MONITOR_STATE to the primary",
    "53100": "free some space on the server's disk",
    "53": "the server is at a limit: look into its log, raise max_connections or its memory",
    "55P03": "another session holds a lock: look into pg_stat_activity",
    "40": "two writers met; the next try usually succeeds",
    "57": "the server is stopping or was restarted; the next try usually succeeds",
    "08": "check that the server is up and can be reached from here",
}
"""By SQLSTATE or its class; the longer one wins."""

_POSTGRES_WORDS: Mapping[str, str] = {
    "password": "28",
    "pg_hba.conf": "28",
    "authentication": "28",
    'role "': "28",
    'database "': "3D",
    "too many": "53",
    "starting up": "57",
    "shutting down": "57",
}
"""A refused connection comes without SQLSTATE: what the server said tells the class."""


@contextmanager
def state_errors(url: str | URL) -> Iterator[None]:
    """Turn what goes wrong with the database inside into a `StateError` fit to show."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StateError(f"state {place(url)}: all its connections are busy; try again") from error
    except DBAPIError as error:
        remedy = _remedy(error)
        if remedy is None:
            raise
        raise StateError(f"state {place(url)}: {_said(error, url)}; {remedy}") from error


def place(url: str | URL) -> str:
    """The address of a state as it may be shown: no password, whether before the host or in an option."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "(unreadable address)"
    shown = {name: value for name, value in parsed.query.items() if name in _SHOWN_OPTIONS}
    return parsed.set(query=shown).render_as_string(hide_password=True)


def _remedy(error: DBAPIError) -> str | None:
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", 0)
        return _SQLITE_REMEDIES.get(code) or _SQLITE_REMEDIES.get(code & 0xFF)
    state = getattr(error.orig, "sqlstate", None) or _state_by_words(str(error.orig))
    for length in (5, 2):
        if (remedy := _POSTGRES_REMEDIES.get(state[:length])) is not None:
            return remedy
    return None


def _state_by_words(message: str) -> str:
    return next((state for word, state in _POSTGRES_WORDS.items() if word in message), "08")


def _said(error: DBAPIError, url: str | URL) -> str:
    text = " ".join(str(error.orig).split())
    for secret in _secrets(make_url(url)):
        text = text.replace(secret, "***")
    return text


def _secrets(url: URL) -> list[str]:
    hidden = [value for name, value in url.query.items() if name not in _SHOWN_OPTIONS]
    values = [url.password, *(value for value in hidden if isinstance(value, str))]
    return [value for value in values if value]
