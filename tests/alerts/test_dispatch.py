"""Dispatch on a real state: each event becomes rows once, and random histories are told right."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from alerts import attachments, outbox, store
from alerts.dispatch import backlogs, dispatch
from alerts.model import Attachment, EventKind, Finding, Notification, NotificationKind, Severity
from alerts.routing import Reason, Route, RoutingPolicy
from alerts.testing import finding
from monitor.history.engine import open_state

Desk = Any  # the fixture's class


def notifications(desk: Desk) -> list[Notification]:
    with desk.engine.begin() as conn:
        rows = outbox.listing(conn, states=list(outbox.RowState), limit=10_000)
        return [outbox.notification(conn, row.notification_id) for row in reversed(rows)]


def test_a_finding_becomes_a_row_for_each_target(desk_on: Callable[[Engine], Desk], state: Engine) -> None:
    desk = desk_on(state)
    desk.policy = RoutingPolicy((Route("default", ("ops", "mail"), ("job_id",)),))
    desk.poll(finding())
    assert desk.dispatch().waiting == 1
    desk.wait(10)

    result = desk.dispatch()

    assert [one.kind for one in result.notifications] == [NotificationKind.FIRST]
    with state.begin() as conn:
        assert sorted(row.target for row in outbox.listing(conn)) == ["mail", "ops"]
        assert store.waiting_events(conn) == []


def test_each_route_decides_for_itself_and_tells_once(
    desk_on: Callable[[Engine], Desk], state: Engine
) -> None:
    """One route waits for its group_interval while the other tells at once."""
    desk = desk_on(state)
    desk.policy = RoutingPolicy(
        (
            Route("by job", ("ops",), ("job_id",), goes_on=True),
            Route("by instance", ("mail",), ("sfcc_instance",)),
        )
    )
    told: list[list[str]] = []

    def look() -> None:
        told.append(sorted(target for one in desk.dispatch().plan.outgoing for target in one.targets))

    desk.poll(finding(severity=Severity.WARNING))
    desk.wait(10)
    look()
    desk.poll(finding(severity=Severity.WARNING), finding("stock", severity=Severity.WARNING))
    desk.wait(10)
    look()
    look()
    desk.wait(300)
    look()
    look()
    desk.poll()
    for _ in range(3):
        desk.wait(300)
        look()

    assert told == [["mail", "ops"], ["ops"], [], ["mail"], [], ["mail", "ops", "ops"], [], []]
    with state.begin() as conn:
        assert store.waiting_events(conn) == []


def test_of_two_that_decide_the_same_in_part_one_is_told_to_look_again(
    desk_on: Callable[[Engine], Desk], state: Engine
) -> None:
    desk = desk_on(state)
    desk.poll(finding())
    with state.begin() as conn:
        (waiting,) = store.waiting_events(conn)
        store.mark_partly_planned(conn, {waiting: frozenset({"a"})})
    with state.begin() as conn:
        (seen,) = store.waiting_events(conn)
        assert seen.planned_for == {"a"}
        with pytest.raises(store.Conflict):
            store.mark_partly_planned(conn, {waiting: frozenset({"b"})})
    with state.begin() as conn:
        store.mark_partly_planned(conn, {seen: frozenset({"a", "b"})})
        assert store.waiting_events(conn)[0].planned_for == {"a", "b"}


def test_dispatching_again_queues_nothing(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()

    assert desk.dispatch().notifications == ()
    assert len(notifications(desk)) == 1


def test_what_is_decided_but_rolled_back_is_decided_again(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    with desk.engine.connect() as conn:
        assert dispatch(conn, desk.policy, desk.at, desk.new_id).notifications
        conn.rollback()

    assert len(desk.dispatch().notifications) == 1


def test_of_two_dispatchers_one_wins(desk_on: Callable[[Engine], Desk], postgres_url: str) -> None:
    desk = desk_on(open_state(postgres_url))  # SQLite lets one writer in at a time anyway
    desk.poll(finding())
    desk.wait(10)
    with desk.engine.connect() as slow:
        seen = {event.id for event in store.waiting_events(slow) if event.id}
        desk.dispatch()
        with pytest.raises(store.Conflict):
            store.mark_planned(slow, seen, desk.at)

    assert len(notifications(desk)) == 1
    desk.engine.dispose()


def test_when_nothing_waits_two_cheap_queries_are_all(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    statements: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(desk.engine, "before_cursor_execute", note)
    desk.dispatch()

    assert sum(one.startswith("SELECT") for one in statements) == 2
    assert not any(one.startswith(("INSERT", "UPDATE", "DELETE")) for one in statements)


def test_the_message_waits_for_its_log_and_carries_on_when_it_is_there(desk: Desk) -> None:
    desk.poll(finding(attachments=["log"]))
    desk.wait(10)
    assert [one.reason for one in desk.dispatch().plan.decisions] == [Reason.WAITING_ATTACHMENT]

    attachments.fetch_due(desk.engine, lambda ref: Attachment(ref, "job.log", b"x"), desk.now)

    assert len(desk.dispatch().notifications) == 1


def test_a_summary_of_hundreds_and_then_their_recoveries(desk: Desk) -> None:
    jobs = [finding(f"job-{number:03}", place="production") for number in range(300)]
    desk.poll(*jobs)
    desk.wait(10)
    desk.dispatch()
    desk.wait(600)
    desk.poll()
    desk.wait(10)
    desk.dispatch()

    first, second = notifications(desk)
    assert (first.kind, len(first.incidents)) == (NotificationKind.SUMMARY, 300)
    assert (len(second.incidents), second.group_key) == (300, first.group_key)
    assert not any(one.is_open for one in second.incidents)


def test_a_later_incident_of_a_job_in_a_storm_has_its_own_message(desk: Desk) -> None:
    jobs = [finding(f"job-{number:03}") for number in range(30)]
    desk.poll(*jobs)
    desk.wait(10)
    desk.dispatch()
    desk.wait(60)
    overlap = replace(jobs[0], condition="overlap", occurrences=("1+2",))
    desk.poll(*jobs, overlap)
    desk.wait(10)
    desk.dispatch()

    assert [len(one.incidents) for one in notifications(desk)] == [30, 1]


def test_criticals_are_repeated_after_hours(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    desk.wait(4 * 3600 - 1)
    assert desk.dispatch().notifications == ()
    desk.wait(1)
    assert [one.kind for one in desk.dispatch().notifications] == [NotificationKind.REPEAT]
    assert desk.dispatch().notifications == ()


def test_backlogs_count_groups_that_wait_and_rows_that_were_not_taken(desk: Desk) -> None:
    desk.poll(finding("a"))
    seen_at = desk.at
    desk.wait(10)
    desk.dispatch()
    desk.poll(
        finding("a"), finding("b"), replace(finding("b"), condition="overlap"), finding("c", quiet="known")
    )

    with desk.engine.begin() as conn:
        (backlog,) = backlogs(conn, desk.policy, desk.now())

    assert (backlog.target, backlog.count, backlog.oldest) == ("ops", 2, seen_at)


def test_what_waits_for_a_target_that_is_gone_is_no_backlog(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    desk.policy = RoutingPolicy((Route("default", ("mail",), ("job_id",)),))

    with desk.engine.begin() as conn:
        assert backlogs(conn, desk.policy, desk.now()) == ()


def test_a_clock_set_back_delays_an_alert_by_no_more_than_group_wait(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(-7200)
    assert desk.dispatch().notifications == ()
    desk.wait(9)
    assert desk.dispatch().notifications == ()
    desk.wait(1)

    (told,) = desk.dispatch().notifications

    assert told.seen_at == desk.at - timedelta(seconds=10)


def test_a_group_told_before_the_clock_was_set_back_is_told_again_after_its_interval(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    desk.wait(-7200)
    desk.poll()
    assert desk.dispatch().notifications == ()
    desk.wait(300)

    assert [one.kind for one in desk.dispatch().notifications] == [NotificationKind.RESOLVED]


def test_criticals_are_repeated_in_time_although_the_clock_was_set_back(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    desk.wait(-30 * 3600)
    assert desk.dispatch().notifications == ()
    desk.wait(4 * 3600)

    assert [one.kind for one in desk.dispatch().notifications] == [NotificationKind.REPEAT]


def test_what_nobody_watches_any_more_is_not_repeated(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    with desk.engine.begin() as conn:
        store.abandon(conn, ["another"], desk.at)
    desk.wait(5 * 3600)

    assert desk.dispatch().notifications == ()


def test_without_targets_nothing_is_ever_backlogged(desk: Desk) -> None:
    desk.policy = RoutingPolicy(())
    desk.poll(finding())

    with desk.engine.begin() as conn:
        assert backlogs(conn, desk.policy, desk.now()) == ()
    assert [one.reason for one in desk.dispatch().plan.decisions] == [Reason.NO_TARGET]


SEVERITIES = st.sampled_from([Severity.CRITICAL, Severity.WARNING])
STEP = st.tuples(
    st.lists(
        st.builds(
            lambda job, run, severity, quiet, cause, over: (
                f"job-{job}",
                str(run),
                severity,
                quiet,
                cause,
                over,
            ),
            st.integers(0, 2),
            st.integers(0, 3),
            SEVERITIES,
            st.sampled_from([None, None, None, "first_read"]),
            st.sampled_from(["x", "y"]),
            st.booleans(),
        ),
        max_size=3,
        unique_by=lambda one: one[0],
    ),
    st.sampled_from([1, 11, 61, 301, 15_000]),
    st.sampled_from([False, False, False, True]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=8), st.sampled_from([2, 20]))
def test_whatever_happens_everything_loud_is_told_once_and_over_only_after_that(
    desk_on: Callable[[Engine], Desk],
    sqlite_template: Path,
    tmp_path: Path,
    history: list[tuple[list[Any], int, bool]],
    threshold: int,
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "random.db")
    engine = open_state(f"sqlite:///{tmp_path / 'random.db'}")
    desk = desk_on(engine)
    desk.policy = replace(desk.policy, storm_threshold=threshold, repeat_interval=timedelta(0))
    loud: dict[str, Counter[EventKind]] = defaultdict(Counter)
    for stories, seconds, late in [*history, ([], 700, False), ([], 700, False)]:
        for change in desk.poll(*(_found(desk, *story) for story in stories), late=late).events:
            loud[change.incident_id][change.kind] += 1
        desk.dispatch()
        desk.wait(seconds)
        desk.dispatch()
    for _ in range(3):
        desk.wait(301)
        desk.dispatch()
    told = notifications(desk)
    with engine.begin() as conn:
        assert store.waiting_events(conn) == []
    engine.dispose()
    for incident_id in loud:
        mentions = [one for message in told for one in message.incidents if one.id == incident_id]
        openings = [one for one in mentions if one.is_open]
        endings = [one for one in mentions if not one.is_open]
        # Told as open once and once more for each new cause at most, then as over exactly once, at last.
        assert len(openings) <= 1 + loud[incident_id][EventKind.CAUSE]
        assert len(endings) == 1
        assert mentions[-1] is endings[0]
    assert {one.id for message in told for one in message.incidents} == set(loud)


def _found(desk: Desk, *story: Any) -> Finding:
    job, run, severity, quiet, cause, over = story
    return finding(
        job,
        occurrences=[run],
        severity=severity,
        quiet=quiet,
        cause=cause,
        since=desk.at,
        ends_at=desk.at if over else None,
    )
