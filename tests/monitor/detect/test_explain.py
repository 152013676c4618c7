from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.model import Incident, Severity
from monitor.detect import CONDITIONS
from monitor.detect.explain import document, explain
from monitor.detect.model import Facts
from monitor.model import Execution
from monitor.policy import GroupPolicy, Policy

Tell = Callable[..., Facts]

OF_OTHERS = {"site_missing", "interrupted", "out_of_order", "deadline", "saturated"}
"""Of which nothing is to be said here."""

STORY = (
    "akeneo-full 00:00-00:10, akeneo-full 01:00-01:10, akeneo-full 02:00-02:10, "
    "akeneo-full 03:00-03:10 by:jdoe, akeneo-full 04:00-04:10, akeneo-full 05:00-05:10 failed, "
    "akeneo-differential 05:05-?, other 05:00-?"
)


def incident(at: datetime, **labels: str) -> Incident:
    return Incident(
        id="i1",
        fingerprint="mark",
        source="production",
        condition="failed",
        labels=labels,
        severity=Severity.CRITICAL,
        name="a",
        place="production",
        summary="Bad.",
        facts=(),
        evidence={},
        causes=(),
        count=1,
        starts_at=at,
        updated_at=at,
    )


def test_it_shows_runs_baseline_decisions_and_groups_of_the_job(facts: Tell) -> None:
    explained = explain("akeneo-full", facts(STORY), Policy())
    (series,) = explained.series
    assert [run.id for run in series.runs] == ["6", "5", "4", "3", "2", "1"]
    assert (series.runs[0].outcome, series.runs[0].cause) == ("failed", "ERROR | Import failed")
    assert (series.runs[2].outcome, series.runs[2].trigger, series.runs[2].cause) == ("ok", "manual", "")
    assert series.baseline is not None
    assert series.baseline.median == timedelta(minutes=10)
    states = {one.condition: one.state for one in explained.decisions}
    assert (states["failed"], states["overlap"], states["late"]) == ("holds", "over", "clear")
    assert states.keys() == CONDITIONS.keys() - OF_OTHERS
    assert [(group.name, group.role) for group in explained.groups] == [("akeneo", "full")]


def test_where_the_steps_of_a_failed_run_are_unknown_it_says_so(
    facts: Tell, story: Callable[[str], tuple[Execution, ...]]
) -> None:
    bare = [replace(run, steps=None) for run in story("a 01:00-01:10 failed, a 02:00-02:10")]
    (series,) = explain("a", facts(bare), Policy()).series
    assert [run.cause for run in series.runs] == ["", "ERROR | Import failed | steps unknown"]


def test_each_site_is_a_series_of_its_own(facts: Tell) -> None:
    explained = explain("a", facts("a@X 01:00-01:10, a@Y 01:00-?"), Policy())
    assert [(one.scope, one.runs[0].outcome) for one in explained.series] == [("X", "ok"), ("Y", "active")]


def test_it_shows_the_incidents_of_the_job_on_this_instance(
    facts: Tell, at: Callable[[str], datetime]
) -> None:
    mine, other, pair = (
        incident(at("05:10"), job_id="akeneo-full"),
        incident(at("05:10"), job_id="other"),
        incident(at("05:10"), job_id="akeneo-differential", other_job_id="akeneo-full"),
    )
    explained = explain("akeneo-full", facts(STORY), Policy(), [mine, other, pair])
    assert explained.incidents == (mine, pair)


def test_a_job_nobody_knows_is_explained_as_such(facts: Tell) -> None:
    explained = explain(
        "nothing", facts(STORY), Policy(groups=(GroupPolicy("all", ("*",), exclusive=False),))
    )
    assert (explained.series, explained.decisions) == ((), ())
    assert [(group.name, group.exclusive, group.role) for group in explained.groups] == [("all", False, "")]


def test_a_system_job_is_said_to_be_context(facts: Tell) -> None:
    explained = explain("sfcc-clean", facts("sfcc-clean 01:00-01:10 failed"), Policy())
    assert not explained.is_judged
    assert len(explained.series) == 1
    assert not explained.decisions


def test_its_document_is_json(facts: Tell, at: Callable[[str], datetime]) -> None:
    explained = explain("akeneo-full", facts(STORY), Policy(), [incident(at("05:10"), job_id="akeneo-full")])
    told = json.loads(json.dumps(document(explained)))
    assert told["series"][0]["runs"][0] == {
        "id": "6",
        "began": "2026-11-23T05:00:00+00:00",
        "ended": "2026-11-23T05:10:00+00:00",
        "duration_seconds": 600,
        "outcome": "failed",
        "trigger": "schedule",
        "cause": "ERROR | Import failed",
    }
    assert told["series"][0]["baseline"]["median_seconds"] == 600
    assert told["decisions"][0]["reason"] == "last run failed (run 6)"
    assert told["decisions"][0]["finding"]["severity"] == "critical"
    assert told["incidents"][0]["id"] == "i1"
    assert told["judged"] is True
