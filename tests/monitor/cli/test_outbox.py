"""`outbox`: what waits and what was given up is listed, sent again, or dropped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alerts import outbox
from alerts.model import Notification, NotificationKind
from alerts.testing import incident
from alerts.verdict import Tries
from tests.monitor.cli.conftest import Say

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def rows(engine: Engine) -> Engine:
    """1 waits for ops, 2 was given up by mail, 3 was taken by ops."""
    told = Notification("n1", "g", NotificationKind.FIRST, NOW, NOW, (incident(), incident("stock")))
    later = Notification("n2", "h", NotificationKind.FIRST, NOW, NOW, (incident("stock"),))
    with engine.begin() as conn:
        outbox.put(conn, told, ["ops", "mail"], NOW)
        outbox.put(conn, later, ["ops"], NOW)
        given_up = outbox.claim(conn, "mail", "me", NOW)
        assert given_up is not None
        outbox.dead(conn, given_up.id, "me", NOW, Tries(NOW, attempts=5), "refused 5 times")
        outbox.sent(conn, 3, NOW, 1)
    return engine


def states(rows: Engine) -> dict[int, str]:
    with rows.begin() as conn:
        return {one.id: one.state.value for one in outbox.listing(conn, list(outbox.RowState))}


@pytest.mark.usefixtures("rows")
def test_what_was_not_taken_is_listed_with_the_reason(say: Say) -> None:
    found = json.loads(say("outbox", "list", "-o", "json").out)
    assert [(one["id"], one["target"], one["state"], one["last_error"]) for one in found] == [
        (2, "mail", "dead", "refused 5 times"),
        (1, "ops", "pending", None),
    ]
    assert found[0]["what"] == "failed import-prices on production and 1 more"
    assert say("outbox", "list", "--exit-code").code == 1
    assert say("outbox", "list", "--state", "sent", "--exit-code").code == 0


@pytest.mark.usefixtures("rows")
def test_a_person_reads_a_table(say: Say) -> None:
    table = say("outbox", "list", "--target", "mail", COLUMNS="200").out
    assert "refused 5 times" in table
    assert "ops" not in table


def test_what_was_given_up_is_sent_again(say: Say, rows: Engine) -> None:
    found = say("outbox", "retry", "2")
    assert (found.code, found.out) == (0, "1 message due now; a running agent sends them\n")
    assert states(rows) == {1: "pending", 2: "pending", 3: "sent"}


@pytest.mark.parametrize(("words", "after"), [([], "pending"), (["--target", "ops"], "dead")])
def test_all_of_a_target_are_sent_again(say: Say, rows: Engine, words: list[str], after: str) -> None:
    assert say("outbox", "retry", "--all", *words).code == 0
    assert states(rows)[2] == after


def test_what_waits_is_dropped_and_can_be_taken_back(say: Say, rows: Engine) -> None:
    assert say("outbox", "drop", "1").out == "1 message dropped\n"
    assert states(rows)[1] == "dead"
    assert say("outbox", "retry", "1").code == 0
    assert states(rows)[1] == "pending"


def test_one_wrong_id_changes_nothing(say: Say, rows: Engine) -> None:
    found = say("outbox", "drop", "1", "99")
    assert found.code == 2
    assert "of message 99" in found.err
    assert states(rows)[1] == "pending"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("words", [["retry"], ["drop", "1", "--all"], ["drop", "1", "--target", "ops"]])
def test_a_vague_request_is_refused(say: Say, words: list[str]) -> None:
    assert say("outbox", *words).code == 2


def test_nothing_to_list_is_said(say: Say, engine: Engine, bare: Path) -> None:
    del engine, bare
    assert "nothing waits, and nothing was given up" in "".join(say("outbox", "list")[1:])
