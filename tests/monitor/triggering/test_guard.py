"""Whether a job may be started: a decision table of what runs, what is due, what a person should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.model import Execution, ExitStatus, Outcome
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule, Source, Timetable
from monitor.triggering.guard import JUST_DUE, Kind, LastRun, Situation, judge

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
FULL = "3-2-1-Akeneo-Full-Import-Master"
DIFFERENTIAL = "3-1-1-Akeneo-Differential-Import-Master"
IMPORTS = GroupPolicy("imports", ("import-*",))
LOOSE = GroupPolicy("loose", ("import-*",), exclusive=False)


def active(
    job: str, *, ago: timedelta = 10 * MINUTE, user: str | None = None, status: str = "running"
) -> Execution:
    return Execution(
        "production", job, f"{job}-1", execution_status=status, start_time=NOW - ago, user_login=user
    )


def ended(job: str, *, ago: timedelta = MINUTE, user: str | None = None) -> Execution:
    return replace(
        active(job, ago=ago + MINUTE, user=user, status="finished"),
        end_time=NOW - ago,
        exit_status=ExitStatus("OK", None, "ok"),
    )


def policy(*groups: GroupPolicy, due: Mapping[str, datetime] = {}) -> Policy:
    """due: by job, the next slot of its daily schedule."""

    def job(job_id: str) -> JobPolicy:
        at = due.get(job_id)
        return (
            JobPolicy() if at is None else JobPolicy(schedule=Schedule(cron=f"{at.minute} {at.hour} * * *"))
        )

    return Policy(job=job, groups=groups or (AKENEO,), scheduled=tuple(due))


ACTIVE = {
    "nothing runs": ((), (IMPORTS,), []),
    "the job itself runs": ((active("import-a"),), (IMPORTS,), [(Kind.RUNNING, "import-a")]),
    "the job itself is pending": (
        (active("import-a", status="pending"),),
        (IMPORTS,),
        [(Kind.RUNNING, "import-a")],
    ),
    "a word nobody knows is active": (
        (active("import-a", status="dreaming"),),
        (IMPORTS,),
        [(Kind.RUNNING, "import-a")],
    ),
    "the job itself has ended": ((ended("import-a"),), (IMPORTS,), []),
    "an attempt that was taken over is none": ((active("import-a", status="retried"),), (IMPORTS,), []),
    "a scheduled run of the exclusive group": (
        (active("import-b"),),
        (IMPORTS,),
        [(Kind.CONFLICTING, "import-b")],
    ),
    "a run by hand of the exclusive group": (
        (active("import-b", user="jdoe"),),
        (IMPORTS,),
        [(Kind.CONFLICTING, "import-b")],
    ),
    "a job of no common group": ((active("export"),), (IMPORTS,), []),
    "a scheduled run of a group that is not exclusive": (
        (active("import-b"),),
        (LOOSE,),
        [(Kind.CONFLICTING, "import-b")],
    ),
    "a run by hand of a group that is not exclusive": ((active("import-b", user="jdoe"),), (LOOSE,), []),
    "of two groups the exclusive one counts": (
        (active("import-b", user="jdoe"),),
        (LOOSE, IMPORTS),
        [(Kind.CONFLICTING, "import-b")],
    ),
    "several are told in the order of their start, the job itself first": (
        (active("import-c", ago=MINUTE), active("import-b", ago=2 * MINUTE), active("import-a", ago=SECOND)),
        (IMPORTS,),
        [(Kind.RUNNING, "import-a"), (Kind.CONFLICTING, "import-b"), (Kind.CONFLICTING, "import-c")],
    ),
}


@pytest.mark.parametrize(("runs", "groups", "expected"), ACTIVE.values(), ids=ACTIVE.keys())
def test_what_is_active_speaks_against_a_start(
    runs: tuple[Execution, ...], groups: tuple[GroupPolicy, ...], expected: list[tuple[Kind, str]]
) -> None:
    found = judge(Situation("import-a", NOW, runs), policy(*groups)).objections
    assert [(one.kind, one.job_id) for one in found] == expected
    assert all(one.execution_id == f"{one.job_id}-1" and one.at is not None for one in found)


def test_the_built_in_group_yields_to_groups_of_the_settings() -> None:
    runs = (active(DIFFERENTIAL, user="jdoe"),)
    own = GroupPolicy("own", ("3-*",), exclusive=False)
    assert judge(Situation(FULL, NOW, runs), policy(own, AKENEO)).objections == ()
    (found,) = judge(Situation(FULL, NOW, runs), policy(AKENEO)).objections
    assert "full and differential imports of the group akeneo must not run at once" in found.sentence


BUFFER = timedelta(minutes=5)
DUE = {
    "its own slot within the buffer": ("import-a", NOW + BUFFER, True),
    "its own slot just beyond the buffer": ("import-a", NOW + BUFFER + MINUTE, False),
    "a slot of its group within the buffer": ("import-b", NOW + BUFFER, True),
    "a slot of its group just beyond the buffer": ("import-b", NOW + BUFFER + MINUTE, False),
    "a slot right now": ("import-b", NOW, True),
    "a slot that is about to be filled": ("import-b", NOW - JUST_DUE + MINUTE, True),
    "a slot that was long ago": ("import-b", NOW - JUST_DUE - MINUTE, False),
    "a slot of a job of no common group": ("export", NOW + MINUTE, False),
}


@pytest.mark.parametrize(("job", "at", "speaks_against"), DUE.values(), ids=DUE.keys())
def test_what_is_due_speaks_against_a_start(job: str, at: datetime, *, speaks_against: bool) -> None:
    found = judge(Situation("import-a", NOW), policy(IMPORTS, due={job: at})).objections
    assert [(one.kind, one.job_id, one.at) for one in found] == [(Kind.DUE, job, at)] * speaks_against


@pytest.mark.parametrize(
    ("run", "speaks_against"),
    [
        pytest.param(ended("import-b", ago=SECOND), False, id="by the schedule, to its slot"),
        pytest.param(ended("import-b", ago=SECOND, user="jdoe"), True, id="by hand"),
        pytest.param(ended("import-b", ago=9 * MINUTE), True, id="by the schedule, to an earlier slot"),
    ],
)
def test_a_slot_that_was_filled_is_not_due_any_more(run: Execution, *, speaks_against: bool) -> None:
    rules = policy(IMPORTS, due={"import-b": NOW - MINUTE})
    found = judge(Situation("import-a", NOW, (run,)), rules).objections
    assert bool(found) == speaks_against


def test_a_group_has_its_own_buffer() -> None:
    rules = policy(replace(IMPORTS, buffer=20 * MINUTE), due={"import-b": NOW + 20 * MINUTE})
    (found,) = judge(Situation("import-a", NOW), rules).objections
    assert found.sentence == (
        "import-b is due at 02:20 UTC, in 20 min, and in the group imports: 20 min before it are kept free"
    )
    rules = policy(replace(IMPORTS, buffer=timedelta()), due={"import-b": NOW + MINUTE})
    assert judge(Situation("import-a", NOW), rules).objections == ()


def test_what_runs_already_is_not_said_to_be_due_as_well() -> None:
    rules = policy(IMPORTS, due={"import-b": NOW + MINUTE})
    found = judge(Situation("import-a", NOW, (active("import-b"),)), rules).objections
    assert [one.kind for one in found] == [Kind.CONFLICTING]


def test_an_instance_that_runs_no_schedules_has_nothing_due() -> None:
    rules = replace(policy(IMPORTS, due={"import-b": NOW + MINUTE}), is_sandbox=True)
    assert judge(Situation("import-a", NOW), rules).objections == ()


def test_slots_that_were_imported_or_learned_count_as_those_of_the_settings() -> None:
    due = Timetable.of(Schedule(every=timedelta(days=1), at=(NOW + MINUTE).time()), Source.LEARNED)
    found = judge(Situation("import-a", NOW, timetables={"import-b": due}), policy(IMPORTS)).objections
    assert [(one.kind, one.job_id) for one in found] == [(Kind.DUE, "import-b")]


def test_what_could_not_be_asked_speaks_against_a_start() -> None:
    (found,) = judge(Situation("import-a", NOW, unseen="no permission"), policy(IMPORTS)).objections
    assert (found.kind, found.sentence) == (Kind.UNSEEN, "no permission")


@pytest.mark.parametrize(
    ("usual", "notes"),
    [
        (None, ()),
        (29 * MINUTE, ()),
        (30 * MINUTE, ()),
        (31 * MINUTE, ("import-a usually takes 31 min, and import-b is due at 02:30 UTC",)),
    ],
)
def test_a_run_that_will_last_into_a_slot_is_worth_a_note(
    usual: timedelta | None, notes: tuple[str, ...]
) -> None:
    rules = policy(IMPORTS, due={"import-b": NOW + 30 * MINUTE})
    assert judge(Situation("import-a", NOW, usual=usual), rules).notes == notes


@pytest.mark.parametrize(("ago", "is_noted"), [(4 * MINUTE, True), (5 * MINUTE, False)])
def test_a_run_of_the_group_that_has_just_ended_is_worth_a_note(ago: timedelta, *, is_noted: bool) -> None:
    last = {"import-b": LastRun(Outcome.OK, NOW - ago), "export": LastRun(Outcome.OK, NOW)}
    notes = judge(Situation("import-a", NOW, last=last), policy(IMPORTS)).notes
    text = "import-b ended 4 min ago: the group imports wants 5 min between its runs"
    assert notes == (text,) * is_noted


DAY = timedelta(days=1)
INSTEAD = {
    "its last run ended ok": (FULL, {DIFFERENTIAL: Outcome.OK}, DIFFERENTIAL),
    "its last run failed": (FULL, {DIFFERENTIAL: Outcome.FAILED}, None),
    "its last run ended with warnings": (FULL, {DIFFERENTIAL: Outcome.DEGRADED}, None),
    "none is known": (FULL, {}, None),
    "the differential one itself is asked for": (DIFFERENTIAL, {DIFFERENTIAL: Outcome.OK}, None),
    "of several the most alike": (
        FULL,
        {"3-1-2-Akeneo-Differential-Import-Storefront": Outcome.OK, DIFFERENTIAL: Outcome.OK},
        DIFFERENTIAL,
    ),
    "of several one that ended ok": (
        FULL,
        {"3-1-2-Akeneo-Differential-Import-Storefront": Outcome.OK, DIFFERENTIAL: Outcome.ABORTED},
        "3-1-2-Akeneo-Differential-Import-Storefront",
    ),
    "one of another group": (FULL, {"Differential-Feed": Outcome.OK}, None),
}


@pytest.mark.parametrize(("job", "outcomes", "instead"), INSTEAD.values(), ids=INSTEAD.keys())
def test_the_differential_import_is_suggested_for_a_full_one(
    job: str, outcomes: dict[str, Outcome], instead: str | None
) -> None:
    last = {name: LastRun(how, NOW - DAY) for name, how in outcomes.items()}
    assert judge(Situation(job, NOW, last=last), policy()).instead == instead
