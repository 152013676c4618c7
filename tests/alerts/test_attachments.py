"""Files kept for messages, on both databases, and the worker's step that fetches them."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine

from alerts import attachments
from alerts.model import Attachment, AttachmentState, FetchFailed

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LOG = Attachment("log", "job.log", b"line\n" * 1000, ("line",), "2 secrets masked", 2)


@pytest.fixture
def conn(state: Engine) -> Iterator[Connection]:
    with state.begin() as conn:
        yield conn


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


def state_of(conn: Connection, ref: str = "log") -> AttachmentState:
    return attachments.states(conn, [ref])[ref]


def test_asking_twice_asks_once(conn: Connection) -> None:
    attachments.want(conn, ["log", "log"], NOON)
    attachments.stored(conn, LOG, NOON)
    attachments.want(conn, ["log"], NOON + SECOND)

    assert state_of(conn) is AttachmentState.STORED


def test_a_stored_file_comes_back_as_it_was(conn: Connection) -> None:
    attachments.want(conn, ["log"], NOON)
    attachments.stored(conn, LOG, NOON)

    assert attachments.load(conn, ["log", "unknown"]) == {"log": LOG}


def test_a_file_that_cannot_be_had_says_why(conn: Connection) -> None:
    attachments.want(conn, ["log"], NOON)
    attachments.failed(conn, "log", "The platform has moved it away.", NOON)

    assert attachments.load(conn, ["log"]) == {
        "log": Attachment("log", "", None, (), "The platform has moved it away.")
    }


def test_a_file_not_fetched_yet_says_so(conn: Connection) -> None:
    attachments.want(conn, ["log"], NOON)
    attachments.later(conn, "log", "It is not there yet.", NOON)

    note = attachments.load(conn, ["log"])["log"].note
    assert note == "It could not be fetched in time and is tried again. It is not there yet."


def test_a_file_too_large_to_keep_leaves_its_lines_and_says_so(conn: Connection) -> None:
    noise = random.Random(1).randbytes(attachments.MAX_STORED + 1)  # cannot be compressed
    attachments.want(conn, ["log"], NOON)
    attachments.stored(conn, Attachment("log", "job.log", noise, ("line",)), NOON)

    found = attachments.load(conn, ["log"])["log"]
    assert (found.content, found.lines) == (None, ("line",))
    assert "not kept" in found.note


def test_a_file_is_given_to_one_worker_at_a_time(conn: Connection) -> None:
    attachments.want(conn, ["a", "b", "c"], NOON)

    assert attachments.due(conn, NOON, limit=2) == ["a", "b"]
    assert attachments.due(conn, NOON) == ["c"]
    assert attachments.due(conn, NOON) == []


def test_gaps_between_tries_grow_to_ten_minutes_and_end_some_time(engine: Engine) -> None:
    now, gaps = NOON, []
    with engine.begin() as conn:
        attachments.want(conn, ["log"], NOON)
        while state_of(conn) is AttachmentState.WANTED:
            attachments.later(conn, "log", "not yet", now)
            before = now
            while state_of(conn) is AttachmentState.WANTED and not attachments.due(conn, now):
                now += 5 * SECOND
            gaps.append((now - before).total_seconds())

    assert gaps[:4] == [5, 10, 20, 40]
    assert max(gaps) == 600
    assert sum(gaps) > 5 * 3600


def test_pruning_keeps_what_is_still_wanted(conn: Connection) -> None:
    attachments.want(conn, ["log", "other"], NOON)
    attachments.stored(conn, LOG, NOON)

    assert attachments.prune(conn, NOON) == 0
    assert attachments.prune(conn, NOON + SECOND) == 1
    assert set(attachments.states(conn, ["log", "other"])) == {"other"}


def fails(error: Exception) -> Callable[[str], Attachment]:
    def fetch(ref: str) -> Attachment:
        if ref == "log":
            raise error
        return Attachment(ref, "", b"x")

    return fetch


@pytest.fixture
def wanted(engine: Engine) -> Engine:
    with engine.begin() as conn:
        attachments.want(conn, ["log", "other"], NOON)
    return engine


def test_the_worker_stores_what_it_fetches_and_has_no_transaction_open_meanwhile(wanted: Engine) -> None:
    def fetch(ref: str) -> Attachment:
        with wanted.begin() as conn:  # would wait for ever for an open transaction
            assert state_of(conn, ref) is AttachmentState.WANTED
        return Attachment(ref, "job.log", b"text")

    assert attachments.fetch_due(wanted, fetch, Clock()) == 2
    assert attachments.fetch_due(wanted, fetch, Clock()) == 0
    with wanted.begin() as conn:
        assert state_of(conn) is AttachmentState.STORED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(FetchFailed("no log", final=True), AttachmentState.FAILED, id="asking again is useless"),
        pytest.param(FetchFailed("away"), AttachmentState.WANTED, id="asking again may help"),
        pytest.param(ValueError("bug"), AttachmentState.WANTED, id="an unforeseen error"),
    ],
)
def test_a_file_that_fails_does_not_stop_the_others(
    wanted: Engine, error: Exception, expected: AttachmentState, caplog: pytest.LogCaptureFixture
) -> None:
    attachments.fetch_due(wanted, fails(error), Clock())

    with wanted.begin() as conn:
        found = attachments.states(conn, ["log", "other"])
    assert found == {"log": expected, "other": AttachmentState.STORED}
    unforeseen = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert bool(unforeseen) == isinstance(error, ValueError)


def test_a_file_is_tried_again_when_its_time_has_come(wanted: Engine) -> None:
    clock = Clock()
    attachments.fetch_due(wanted, fails(FetchFailed("away")), clock)
    clock.at += 4 * SECOND
    assert attachments.fetch_due(wanted, fails(FetchFailed("away")), clock) == 0
    clock.at += SECOND
    assert attachments.fetch_due(wanted, fails(FetchFailed("away")), clock) == 1
