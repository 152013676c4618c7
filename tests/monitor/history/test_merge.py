from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from monitor.history.merge import merge
from monitor.model import Execution, Step

At = Callable[[float], datetime]
Make = Callable[..., Execution]


@pytest.mark.parametrize(
    ("stored", "seen", "kept"),
    [
        pytest.param("running", "ok", "ok", id="a run that ended is kept as ended"),
        pytest.param("ok", "running", "ok", id="an older page does not revive a run"),
        pytest.param("ok 5", "running 6", "running 6", id="unless it was modified since"),
        pytest.param("ok 5", "running 5", "ok 5", id="as old is not later"),
        pytest.param("ok 5", "error 4", "ok 5", id="an older look is dropped"),
        pytest.param("running 5", "ok 4", "running 5", id="even if it says ended"),
        pytest.param("error", "retried", "retried", id="a retry marks the failed attempt"),
        pytest.param("retried", "error", "retried", id="and the mark is not taken back"),
        pytest.param("pending", "running", "running", id="of two active words the later arrival wins"),
        pytest.param("running", "novel", "novel", id="a word nobody knows is active"),
    ],
)
def test_which_of_two_looks_is_kept(run: Make, at: At, stored: str, seen: str, kept: str) -> None:
    before = merge(None, _look(run, at, stored), seen_at=at(20), backfill=False)
    after = merge(before, _look(run, at, seen), seen_at=at(21), backfill=False)
    assert after.version == kept


def test_a_final_run_seen_again_needs_no_write(run: Make, at: At) -> None:
    stored = merge(None, run(), seen_at=at(20), backfill=False)
    assert merge(stored, run(), seen_at=at(21), backfill=False) is stored


def test_an_active_run_seen_again_lived_until_then(run: Make, at: At) -> None:
    stored = merge(None, run(how="running", end=None), seen_at=at(1), backfill=False)
    later = merge(stored, run(how="running", end=None), seen_at=at(2), backfill=False)
    assert (later.first_seen, later.last_seen) == (at(1), at(2))
    assert merge(later, run(how="running", end=None), seen_at=at(1), backfill=False).last_seen == at(2)


@pytest.mark.parametrize(
    ("how", "backfill", "backfilled"),
    [("ok", True, True), ("running", True, False), ("ok", False, False)],
)
def test_only_what_was_over_at_the_first_read_is_backfilled(
    run: Make, at: At, how: str, *, backfill: bool, backfilled: bool
) -> None:
    stored = merge(None, run(how=how), seen_at=at(20), backfill=backfill)
    assert stored.backfilled is backfilled
    assert merge(stored, run(how="retried"), seen_at=at(21), backfill=True).backfilled is backfilled


def test_a_run_that_comes_back_is_missing_no_more(run: Make, at: At) -> None:
    gone = replace(merge(None, run(how="running", end=None), seen_at=at(1), backfill=False), missing=2)
    assert gone.is_vanished
    back = merge(gone, run(how="running", end=None), seen_at=at(5), backfill=False)
    assert (back.missing, back.is_final, back.last_seen) == (0, False, at(5))


def test_even_an_older_page_shows_that_a_run_is_there(run: Make, at: At) -> None:
    stored = merge(None, _look(run, at, "running 5"), seen_at=at(6), backfill=False)
    seen = merge(replace(stored, missing=1), _look(run, at, "running 4"), seen_at=at(7), backfill=False)
    assert (seen.missing, seen.last_seen, seen.version) == (0, at(7), "running 5")


STEPS = (Step("read"),)


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        pytest.param(("ok", "a", STEPS), ("ok", "a", None), STEPS, id="a hit without steps takes none away"),
        pytest.param(("ok", "a", STEPS), ("ok", "b", None), STEPS, id="nor when the ended run changed"),
        pytest.param(
            ("running", "a", STEPS), ("running", "b", None), None, id="those of a run that moved on"
        ),
        pytest.param(("running", "a", STEPS), ("ok", "b", None), None, id="steps from before the end"),
        pytest.param(("ok", "a", None), ("ok", "a", STEPS), STEPS, id="a look-up brings them later"),
        pytest.param(("ok", "a", STEPS), ("ok", "b", ()), (), id="no steps is an answer too"),
    ],
)
def test_steps_once_known_are_kept_while_they_are_true(
    run: Make,
    at: At,
    before: tuple[str, str, tuple[Step, ...] | None],
    after: tuple[str, str, tuple[Step, ...] | None],
    steps: tuple[Step, ...] | None,
) -> None:
    def look(how: str, version: str, some: tuple[Step, ...] | None) -> Execution:
        return run(how=how, version=version, steps=some)

    stored = merge(None, look(*before), seen_at=at(20), backfill=False)
    assert merge(stored, look(*after), seen_at=at(21), backfill=False).steps == steps


def _look(run: Make, at: At, story: str) -> Execution:
    how, _, modified = story.partition(" ")
    return run(how=how, last_modified=at(float(modified)) if modified else None, version=story)
