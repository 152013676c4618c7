from __future__ import annotations

import pytest
from sqlalchemy import Engine, update

from monitor.errors import LeaseLostError
from monitor.history.leases import LENGTH_MS
from monitor.history.schema import leases as table
from monitor.leases import Leases, instance_of, of_instance


def _leases(engine: Engine, pid: int, *gone: str) -> Leases:
    return Leases(engine, f"host:{pid}:nonce", is_gone=gone.__contains__)


def _pass_a_length(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(table).values(expires_at=table.c.expires_at - LENGTH_MS - 1))


def test_what_is_held_is_held_without_asking_again(state: Engine) -> None:
    ours = _leases(state, 1)
    lease = ours.take("a")
    assert lease is not None
    assert ours.take("a") is lease


def test_another_agent_is_named_and_gets_what_is_released(state: Engine) -> None:
    ours, theirs = _leases(state, 1), _leases(state, 2)
    ours.take_all(["a", "b"])
    assert theirs.take_all(["a", "b"]) == {}
    assert theirs.other("a") == "host:1:nonce"
    assert ours.other("a") == ""
    ours.release()
    assert set(theirs.take_all(["a", "b"])) == {"a", "b"}


def test_a_transaction_under_a_lost_lease_ends_in_an_error(state: Engine) -> None:
    ours, theirs = _leases(state, 1), _leases(state, 2)
    lease = ours.take("a")
    assert lease is not None
    fence = ours.fence(lease)
    with state.begin() as conn:
        fence(conn)
    _pass_a_length(state)
    assert theirs.take("a")
    with pytest.raises(LeaseLostError), state.begin() as conn:
        fence(conn)
    assert ours.take("a") is None, "it is known to be lost"


def test_a_fence_of_an_earlier_tenure_stays_shut(state: Engine) -> None:
    ours, theirs = _leases(state, 1), _leases(state, 2)
    first = ours.take("a")
    assert first is not None
    _pass_a_length(state)
    theirs.take("a")
    theirs.release()
    ours.renew()
    second = ours.take("a")
    assert second is not None
    assert second.epoch > first.epoch
    with pytest.raises(LeaseLostError), state.begin() as conn:
        ours.fence(first)(conn)
    assert ours.take("a") == second, "which says nothing about the one held now"


def test_a_renewal_keeps_what_is_idle_and_forgets_what_is_lost(state: Engine) -> None:
    ours, theirs = _leases(state, 1), _leases(state, 2)
    ours.take_all(["a", "b"])
    _pass_a_length(state)
    theirs.take("b")
    ours.renew()
    assert theirs.take("a") is None
    assert ours.take("b") is None


def test_the_lease_of_a_process_that_is_gone_is_taken_at_once(state: Engine) -> None:
    _leases(state, 1).take("a")
    assert _leases(state, 2, "host:1:nonce").take("a")


def test_names_tell_instances_from_other_leases() -> None:
    assert instance_of(of_instance("production")) == "production"
    assert instance_of("dispatcher") is None
