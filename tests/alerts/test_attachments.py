"""Files kept for messages, on both databases, and the worker's step that fetches them."""

from __future__ import annotations

import logging
import random
import threading
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
    assert note == "not there in time, tried again (It is not there yet.)"


@pytest.mark.parametrize("settle", [attachments.failed, attachments.later])
def test_a_reason_does_not_say_again_that_there_is_no_log(
    conn: Connection, settle: Callable[[Connection, str, str, datetime], None]
) -> None:
    attachments.want(conn, ["log"], NOON)
    settle(conn, "log", "no log: the client may not read it", NOON)

    assert "no log" not in attachments.load(conn, ["log"])["log"].note


def test_what_it_is_of_and_how_to_get_it_is_known_before_the_file_is(conn: Connection) -> None:
    attachments.want(conn, ["log"], NOON, about=lambda ref: f"run {ref}", how=lambda ref: f"show {ref}")
    before = attachments.load(conn, ["log"])["log"]
    attachments.stored(conn, LOG, NOON)
    after = attachments.load(conn, ["log"])["log"]

    assert (before.about, before.how) == (after.about, after.how) == ("run log", "show log")


def test_that_a_file_is_there_can_be_known_without_reading_it(conn: Connection) -> None:
    attachments.want(conn, ["log", "other"], NOON)
    attachments.stored(conn, LOG, NOON)

    found = attachments.load(conn, ["log", "other"], content=False)

    assert (found["log"].content, found["log"].lines, found["other"].content) == (b"", ("line",), None)


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


def test_a_file_is_held_longer_than_any_reading_takes_and_then_tried_by_another(conn: Connection) -> None:
    attachments.want(conn, ["log"], NOON)
    attachments.due(conn, NOON)

    assert timedelta(minutes=5) <= attachments.HOLD
    assert attachments.due(conn, NOON + attachments.HOLD - SECOND) == []
    assert attachments.due(conn, NOON + attachments.HOLD) == ["log"]


def test_a_clock_set_back_does_not_hold_up_a_file(conn: Connection) -> None:
    attachments.want(conn, ["log"], NOON)

    assert attachments.due(conn, NOON - timedelta(minutes=10)) == []
    assert attachments.due(conn, NOON - timedelta(minutes=10, seconds=1)) == ["log"]


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


def test_files_are_fetched_at_the_same_time_and_a_slow_one_holds_up_none(wanted: Engine) -> None:
    together = threading.Barrier(2, timeout=10)

    def fetch(ref: str) -> Attachment:
        together.wait()
        return Attachment(ref, "", b"x")

    assert attachments.fetch_due(wanted, fetch, Clock(), workers=2) == 2


class Stopped(Exception):  # noqa: N818 - reads as what happened
    pass


def test_what_was_interrupted_is_given_back_untried_and_nothing_else_is_begun(wanted: Engine) -> None:
    tried: list[str] = []

    def fetch(ref: str) -> Attachment:
        tried.append(ref)
        raise Stopped

    clock = Clock()
    assert attachments.fetch_due(wanted, fetch, clock, workers=1, stop_on=(Stopped,)) == 1
    assert tried == ["log"]
    with wanted.begin() as conn:
        assert attachments.load(conn, ["log"])["log"].note == "not there in time, tried again"
        assert attachments.due(conn, clock.at) == ["log", "other"]


def test_a_worker_that_is_told_to_stop_begins_nothing(wanted: Engine) -> None:
    assert attachments.fetch_due(wanted, fails(FetchFailed("x")), Clock(), stopping=lambda: True) == 0


def test_a_turn_begins_no_more_than_its_limit(wanted: Engine) -> None:
    assert attachments.fetch_due(wanted, fails(FetchFailed("x")), Clock(), limit=1) == 1


def test_a_turn_ends_after_some_minutes_so_that_the_caller_is_heard_of(wanted: Engine) -> None:
    clock = Clock()

    def fetch(ref: str) -> Attachment:
        clock.at += attachments.TURN
        return Attachment(ref, "", b"x")

    assert attachments.fetch_due(wanted, fetch, clock, workers=1) == 1
    assert attachments.fetch_due(wanted, fetch, clock, workers=1) == 1


def test_workers_on_either_database_fetch_each_file_once(state: Engine) -> None:
    refs = [f"log-{number:02}" for number in range(20)]
    with state.begin() as conn:
        attachments.want(conn, refs, NOON)
    fetched: list[str] = []

    def fetch(ref: str) -> Attachment:
        fetched.append(ref)
        return Attachment(ref, "", b"x")

    assert attachments.fetch_due(state, fetch, Clock()) == 20
    assert sorted(fetched) == refs


def test_a_file_is_tried_again_when_its_time_has_come(wanted: Engine) -> None:
    clock = Clock()
    attachments.fetch_due(wanted, fails(FetchFailed("away")), clock)
    clock.at += 4 * SECOND
    assert attachments.fetch_due(wanted, fails(FetchFailed("away")), clock) == 0
    clock.at += SECOND
    assert attachments.fetch_due(wanted, fails(FetchFailed("away")), clock) == 1
