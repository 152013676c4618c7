"""When jobs are looked at again though nothing happened to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.agenda import INSTANCE, Agenda
from monitor.detect.model import Decision, State

T0 = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def decision(minute: float | None, *jobs: str) -> Decision:
    look_again = None if minute is None else at(minute)
    return Decision("late", jobs, State.WAITING, "the slot has not passed", look_again=look_again)


def test_a_job_is_due_when_its_instant_has_come_and_not_before() -> None:
    agenda = Agenda()
    agenda.note({"a"}, [decision(5, "a")])
    assert agenda.due(at(4.9)) == frozenset()
    assert agenda.due(at(5)) == {"a"}


def test_of_several_instants_the_earliest_counts() -> None:
    agenda = Agenda()
    agenda.note({"a"}, [decision(5, "a"), decision(3, "a"), decision(None, "a")])
    assert agenda.due(at(3)) == {"a"}


def test_what_is_due_stays_due_until_somebody_has_looked() -> None:
    agenda = Agenda()
    agenda.note({"a"}, [decision(5, "a")])
    assert agenda.due(at(6)) == agenda.due(at(7)) == {"a"}
    agenda.note({"a"}, [])
    assert agenda.due(at(8)) == frozenset()


def test_a_look_at_one_job_leaves_the_others_as_they_are() -> None:
    agenda = Agenda()
    agenda.note({"a", "b"}, [decision(5, "a"), decision(5, "b")])
    agenda.note({"a"}, [decision(9, "a")])
    assert agenda.due(at(5)) == {"b"}


def test_an_instant_that_was_put_off_is_not_due_when_it_would_have_been() -> None:
    agenda = Agenda()
    agenda.note({"a"}, [decision(5, "a")])
    agenda.note({"a"}, [decision(10, "a")])
    assert agenda.due(at(9)) == frozenset()
    assert agenda.due(at(10)) == {"a"}


def test_what_concerns_no_job_is_due_for_the_instance() -> None:
    agenda = Agenda()
    agenda.note({"a"}, [decision(5)])
    assert agenda.due(at(5)) == {INSTANCE}


@given(
    looks=st.lists(
        st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 99), st.integers(0, 99)), max_size=60
    )
)
def test_it_is_what_the_last_look_at_each_job_said(looks: list[tuple[str, int | None, int]]) -> None:
    agenda = Agenda()
    said: dict[str, int | None] = {}
    for job_id, minute, now in looks:
        agenda.note({job_id}, [decision(minute, job_id)])
        said[job_id] = minute
        due = {job for job, instant in said.items() if instant is not None and instant <= now}
        assert due <= agenda.due(at(now)) <= {job for job, instant in said.items() if instant is not None}
