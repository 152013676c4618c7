"""Settings as the plain data that detection works with."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from monitor.detect import CONDITIONS
from monitor.policy import AKENEO, GroupPolicy, JobPolicy, Policy
from monitor.schedule import Schedule
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy
from monitor.settings.thresholds import CONDITION_NAMES


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
        "notify": "each_run",
    }
    assert policy_of(jobs=[{"match": "*", **fields}]).job("x") == JobPolicy(**fields)


@pytest.mark.parametrize(
    ("job_id", "said", "attach"),
    [
        ("3-prices", None, "full"),
        ("Export-Orders", None, "excerpt"),
        ("sync_CUSTOMER_lists", None, "excerpt"),
        ("newsletter", None, "excerpt"),
        ("Export-Orders", "full", "full"),
        ("3-prices", "none", "none"),
    ],
)
def test_of_jobs_with_data_of_people_the_log_stays_here(job_id: str, said: str | None, attach: str) -> None:
    tables = [{"match": "*", "attach": said}] if said else []
    assert policy_of(jobs=tables).job(job_id).attach == attach


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


OF_A_JOB: dict[str, Any] = {
    "failure_threshold": 2,
    "recovery_threshold": 3,
    "alert_on_retry": True,
    "aborted_is": "info",
    "failure_codes": ["BAD"],
    "warn_codes": ["NOTE"],
    "log_errors": 3,
    "no_data_codes": ["EMPTY"],
    "no_data_after": timedelta(days=3),
    "max_duration": timedelta(hours=2),
    "stuck_after": timedelta(hours=6),
    "pending_after": timedelta(minutes=30),
    "start_tolerance": timedelta(minutes=10),
    "early_tolerance": timedelta(),
    "missed_after": timedelta(hours=12),
    "site_missing_after": timedelta(hours=2),
    "max_success_age": timedelta(hours=26),
    "finish_by": time(6, 30),
    "min_gap": timedelta(minutes=10),
}
OF_AN_INSTANCE: dict[str, Any] = {
    "site_spread": timedelta(minutes=1),
    "buffer": timedelta(minutes=2),
    "retry_wait": timedelta(minutes=3),
    "scheduler_logins": ["cron"],
    "scheduler_clients": ["middleware"],
    "absence_lag": timedelta(minutes=4),
    "full_imports_within": timedelta(days=5),
    "saturated_at": 6,
    "saturated_for": timedelta(minutes=7),
    "interrupted_runs": 8,
    "interrupted_within": timedelta(minutes=9),
    "interrupted_for": timedelta(hours=10),
    "blind_after": timedelta(minutes=11),
    "maintenance_max": timedelta(hours=12),
    "expiring_before": timedelta(days=13),
}
SAID_OTHERWISE = {"severity", "title", "impact", "owner", "runbook", "attach", "notify"}
SAID_OTHERWISE |= {"schedule", "schedule_source"}
OF_ITS_KIND = {"job", "groups", "scheduled", "system_jobs", "severity_offset", "timezone", "is_sandbox"}
OF_ITS_KIND |= {"severity", "downtime", "no_slots"}


def plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def values_of(policy: JobPolicy | Policy, names: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in names}


def placed(place: str, fields: dict[str, Any]) -> Policy:
    """With these fields in one table that is about the job `3-prices`."""
    if place == "instances":
        return policy(Settings(), instance(**fields))
    if place == "detection":
        return policy_of(detection=fields)
    selector = {"match": "3-*"} if place == "jobs" else {"name": "imports", "jobs": ["9-*", "3-*"]}
    return policy(Settings.model_validate({place: [{**selector, **fields}]}), instance())


def test_every_threshold_of_the_policies_is_a_setting() -> None:
    assert set(OF_A_JOB) == {field.name for field in fields(JobPolicy)} - SAID_OTHERWISE
    assert set(OF_AN_INSTANCE) == {field.name for field in fields(Policy)} - OF_ITS_KIND


@pytest.mark.parametrize("name", OF_A_JOB)
@pytest.mark.parametrize("place", ["detection", "instances", "groups", "jobs"])
def test_a_threshold_of_jobs_may_stand_in_every_table(place: str, name: str) -> None:
    made = placed(place, {name: OF_A_JOB[name]})
    if (place, name) == ("groups", "finish_by"):
        assert made.groups[0].finish_by == OF_A_JOB[name]
        assert made.job("3-prices").finish_by is None
    else:
        assert getattr(made.job("3-prices"), name) == plain(OF_A_JOB[name])
        assert getattr(made.job("3-prices"), name) != getattr(JobPolicy(), name)


@pytest.mark.parametrize("name", OF_AN_INSTANCE)
@pytest.mark.parametrize("place", ["detection", "instances"])
def test_a_threshold_of_instances_may_be_each_ones_own(place: str, name: str) -> None:
    found = getattr(placed(place, {name: OF_AN_INSTANCE[name]}), name)
    assert found == plain(OF_AN_INSTANCE[name])
    assert found != getattr(Policy(), name)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param("", 1, id="the default"),
        pytest.param("detection", 2, id="for all"),
        pytest.param("detection instances", 3, id="an instance before all"),
        pytest.param("detection instances groups", 4, id="a group before its instance"),
        pytest.param("detection instances groups jobs", 5, id="a job before its group"),
        pytest.param("detection jobs", 5, id="a job before all"),
        pytest.param("instances jobs groups", 5, id="a job before its group, in whatever order they stand"),
    ],
)
def test_the_narrowest_table_counts(tables: str, expected: int) -> None:
    given = tables.split()
    settings = Settings.model_validate(
        {
            "detection": {"failure_threshold": 2, "severity": {"slow": "info", "failed": "info"}}
            if "detection" in given
            else {},
            "groups": [{"name": "g", "jobs": ["3-*"], "failure_threshold": 4, "severity": {"slow": "off"}}]
            if "groups" in given
            else [],
            "jobs": [{"match": "3-*", "failure_threshold": 5, "severity": {"slow": "critical"}}]
            if "jobs" in given
            else [],
        }
    )
    narrower: dict[str, Any] = {"failure_threshold": 3, "severity": {"slow": "warning"}}
    own = narrower if "instances" in given else {}
    job = policy(settings, instance(**own)).job("3-prices")
    assert job.failure_threshold == expected
    loudness = {1: None, 2: "info", 3: "warning", 4: "off", 5: "critical"}
    assert job.severity.get("slow") == loudness[expected]
    assert job.severity.get("failed") == ("info" if "detection" in given else None)


def test_of_several_groups_of_a_job_the_later_one_counts_field_by_field() -> None:
    made = policy_of(
        groups=[
            {"name": "a", "jobs": ["3-*"], "failure_threshold": 2, "recovery_threshold": 2},
            {"name": "b", "jobs": ["*-prices"], "failure_threshold": 3},
            {"name": "c", "jobs": ["9-*"], "failure_threshold": 4},
            {"name": "d", "jobs": ["3-*"], "failure_threshold": 5, "instance": "staging"},
        ]
    )
    job = made.job("3-prices")
    assert (job.failure_threshold, job.recovery_threshold) == (3, 2)
    assert made.job("other") == JobPolicy()


def test_a_group_has_an_order_and_a_time_to_be_done_by() -> None:
    (group, _) = policy_of(
        groups=[{"name": "g", "jobs": ["*"], "order": ["1-*", "2-*"], "finish_by": "06:30"}]
    ).groups
    assert (group.order, group.finish_by) == (("1-*", "2-*"), time(6, 30))


def test_what_is_the_instances_own_is_as_loud_as_it_or_detection_says() -> None:
    settings = Settings.model_validate(
        {
            "detection": {"severity": {"blind": "info", "saturated": "off"}},
            "jobs": [{"match": "*", "severity": {"blind": "critical"}}],
        }
    )
    made = policy(settings, instance(severity={"blind": "warning"}))
    assert made.severity == {"blind": "warning", "saturated": "off"}


@pytest.mark.parametrize(("kind", "expected"), [("production", False), ("staging", False), ("sandbox", True)])
def test_a_sandbox_runs_no_schedules(kind: str, *, expected: bool) -> None:
    made = policy(Settings(), instance(type=kind, timezone=BERLIN))
    assert (made.is_sandbox, made.timezone) == (expected, BERLIN)


def test_every_condition_can_be_given_a_severity() -> None:
    assert set(CONDITIONS) <= set(CONDITION_NAMES)


def test_every_threshold_is_written_as_it_is_read() -> None:
    whole = Settings.model_validate({"detection": OF_A_JOB | OF_AN_INSTANCE, "groups": [], "jobs": []})
    assert Settings.model_validate(whole.model_dump(mode="json")).detection == whole.detection
