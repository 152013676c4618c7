"""`ack`: lists what is open, and takes it by the beginning of its id or by its job."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from alerts import store
from alerts.incidents import Changes
from alerts.testing import incident
from tests.monitor.cli.conftest import Say


@pytest.fixture(autouse=True)
def incidents(engine: Engine) -> None:
    """aaaa1 and aaaa2 are open; aaaa3 is, and nobody is told of it."""
    found = [
        replace(incident(name), id=identity, fingerprint=identity)
        for name, identity in (("3-1 prices", "aaaa1"), ("stock", "aaaa2"), ("quiet", "aaaa3"))
    ]
    found[2] = replace(found[2], quiet="first_read")
    with engine.begin() as conn:
        store.apply(conn, Changes(opened=tuple(found)))


def acked(say: Say) -> dict[str, str | None]:
    return {one["id"]: one["acked_by"] for one in json.loads(say("ack", "-o", "json").out)}


def test_what_is_open_is_listed(say: Say) -> None:
    assert acked(say) == {"aaaa1": None, "aaaa2": None}
    assert "3-1 prices" in say("ack").out


def test_one_is_taken_by_its_id(say: Say) -> None:
    found = say("ack", "aaaa1", "--by", "ann", "--comment", "on it")
    assert found.code == 0
    assert "by ann on it" in found.out
    assert acked(say) == {"aaaa1": "ann", "aaaa2": None}


def test_all_of_a_job_are_taken(say: Say) -> None:
    assert say("ack", "--job", "3-*", "--by", "ann").code == 0
    assert acked(say) == {"aaaa1": "ann", "aaaa2": None}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["aaaa"], "2 open incidents begin with 'aaaa'"),
        (["aaaa1", "bbbb"], "no open incident begins with 'bbbb'"),
        (["aaaa3"], "no open incident begins with 'aaaa3'"),
        (["--job", "9-*"], "nothing is open of jobs like '9-*' (--job)"),
        (["aaaa1", "--job", "3-*"], "name incidents, or jobs by --job, not both"),
        (["aaaa1", "--instance", "staging"], "no open incident begins with 'aaaa1'"),
    ],
)
def test_what_is_not_clear_is_refused_and_nothing_is_taken(say: Say, words: list[str], error: str) -> None:
    found = say("ack", *words)
    assert found.code == 2
    assert found.err.startswith(f"error: {error}")
    assert set(acked(say).values()) == {None}
