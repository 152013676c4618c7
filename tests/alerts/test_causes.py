"""One look may find several new facts with several causes: none of them is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.incidents import CAUSES_KEPT, Changes, reconcile
from alerts.model import EventKind, Finding, Incident, Severity
from alerts.testing import finding

NOW = datetime(2026, 11, 23, 13, tzinfo=UTC)


def look(found: Finding, *open_ones: Incident, known: tuple[str, ...] = ()) -> Changes:
    facts = {(found.fingerprint, fact) for fact in known}
    by_fingerprint = {one.fingerprint: one for one in open_ones}
    return reconcile([found], by_fingerprint, facts, NOW, lambda: "new", late=False)


def opened(*causes: str) -> Incident:
    (incident,) = look(finding(occurrences=("1",), cause=causes[-1], causes=causes)).opened
    return incident


def test_an_incident_knows_every_cause_it_opens_with() -> None:
    assert opened("disk full", "no such file").causes == ("disk full", "no such file")


def test_a_finding_that_names_no_causes_has_the_one() -> None:
    (incident,) = look(finding(cause="disk full")).opened
    assert incident.causes == ("disk full",)


def test_a_new_cause_is_told_although_the_newest_run_failed_for_a_known_one() -> None:
    again = finding(occurrences=("1", "2", "3"), cause="disk full", causes=("disk full", "no such file"))
    changes = look(again, opened("disk full"), known=("1",))
    (after,) = changes.updated
    assert after.causes == ("disk full", "no such file")
    assert [event.kind for event in changes.events] == [EventKind.CAUSE]


def test_known_causes_are_counted_and_not_told() -> None:
    again = finding(occurrences=("1", "2", "3"), cause="disk full", causes=("disk full", "no such file"))
    changes = look(again, opened("disk full", "no such file"), known=("1", "2"))
    assert [one.count for one in changes.updated] == [2]
    assert changes.events == ()


def test_a_cause_without_a_new_run_is_no_news() -> None:
    again = finding(occurrences=("1",), cause="no such file", causes=("no such file",))
    assert look(again, opened("disk full"), known=("1",)).events == ()


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        pytest.param(Severity.WARNING, Severity.CRITICAL, [EventKind.CAUSE], id="it grew worse"),
        pytest.param(Severity.CRITICAL, Severity.CRITICAL, [], id="it is as it was"),
        pytest.param(Severity.CRITICAL, Severity.WARNING, [], id="it is not as bad any more"),
    ],
)
def test_what_grew_worse_is_told_though_nothing_else_happened(
    before: Severity, now: Severity, kinds: list[EventKind]
) -> None:
    incident = replace(opened("late"), severity=before)
    again = replace(finding(occurrences=("1",), cause="late"), severity=now)
    assert [event.kind for event in look(again, incident, known=("1",)).events] == kinds


def test_the_newest_causes_are_kept() -> None:
    causes = tuple(f"cause {number}" for number in range(CAUSES_KEPT + 5))
    assert opened(*causes).causes == causes[5:]
