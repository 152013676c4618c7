"""The outbox on both databases: order, leases, one winner, and what a person may do by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text, update

from alerts import outbox, store
from alerts.heard import unheard
from alerts.model import Notification, NotificationKind
from alerts.outbox import RowState
from alerts.routing import Telling
from alerts.schema import notifications
from alerts.schema import outbox as rows
from alerts.testing import incident
from alerts.verdict import Tries
from monitor.history.engine import open_state

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TRIES = Tries(created_at=NOON, attempts=1, last_error="network: away")


@pytest.fixture
def conn(state: Engine) -> Iterator[Connection]:
    with state.begin() as conn:
        yield conn


def notification(number: int = 1, group: str = "g") -> Notification:
    one = incident(facts=(("owner", "pim"),), evidence={"n": number}, ends_at=NOON + SECOND)
    return Notification(
        f"n-{number}", group, NotificationKind.FIRST, NOON, NOON - SECOND, (one, incident("b")), (one.id,), 3
    )


def put(conn: Connection, *numbers: int, group: str = "g", targets: tuple[str, ...] = ("ops",)) -> None:
    for number in numbers:
        outbox.put(conn, notification(number, group), targets, NOON)


def claimed(conn: Connection, at: datetime = NOON, owner: str = "me", target: str = "ops") -> str | None:
    row = outbox.claim(conn, target, owner, at)
    return None if row is None else row.notification_id


def test_a_notification_comes_back_as_it_was(conn: Connection) -> None:
    put(conn, 1)

    assert outbox.notification(conn, "n-1") == notification(1)


def test_each_target_has_its_own_row(conn: Connection) -> None:
    put(conn, 1, targets=("ops", "mail", "ops"))

    assert [claimed(conn), claimed(conn, target="mail"), claimed(conn)] == ["n-1", "n-1", None]


def test_the_oldest_due_row_goes_first(conn: Connection) -> None:
    put(conn, 1, group="a")
    put(conn, 2, group="b")

    assert [claimed(conn), claimed(conn)] == ["n-1", "n-2"]


def test_messages_of_a_group_do_not_overtake_each_other(conn: Connection) -> None:
    put(conn, 1, 2)
    put(conn, 3, group="other")
    first = outbox.claim(conn, "ops", "me", NOON)
    assert first is not None

    assert claimed(conn) == "n-3"
    outbox.retry(conn, first.id, "me", NOON + 60 * SECOND, TRIES)
    assert claimed(conn) is None
    assert claimed(conn, NOON + 60 * SECOND) == "n-1"
    outbox.sent(conn, first.id, NOON, 2)
    assert claimed(conn) == "n-2"


def test_one_target_does_not_hold_up_another(conn: Connection) -> None:
    put(conn, 1, 2, targets=("ops", "mail"))
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.retry(conn, row.id, "me", NOON + 60 * SECOND, TRIES)

    assert claimed(conn, target="mail") == "n-1"


def test_a_lease_runs_out(conn: Connection) -> None:
    put(conn, 1)
    assert claimed(conn) == "n-1"

    assert claimed(conn, NOON + 29 * SECOND, "other") is None
    assert claimed(conn, NOON + 30 * SECOND, "other") == "n-1"


def test_a_renewed_lease_lasts_longer_and_only_its_owner_can_renew_it(conn: Connection) -> None:
    put(conn, 1)
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None

    assert outbox.renew(conn, row.id, "me", NOON + 20 * SECOND)
    assert not outbox.renew(conn, row.id, "other", NOON + 20 * SECOND)
    assert claimed(conn, NOON + 49 * SECOND, "other") is None


def test_the_leases_of_an_owner_that_is_gone_are_void_at_once(conn: Connection) -> None:
    put(conn, 1, group="a")
    put(conn, 2, group="b")
    claimed(conn, owner="gone")
    claimed(conn, owner="alive")

    assert outbox.void(conn, lambda owner: owner == "gone") == 1
    assert [claimed(conn, owner="me"), claimed(conn, owner="me")] == ["n-1", None]
    assert outbox.void(conn, lambda _owner: False) == 0


def test_who_lost_the_lease_can_no_longer_put_the_row_off(conn: Connection) -> None:
    put(conn, 1)
    row = outbox.claim(conn, "ops", "slow", NOON)
    assert row is not None
    assert claimed(conn, NOON + 30 * SECOND, "fast") == "n-1"

    assert not outbox.retry(conn, row.id, "slow", NOON, TRIES)
    assert not outbox.dead(conn, row.id, "slow", NOON, TRIES, "why")


def test_what_was_taken_is_marked_even_if_the_lease_was_lost(conn: Connection) -> None:
    put(conn, 1)
    row = outbox.claim(conn, "ops", "slow", NOON)
    assert row is not None
    claimed(conn, NOON + 30 * SECOND, "fast")

    outbox.sent(conn, row.id, NOON, 1)

    assert claimed(conn, NOON + 90 * SECOND) is None


def test_the_history_of_tries_is_kept(conn: Connection) -> None:
    tries = Tries(NOON, 7, 1, "500", 2, NOON + SECOND, "server: 500")
    put(conn, 1)
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.retry(conn, row.id, "me", NOON, tries)

    again = outbox.claim(conn, "ops", "me", NOON)

    assert again is not None
    assert again.tries == tries


def test_of_many_claimers_one_wins(state: Engine) -> None:
    with state.begin() as conn:
        put(conn, *range(1, 4))
    won: list[int] = []
    start = threading.Barrier(8)

    def run(number: int) -> None:
        start.wait()
        with state.begin() as conn:
            row = outbox.claim(conn, "ops", f"thread-{number}", NOON)
        if row is not None:
            won.append(row.id)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1


def test_who_comes_second_while_the_first_has_not_committed_gets_nothing(postgres_url: str) -> None:
    """On SQLite the second cannot even look."""
    state = open_state(postgres_url)
    with state.begin() as conn:
        put(conn, 1)
    second: list[outbox.Claimed | None] = []

    def run() -> None:
        with state.begin() as conn:
            second.append(outbox.claim(conn, "ops", "second", NOON))

    thread = threading.Thread(target=run)
    blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with state.connect() as watch, state.begin() as conn:
        assert outbox.claim(conn, "ops", "first", NOON) is not None
        thread.start()
        while not watch.scalar(blocked):
            watch.rollback()
    thread.join()
    state.dispose()

    assert second == [None]


def test_a_dead_row_stays_listed_and_lets_the_next_of_its_group_go(conn: Connection) -> None:
    put(conn, 1, 2)
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.dead(conn, row.id, "me", NOON + SECOND, TRIES, "refused 5 times")

    (pending, dead) = outbox.listing(conn)
    assert (dead.state, dead.last_error, dead.finished_at) == (
        RowState.DEAD,
        "refused 5 times",
        NOON + SECOND,
    )
    assert (pending.state, pending.kind) == (RowState.PENDING, NotificationKind.FIRST)
    assert claimed(conn) == "n-2"


def test_listing_can_be_narrowed(conn: Connection) -> None:
    put(conn, 1, 2, 3, targets=("ops", "mail"))

    assert len(outbox.listing(conn, target="mail")) == 3
    assert len(outbox.listing(conn, limit=4)) == 4
    assert outbox.listing(conn, states=[RowState.SENT]) == ()


def test_a_dead_row_can_be_sent_again_by_hand(conn: Connection) -> None:
    put(conn, 1)
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.dead(conn, row.id, "me", NOON, replace(TRIES, refusals=5, file_refused="500"), "why")

    assert outbox.retry_now(conn, [row.id], NOON + SECOND) == 1
    again = outbox.claim(conn, "ops", "me", NOON + SECOND)
    assert again is not None
    assert again.tries == Tries(created_at=NOON + SECOND)


def test_a_waiting_row_can_be_dropped_by_hand_and_one_being_sent_cannot(conn: Connection) -> None:
    put(conn, 1, group="a")
    put(conn, 2, group="b")
    claimed(conn)
    ids = [row.id for row in outbox.listing(conn)]

    assert outbox.drop(conn, ids, NOON) == 1
    assert [row.last_error for row in outbox.listing(conn, states=[RowState.DEAD])] == ["dropped by hand"]


def test_backlogs_count_what_no_target_has_taken(conn: Connection) -> None:
    put(conn, 1, 2, targets=("ops", "mail"))
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.sent(conn, row.id, NOON, 1)

    found = [(one.target, one.count, one.oldest) for one in outbox.backlogs(conn)]

    assert found == [("mail", 2, NOON - SECOND), ("ops", 1, NOON - SECOND)]


def test_what_waits_for_a_target_that_is_gone_is_given_up_and_can_be_sent_again(conn: Connection) -> None:
    put(conn, 1, 2, targets=("ops", "gone"))

    found = outbox.orphans(conn, ["ops"], NOON + SECOND)

    assert [(one.target, one.state, one.finished_at) for one in found] == [
        ("gone", RowState.DEAD, NOON + SECOND)
    ] * 2
    assert "the target gone is no longer in the settings" in str(found[0].last_error)
    assert outbox.orphans(conn, ["ops"], NOON + SECOND) == ()
    assert [claimed(conn), claimed(conn, target="gone")] == ["n-1", None]
    outbox.retry_now(conn, [one.id for one in found], NOON + SECOND)
    assert claimed(conn, NOON + SECOND, target="gone") == "n-1"


def test_what_is_being_sent_to_a_target_that_is_gone_is_given_up_after_its_lease(conn: Connection) -> None:
    put(conn, 1)
    claimed(conn)

    assert outbox.orphans(conn, [], NOON + 29 * SECOND) == ()
    assert len(outbox.orphans(conn, [], NOON + 30 * SECOND)) == 1


@pytest.mark.parametrize(
    ("back", "story", "due"),
    [
        pytest.param(3600, "new", True, id="a row that was never tried is due"),
        pytest.param(3600, "tried", True, id="a row last tried in the future is due"),
        pytest.param(3600, "leased", True, id="a lease from the future is void"),
        pytest.param(31, "leased", True, id="even from one a little more than a lease away"),
        pytest.param(30, "tried", False, id="a row that waits for its next try is not"),
        pytest.param(30, "leased", False, id="nor one whose lease holds, by a clock that is somewhat ahead"),
    ],
)
def test_a_clock_set_back_holds_no_message_up(conn: Connection, back: int, story: str, *, due: bool) -> None:
    put(conn, 1)
    if story != "new":
        row = outbox.claim(conn, "ops", "me", NOON)
        assert row is not None
        if story == "tried":
            outbox.retry(conn, row.id, "me", NOON + 60 * SECOND, TRIES)

    assert claimed(conn, NOON - back * SECOND, "other") == ("n-1" if due else None)


def test_after_a_clock_was_set_back_tries_keep_their_distance(conn: Connection) -> None:
    put(conn, 1)
    first = outbox.claim(conn, "ops", "me", NOON)
    assert first is not None
    outbox.retry(conn, first.id, "me", NOON + 60 * SECOND, TRIES)
    earlier = NOON - 3600 * SECOND

    again = outbox.claim(conn, "ops", "me", earlier)
    assert again is not None
    outbox.retry(conn, again.id, "me", earlier + 60 * SECOND, replace(TRIES, attempts=2))

    assert claimed(conn, earlier + 59 * SECOND) is None
    assert claimed(conn, earlier + 60 * SECOND) == "n-1"


@pytest.mark.parametrize(
    ("fates", "heard"),
    [
        pytest.param([], True, id="nothing is known of its opening"),
        pytest.param([RowState.SENT], True, id="its opening was sent"),
        pytest.param([RowState.PENDING], True, id="its opening is still on its way, and goes first"),
        pytest.param([RowState.DEAD], False, id="its opening was given up"),
        pytest.param([RowState.DEAD, RowState.SENT], True, id="given up, but a later message was sent"),
    ],
)
def test_a_recovery_is_for_those_who_heard_of_the_trouble(
    conn: Connection, fates: list[RowState], *, heard: bool
) -> None:
    over = replace(incident(), ends_at=NOON)
    store.save_tellings(conn, [Telling("g", over.id, NOON)])
    for number, fate in enumerate(fates):
        told = replace(notification(number), incidents=(incident(),))
        outbox.put(conn, told, ["ops", "mail"], NOON)
        conn.execute(update(rows).where(rows.c.notification_id == told.id).values(state=fate.value))

    found = unheard(conn, replace(notification(9), incidents=(over,)), "ops")

    assert found == (set() if heard else {over.id})


def test_what_one_target_did_not_hear_another_may_have(conn: Connection) -> None:
    over = replace(incident(), ends_at=NOON)
    store.save_tellings(conn, [Telling("g", over.id, NOON)])
    outbox.put(conn, replace(notification(1), incidents=(incident(),)), ["ops", "mail"], NOON)
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.dead(conn, row.id, "me", NOON, TRIES, "refused")
    message = replace(notification(2), incidents=(over,))

    assert (unheard(conn, message, "ops"), unheard(conn, message, "mail")) == ({over.id}, set())


Asked = Callable[[Connection], object]


@pytest.mark.parametrize(
    ("ask", "start"),
    [
        pytest.param(
            lambda conn: outbox.claim(conn, "ops", "me", NOON),
            "SEARCH outbox USING INDEX ix_outbox_undelivered (target=?)",
            id="the next row of a target",
        ),
        pytest.param(outbox.backlogs, "SCAN outbox USING INDEX ix_outbox_undelivered", id="backlogs"),
        pytest.param(
            lambda conn: outbox.orphans(conn, [], NOON),
            "SCAN outbox USING INDEX ix_outbox_undelivered",
            id="rows of targets that are gone",
        ),
        pytest.param(
            lambda conn: outbox.void(conn, lambda _owner: False),
            "SCAN outbox USING INDEX ix_outbox_undelivered",
            id="owners of leases",
        ),
    ],
)
def test_what_was_sent_long_ago_costs_nothing(
    engine: Engine, query_plans: Callable[[Engine, Asked], list[str]], ask: Asked, start: str
) -> None:
    assert query_plans(engine, ask)[0].startswith(start)


def test_pruning_forgets_what_is_finished_and_keeps_what_is_not(conn: Connection) -> None:
    put(conn, 1, 2)
    row = outbox.claim(conn, "ops", "me", NOON)
    assert row is not None
    outbox.sent(conn, row.id, NOON, 1)

    assert outbox.prune(conn, NOON) == 0
    assert outbox.prune(conn, NOON + SECOND) == 1
    with pytest.raises(KeyError):
        outbox.notification(conn, "n-1")
    assert outbox.notification(conn, "n-2").id == "n-2"


def test_a_notification_that_makes_no_sense_is_an_error_of_its_own(conn: Connection) -> None:
    put(conn, 1)
    conn.execute(update(notifications).values(content={"incidents": [{}]}))

    with pytest.raises(KeyError):
        outbox.notification(conn, "n-1")
