from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine

from monitor.history import cursor as cursors
from monitor.history import stats
from monitor.history.engine import reading
from monitor.history.executions import (
    Judge,
    active,
    awaiting_retry,
    get,
    iterate,
    latest,
    mark_missing,
    search,
    store,
    touch,
    versions,
)
from monitor.history.facts import fresh
from monitor.model import Execution, Outcome, RunId, RunKey, Step, Trigger

At = Callable[[float], datetime]
Make = Callable[..., Execution]
KEY = RunKey("production", "import", "1")


class Poll:
    """A state, and polls of it at given minutes."""

    def __init__(self, engine: Engine, judge: Judge, at: At) -> None:
        self.engine = engine
        self.judge = judge
        self.at = at

    def sees(self, minute: float, *runs: Execution, backfill: bool = False) -> int:
        with self.engine.begin() as conn:
            return store(
                conn, "production", runs, seen_at=self.at(minute), backfill=backfill, judge=self.judge
            )

    def misses(self, minute: float, key: RunKey = KEY) -> Execution:
        with self.engine.begin() as conn:
            found = mark_missing(conn, key, seen_at=self.at(minute), judge=self.judge)
        assert found is not None
        return found

    def run(self, key: RunKey = KEY) -> Execution:
        with reading(self.engine) as conn:
            found = get(conn, key)
        assert found is not None
        return found

    @property
    def change(self) -> int:
        with reading(self.engine) as conn:
            return cursors.load(conn, "production").change

    def fresh(self, after: int) -> set[str]:
        with reading(self.engine) as conn:
            return {run.id for run in fresh(conn, "production", after)}

    @property
    def counts(self) -> dict[str, int]:
        with reading(self.engine) as conn:
            return {row.outcome.value: row.count for row in stats.outcomes(conn)}


@pytest.fixture
def poll(state: Engine, judge: Judge, at: At) -> Poll:
    return Poll(state, judge, at)


def test_what_was_stored_is_found_again(poll: Poll, run: Make, at: At) -> None:
    assert poll.sees(20, run()) == 1
    found = poll.run()
    assert (found.first_seen, found.last_seen) == (at(20), at(20))
    with reading(poll.engine) as conn:
        assert get(conn, KEY._replace(id="2")) is None
        assert get(conn, KEY._replace(instance="staging")) is None


def test_a_page_seen_twice_changes_nothing(poll: Poll, run: Make) -> None:
    page = run(id="1"), run(id="2", how="error"), run(id="3", how="running", end=None)
    assert poll.sees(20, *page) == 3
    before = poll.change
    assert poll.sees(20, *page) == 0
    assert poll.change == before
    assert poll.counts == {"ok": 1, "failed": 1}


def test_a_run_that_is_named_twice_on_a_page_is_one_run(poll: Poll, run: Make) -> None:
    assert poll.sees(20, run(how="running", end=None), run()) == 1
    assert poll.run().is_final
    assert poll.counts == {"ok": 1}


def test_each_change_has_a_number_of_its_own_poll(poll: Poll, run: Make) -> None:
    poll.sees(20, run(id="1"), run(id="2", how="running", end=None))
    first = poll.change
    assert poll.fresh(0) == {"1", "2"}
    poll.sees(21, run(id="1"), run(id="2"))
    assert poll.change > first
    assert poll.fresh(first) == {"2"}


def test_an_active_run_seen_unchanged_is_no_change_but_lives_on(poll: Poll, run: Make, at: At) -> None:
    poll.sees(1, run(how="running", end=None))
    before = poll.change
    assert poll.sees(2, run(how="running", end=None)) == 0
    assert poll.change == before
    assert poll.run().last_seen == at(2)


def test_touching_keeps_active_runs_alive_and_final_ones_alone(poll: Poll, run: Make, at: At) -> None:
    poll.sees(1, run(id="1", how="running", end=None), run(id="2", end=1))
    poll.misses(2)
    with poll.engine.begin() as conn:
        touch(conn, dict.fromkeys([KEY, KEY._replace(id="2"), KEY._replace(id="unheard of")]), at(3))
        touch(conn, {KEY: None}, at(2))
    assert (poll.run().last_seen, poll.run().missing) == (at(3), 0)
    assert poll.run(KEY._replace(id="2")).last_seen == at(1)


def test_a_run_missed_by_two_polls_has_vanished_when_it_was_last_seen(poll: Poll, run: Make, at: At) -> None:
    poll.sees(1, run(how="running", end=None))
    assert not poll.misses(2).is_final
    before = poll.change
    gone = poll.misses(3)
    assert gone.is_vanished
    assert gone.ended == at(1)
    assert poll.run() == gone
    assert poll.fresh(before) == {"1"}
    assert poll.counts == {"vanished": 1}


def test_a_poll_in_between_that_sees_it_starts_the_count_anew(poll: Poll, run: Make) -> None:
    poll.sees(1, run(how="running", end=None))
    poll.misses(2)
    poll.sees(3, run(how="running", end=None))
    assert not poll.misses(4).is_final


def test_a_run_seen_after_the_poll_began_is_not_missing(poll: Poll, run: Make) -> None:
    poll.sees(5, run(how="running", end=None))
    assert poll.misses(4).missing == 0


def test_a_final_run_cannot_go_missing(poll: Poll, run: Make) -> None:
    poll.sees(1, run())
    assert poll.misses(2).missing == 0


def test_a_vanished_run_that_comes_back_is_active_and_counted_once(poll: Poll, run: Make) -> None:
    poll.sees(1, run(how="running", end=None))
    poll.misses(2)
    poll.misses(3)
    with reading(poll.engine) as conn:
        assert versions(conn, "production", poll.at(-60)) == {}
    assert poll.sees(4, run(how="running", end=None)) == 1
    assert not poll.run().is_final
    assert poll.sees(12, run()) == 1
    assert poll.counts == {"vanished": 1}


def test_a_failure_that_turns_out_superseded_stays_counted_as_it_was(poll: Poll, run: Make) -> None:
    poll.sees(20, run(how="error"))
    poll.sees(21, run(how="retried"))
    with reading(poll.engine) as conn:
        assert search(conn, limit=1)[0].outcome is Outcome.SUPERSEDED
    assert poll.counts == {"failed": 1}


def test_steps_that_come_later_change_the_outcome(poll: Poll, run: Make) -> None:
    poll.sees(20, run())
    assert poll.sees(21, run(steps=(Step("write", status="ERROR"),))) == 1
    with reading(poll.engine) as conn:
        assert search(conn, limit=1)[0].outcome is Outcome.DEGRADED
    assert poll.sees(22, run()) == 0


def test_a_run_of_another_instance_is_refused(poll: Poll, run: Make) -> None:
    with pytest.raises(ValueError, match="staging cannot be stored for production"):
        poll.sees(1, run(instance="staging"))


def test_more_runs_than_a_chunk_are_all_kept(poll: Poll, run: Make) -> None:
    page = [run(id=str(number), start=number, end=number + 1) for number in range(1203)]
    assert poll.sees(2000, *page) == 1203
    assert poll.sees(2001, *page) == 0
    assert poll.counts == {"ok": 1203}


@pytest.mark.parametrize("word", ["quote'd", 'double "quoted"', "back\\slash", "[1]", "ümläut ✓", "a, b"])
def test_ids_are_opaque_text(poll: Poll, run: Make, word: str) -> None:
    poll.sees(1, run(job_id=word, id=word))
    assert poll.sees(2, run(job_id=word, id=word)) == 0
    assert poll.run(RunKey("production", word, word)).job_id == word


def test_two_pollers_of_one_instance_count_each_run_once(poll: Poll, run: Make) -> None:
    pages = [[run(id=str(number)) for number in range(page, page + 20)] for page in range(0, 40, 5)]
    threads = [threading.Thread(target=poll.sees, args=(20, *page)) for page in pages * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert poll.counts == {"ok": 55}


def test_versions_name_final_runs_that_began_or_ended_since(poll: Poll, run: Make) -> None:
    poll.sees(
        60,
        run(id="over before", start=0, end=9),
        run(id="ended since", start=0, end=10, version="v"),
        run(id="began since", start=10, end=20, version="w"),
        run(id="active", start=30, end=None, how="running"),
    )
    with reading(poll.engine) as conn:
        assert versions(conn, "production", poll.at(10)) == {
            RunId("import", "ended since"): "v",
            RunId("import", "began since"): "w",
        }
        assert versions(conn, "staging", poll.at(0)) == {}


def test_active_runs_are_all_that_are_not_final(poll: Poll, run: Make) -> None:
    poll.sees(5, run(id="1"), run(id="2", how="running", end=None), run(id="3", how="novel", end=None))
    poll.sees(5, run(id="4", how="pending", end=None, start_time=None))
    with reading(poll.engine) as conn:
        assert {found.id for found in active(conn, "production")} == {"2", "3", "4"}
        assert active(conn, "staging") == []


@pytest.mark.parametrize(
    ("fields", "awaited"),
    [
        pytest.param({}, True, id="attempts are left"),
        pytest.param({"current_retry_attempt": 2}, False, id="it was the last attempt"),
        pytest.param({"current_retry_attempt": None, "max_retries": None}, False, id="no retries at all"),
        pytest.param({"how": "ok"}, False, id="it went well"),
        pytest.param({"how": "retried"}, False, id="it is marked already"),
        pytest.param({"end": 4}, False, id="too long ago"),
    ],
)
def test_failed_attempts_that_a_retry_may_follow(
    poll: Poll, run: Make, fields: dict[str, object], *, awaited: bool
) -> None:
    poll.sees(20, run(**{"how": "error", "end": 5, "current_retry_attempt": 0, "max_retries": 2, **fields}))
    with reading(poll.engine) as conn:
        assert bool(awaiting_retry(conn, "production", poll.at(5))) is awaited


@pytest.fixture
def night(poll: Poll, run: Make) -> Poll:
    poll.sees(
        60,
        run("Import-Full", "1", 0, 30),
        run("import-delta", "2", 10, 20, "error"),
        run("import-delta", "3", 20, 25, user_login="ann"),
        run("export_1", "4", 30, None, "running"),
    )
    with poll.engine.begin() as conn:
        other = run("import-delta", "5", 15, 16, instance="staging")
        store(conn, "staging", [other], seen_at=poll.at(60), backfill=False, judge=poll.judge)
    return poll


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        pytest.param({}, "4 3 5 2 1", id="all, newest first"),
        pytest.param({"limit": 2}, "4 3", id="only so many"),
        pytest.param({"instance": "production"}, "4 3 2 1", id="of one instance"),
        pytest.param({"job": "import-*"}, "3 5 2", id="a glob minds the case"),
        pytest.param({"job": "?mport-*"}, "3 5 2 1", id="one unknown character"),
        pytest.param({"job": "[Ii]mport-[FD]*"}, "1", id="a set of characters"),
        pytest.param({"job": "export_1"}, "4", id="a whole name"),
        pytest.param({"job": "export%"}, "", id="no wildcard of SQL's"),
        pytest.param({"job": "expor?_*"}, "4", id="an underline is itself"),
        pytest.param({"job": "IMPORT-FULL"}, "", id="a whole name minds the case as well"),
        pytest.param({"since": 15, "until": 30}, "3 5", id="a time, its end not included"),
        pytest.param({"outcomes": [Outcome.FAILED, Outcome.ACTIVE]}, "4 2", id="outcomes"),
        pytest.param({"outcomes": []}, "", id="no outcome"),
        pytest.param({"job": "import-*", "limit": 1}, "3", id="the limit counts matches"),
    ],
)
def test_searching(night: Poll, question: dict[str, object], ids: str) -> None:
    for name in {"since", "until"} & set(question):
        question = {**question, name: night.at(question[name])}  # type: ignore[arg-type]
    with reading(night.engine) as conn:
        found = search(conn, **{"limit": 10, **question})  # type: ignore[arg-type]
    assert [judged.execution.id for judged in found] == ids.split()


def test_a_search_tells_outcome_and_trigger(night: Poll) -> None:
    with reading(night.engine) as conn:
        found = search(conn, instance="production", job="import-*", limit=10)
    assert [(one.outcome, one.trigger) for one in found] == [
        (Outcome.OK, Trigger.MANUAL),
        (Outcome.FAILED, Trigger.SCHEDULE),
    ]


def test_all_runs_can_be_walked_through_instance_by_instance_oldest_first(night: Poll) -> None:
    with reading(night.engine) as conn:
        assert [one.execution.id for one in iterate(conn)] == ["1", "2", "3", "4", "5"]
        assert [one.execution.id for one in iterate(conn, job="import-*", since=night.at(15))] == ["3", "5"]


def test_a_walk_can_be_left_early(night: Poll) -> None:
    with reading(night.engine) as conn:
        walk = iterate(conn)
        next(walk)
        walk.close()  # type: ignore[attr-defined]
        assert latest(conn, "production", "import-delta") is not None


def test_the_latest_run_of_a_job_on_whatever_site(night: Poll, run: Make) -> None:
    assert _latest(night, "import-delta") == "3"
    night.sees(60, run("import-delta", "6", 21, 22, scope="RefArch"))
    assert _latest(night, "import-delta") == "6"
    assert _latest(night, "import-*") is None


def _latest(poll: Poll, job_id: str) -> str | None:
    with reading(poll.engine) as conn:
        found = latest(conn, "production", job_id)
    return found.id if found else None
