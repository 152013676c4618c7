"""Settings as the plain data that detection works with."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy


def instance(server: str = "production-abcd-acme.demandware.net", **fields: Any) -> InstanceSettings:
    given = {"name": "production", "client_id": "id", "client_secret": SecretStr("x"), **fields}
    return InstanceSettings(server=server, **given)


def policy_of(name: str = "production", **settings: Any) -> Policy:
    return policy(Settings.model_validate(settings), instance(name=name))


def test_without_settings_all_jobs_have_the_defaults_of_the_definitions() -> None:
    made = policy_of()
    assert made.job("any") == JobPolicy()
    assert made.groups == Policy().groups
    assert (made.site_spread, made.retry_wait) == (timedelta(minutes=10), timedelta(minutes=70))
    assert (made.scheduler_logins, made.scheduler_clients, made.severity_offset) == ((), (), 0)


def test_detection_settings_are_the_defaults_of_all_jobs() -> None:
    made = policy_of(
        detection={
            "failure_threshold": 2,
            "recovery_threshold": 3,
            "alert_on_retry": True,
            "aborted_is": "info",
            "failure_codes": ["BAD_*"],
            "warn_codes": [],
            "site_spread": "1m",
            "retry_wait": "0s",
            "scheduler_logins": ["cron"],
            "scheduler_clients": ["id"],
            "builtin_group": False,
        }
    )
    assert made.job("any") == JobPolicy(
        failure_threshold=2,
        recovery_threshold=3,
        alert_on_retry=True,
        aborted_is="info",
        failure_codes=("BAD_*",),
        warn_codes=(),
    )
    assert (made.site_spread, made.retry_wait) == (timedelta(minutes=1), timedelta())
    assert (made.scheduler_logins, made.scheduler_clients) == (("cron",), ("id",))
    assert made.groups == ()


def test_of_several_tables_that_match_later_ones_win_field_by_field() -> None:
    made = policy_of(
        detection={"failure_threshold": 5},
        jobs=[
            {
                "match": "*",
                "owner": "shop",
                "failure_threshold": 2,
                "severity": {"slow": "info", "failed": "info"},
            },
            {"match": "3-*", "owner": "pim", "warn_codes": ["NOTE"], "severity": {"slow": "critical"}},
            {"match": "9-*", "owner": "nobody"},
        ],
    )
    job = made.job("3-prices")
    assert (job.owner, job.failure_threshold, job.warn_codes) == ("pim", 2, ("NOTE",))
    assert job.severity == {"slow": "critical", "failed": "info"}
    assert made.job("other").owner == "shop"


def test_every_field_of_a_job_can_be_set_by_glob() -> None:
    fields: dict[str, Any] = {
        "failure_threshold": 2,
        "recovery_threshold": 2,
        "alert_on_retry": True,
        "aborted_is": "info",
        "failure_codes": ("X",),
        "warn_codes": ("Y",),
        "severity": {"slow": "critical"},
        "title": "Prices",
        "impact": "old prices",
        "owner": "pim",
        "runbook": "https://wiki.example.com",
        "attach": "none",
    }
    assert policy_of(jobs=[{"match": "*", **fields}]).job("x") == JobPolicy(**fields)


BERLIN = "Europe/Berlin"
NIGHTLY: dict[str, Any] = {"match": "*", "cron": "0 2 * * *"}
OFTEN: dict[str, Any] = {"match": "*", "every": "30m", "at": "00:10"}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([NIGHTLY], Schedule(BERLIN, "0 2 * * *"), id="in the instance's time zone"),
        pytest.param(
            [OFTEN],
            Schedule(BERLIN, every=timedelta(minutes=30), at=time(0, 10)),
            id="an interval",
        ),
        pytest.param([OFTEN, NIGHTLY], Schedule(BERLIN, "0 2 * * *"), id="a cron in place of an interval"),
        pytest.param(
            [NIGHTLY, OFTEN],
            Schedule(BERLIN, every=timedelta(minutes=30), at=time(0, 10)),
            id="an interval in place of a cron",
        ),
        pytest.param(
            [OFTEN, {"match": "*", "every": "1d"}],
            Schedule(BERLIN, every=timedelta(days=1), at=time(0, 10)),
            id="another interval at the same time",
        ),
        pytest.param(
            [NIGHTLY, {"match": "3-*", "weekdays": ["mon"]}, {"match": "*", "valid_from": "2026-11-01"}],
            Schedule(BERLIN, "0 2 * * *", weekdays=("mon",), valid_from=date(2026, 11, 1)),
            id="field by field",
        ),
        pytest.param([{"match": "*", "weekdays": ["mon"]}], None, id="weekdays of nothing"),
        pytest.param(
            [NIGHTLY, {"match": "9-*", "cron": "0 9 * * *"}], Schedule(BERLIN, "0 2 * * *"), id="else"
        ),
    ],
)
def test_of_several_schedules_the_later_holds(
    tables: list[dict[str, Any]], expected: Schedule | None
) -> None:
    made = policy(Settings.model_validate({"jobs": tables}), instance(timezone=BERLIN))
    job = made.job("3-prices")
    assert job.schedule == expected
    assert job.schedule_source == ("none" if expected is None else "configured")


def test_tables_that_contradict_each_other_have_no_slots_and_break_nothing() -> None:
    tables = [{"match": "*", "cron": "0 2 * * mon"}, {"match": "x", "weekdays": ["tue"]}]
    assert policy_of(jobs=tables).job("x").next_due(datetime(2026, 11, 23, tzinfo=UTC)) is None


def test_jobs_named_without_a_glob_are_known_by_their_schedule() -> None:
    made = policy_of(
        jobs=[
            {"match": "3-*", "cron": "0 2 * * *"},
            {"match": "3-prices", "owner": "pim"},
            {"match": "b [1]", "every": "1h"},
            {"match": "a", "every": "1h"},
            {"match": "without", "owner": "pim"},
            {"match": "elsewhere", "every": "1h", "instance": "staging"},
        ]
    )
    assert made.scheduled == ("3-prices", "a")


@pytest.mark.parametrize(
    ("glob", "job_id", "matches"),
    [
        ("3-1-1-*", "3-1-1-Prices", True),
        ("3-1-1-*", "3-1-2-Prices", False),
        ("*Prices", "3-Prices", True),
        ("*prices", "3-Prices", False),
        ("[ab]?", "a1", True),
        ("exact", "exactly", False),
        ("exact", "exact", True),
        ("exact", "Exact", False),
        ("a.b", "axb", False),
        ("a", "a\n", False),
    ],
)
def test_globs_of_jobs_mind_capitals(glob: str, job_id: str, *, matches: bool) -> None:
    job = policy_of(jobs=[{"match": glob, "owner": "pim"}]).job(job_id)
    assert bool(job.owner) is matches


@pytest.mark.parametrize(
    ("glob", "counts"), [("*", True), ("prod*", True), ("production", True), ("stag*", False)]
)
def test_tables_count_for_the_instances_they_name(glob: str, *, counts: bool) -> None:
    made = policy_of(
        jobs=[{"match": "*", "instance": glob, "owner": "pim"}],
        groups=[{"name": "imports", "jobs": ["1-*"], "instance": glob}],
    )
    assert bool(made.job("x").owner) is counts
    assert len(made.groups) == (2 if counts else 1)


@pytest.mark.parametrize(
    ("glob", "counts"), [("*", True), ("sandbox", True), ("s*", True), ("production", False)]
)
def test_tables_count_for_the_types_of_instances_they_name(glob: str, *, counts: bool) -> None:
    settings = Settings.model_validate(
        {
            "jobs": [{"match": "*", "instance_type": glob, "owner": "pim"}],
            "groups": [{"name": "imports", "jobs": ["1-*"], "instance_type": glob}],
        }
    )
    made = policy(settings, instance("abcd-001.dx.commercecloud.salesforce.com"))
    assert bool(made.job("x").owner) is counts
    assert len(made.groups) == (2 if counts else 1)


def test_a_buffer_is_that_of_the_group_else_that_of_all() -> None:
    made = policy_of(
        detection={"buffer": "7m"},
        groups=[{"name": "a", "jobs": ["a"], "buffer": "0s"}, {"name": "b", "jobs": ["b"]}],
    )
    assert made.buffer == timedelta(minutes=7)
    assert [group.buffer for group in made.groups] == [timedelta(), None, None]


def test_groups_keep_their_order_and_the_built_in_one_comes_last() -> None:
    made = policy_of(
        groups=[
            {"name": "b", "jobs": ["1-*"], "exclusive": False},
            {"name": "a", "jobs": ["2-*"], "full": ["f"], "differential": ["d"]},
        ]
    )
    capitals = ("*full*", "*Full*", "*FULL*")
    differential = ("*differential*", "*Differential*", "*DIFFERENTIAL*")
    assert made.groups == (
        GroupPolicy(
            "b",
            ("1-*",),
            exclusive=False,
            full=capitals,
            differential=differential,
        ),
        GroupPolicy("a", ("2-*",), full=("f",), differential=("d",)),
        AKENEO,
    )


def test_a_job_is_looked_up_once() -> None:
    made = policy_of()
    assert made.job("x") is made.job("x")


@pytest.mark.parametrize(
    ("kind", "offset"), [("production", 0), ("staging", 1), ("development", 1), ("sandbox", 0)]
)
def test_staging_and_development_are_one_severity_lower(kind: str, offset: int) -> None:
    assert policy(Settings(), instance(type=kind)).severity_offset == offset
