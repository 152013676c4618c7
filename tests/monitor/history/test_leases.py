from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from monitor.history import leases
from monitor.history.engine import open_state
from monitor.history.leases import LENGTH_MS, Lease
from monitor.history.schema import leases as table

ONE, OTHER = "host/boot/ns:1:nonce", "host/boot/ns:2:nonce"


def nobody(_holder: str) -> bool:
    return False


@pytest.fixture
def conn(state: Engine) -> Iterator[Connection]:
    with state.begin() as conn:
        yield conn


def _take(conn: Connection, holder: str, *names: str) -> dict[str, Lease]:
    return leases.take(conn, names or ("a",), holder, nobody)


def _age(conn: Connection, by_ms: int, name: str = "a") -> None:
    """As if the database's clock had gone on by so much."""
    conn.execute(update(table).where(table.c.name == name).values(expires_at=table.c.expires_at - by_ms))


def test_what_nobody_holds_is_taken_and_what_somebody_holds_is_not(conn: Connection) -> None:
    assert _take(conn, ONE, "a", "b") == {"a": Lease("a", ONE, 1), "b": Lease("b", ONE, 1)}
    assert _take(conn, OTHER, "a", "c") == {"c": Lease("c", OTHER, 1)}
    assert leases.holders(conn) == {"a": ONE, "b": ONE, "c": OTHER}


@pytest.mark.parametrize(
    ("passed", "taken"),
    [
        pytest.param(LENGTH_MS - 2000, False, id="two seconds before its end"),
        pytest.param(LENGTH_MS + 1, True, id="at its end"),
        pytest.param(-3_600_000, True, id="the database's clock was set back by an hour"),
    ],
)
def test_a_lease_is_free_when_its_time_has_passed(conn: Connection, passed: int, *, taken: bool) -> None:
    _take(conn, ONE)
    _age(conn, passed)
    assert bool(_take(conn, OTHER)) is taken
    assert leases.holders(conn)["a"] == (OTHER if taken else ONE)


def test_a_lease_of_a_process_that_is_gone_is_free_at_once(conn: Connection) -> None:
    _take(conn, ONE)
    assert leases.take(conn, ["a"], OTHER, ONE.__eq__) == {"a": Lease("a", OTHER, 2)}


def test_each_taking_begins_a_new_epoch_and_ends_the_one_before(conn: Connection) -> None:
    first = _take(conn, ONE)["a"]
    _age(conn, LENGTH_MS + 1)
    second = _take(conn, OTHER)["a"]
    assert second.epoch == first.epoch + 1
    assert not leases.hold(conn, first)
    assert not leases.extend(conn, first)
    assert leases.hold(conn, second)


def test_what_was_lost_and_taken_again_is_not_what_it_was(conn: Connection) -> None:
    """Between the two somebody else may have been at work."""
    first = _take(conn, ONE)["a"]
    leases.release(conn, ONE)
    again = _take(conn, ONE)["a"]
    assert not leases.hold(conn, first)
    assert leases.hold(conn, again)


def test_a_lease_that_ran_out_and_that_nobody_took_goes_on(conn: Connection) -> None:
    lease = _take(conn, ONE)["a"]
    _age(conn, LENGTH_MS + 1)
    assert leases.hold(conn, lease)
    assert leases.extend(conn, lease)
    assert not _take(conn, OTHER), "it was extended by its full length"


def test_a_renewal_extends_all_of_a_holder_and_says_what_is_lost(conn: Connection) -> None:
    _take(conn, ONE, "a", "b")
    for name in "ab":
        _age(conn, LENGTH_MS - 100, name)
    assert leases.renew(conn, ONE, {"a", "b"}) == set()
    assert not _take(conn, OTHER, "a", "b")
    _age(conn, LENGTH_MS + 1, "b")
    _take(conn, OTHER, "b")
    assert leases.renew(conn, ONE, {"a", "b"}) == {"b"}


def test_what_is_released_is_free_and_others_keep_theirs(conn: Connection) -> None:
    _take(conn, ONE, "a")
    _take(conn, OTHER, "b")
    leases.release(conn, ONE)
    assert leases.holders(conn) == {"b": OTHER}
    assert _take(conn, OTHER, "a")


def test_of_many_who_take_at_the_same_moment_one_has_it(state: Engine) -> None:
    won: list[str] = []
    start = threading.Barrier(6)

    def take(holder: str) -> None:
        start.wait()
        with state.begin() as conn:
            won.extend(lease.holder for lease in _take(conn, holder, "a", "b").values())

    threads = [threading.Thread(target=take, args=(f"h:{number}:n",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(won) == 2
    assert len(set(won)) == 1


def test_nobody_takes_over_while_a_fenced_transaction_is_open(state: Engine) -> None:
    """What it writes is committed before the next holder reads anything."""
    with state.begin() as conn:
        lease = _take(conn, ONE)["a"]
        _age(conn, LENGTH_MS + 1)
    order: list[str] = []
    begun = threading.Event()

    def take_over() -> None:
        begun.set()
        with state.begin() as conn:
            order.append("taken" if _take(conn, OTHER) else "in use")

    with state.begin() as conn:
        assert leases.hold(conn, lease)
        thread = threading.Thread(target=take_over)
        thread.start()
        begun.wait(10)
        thread.join(0.2)
        conn.execute(select(table.c.epoch))
        order.append("committed")
    thread.join(30)
    assert order in (["committed", "taken"], ["in use", "committed"])


def test_a_lease_in_use_for_long_holds_up_none_of_the_others(postgres_url: str) -> None:
    """A transaction may wait for an import: the agent's other leases are renewed all the while."""
    state = open_state(postgres_url)
    with state.begin() as conn:
        used = _take(conn, ONE, "a", "b")["a"]
        for name in "ab":
            _age(conn, LENGTH_MS - 100, name)
    with state.begin() as busy:
        assert leases.hold(busy, used)
        with state.begin() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert leases.renew(conn, ONE, {"a", "b"}) == set()
        with state.begin() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '2s'"))
            _age(conn, 200, "b")
            assert _take(conn, OTHER, "a", "b") == {}, "one is in use, the other was renewed"
    state.dispose()
