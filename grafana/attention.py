"""The first row: what needs a person now, and nothing that does not."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table

from grafana import panels
from grafana.panels import BLUE, GREEN, ORANGE, RED, YELLOW, Column, Frame
from grafana.promql import conditions, number_of, of_instance, of_job, open_since, per_instance, per_job

WAITING = ((None, GREEN), (330, YELLOW), (600, RED))
"""Seconds; what waits by intent, for the default `group_interval` of five minutes, is no trouble."""

SEVERITIES = {"critical": RED, "warning": ORANGE, "info": BLUE}


def counts() -> list[stat.Panel]:
    badly = of_job("sfcc_job_status", 'sfcc_job_status=~"failed|aborted"')
    critical = conditions('severity="critical"')
    milder = conditions('severity!="critical"')
    return [
        _count("Critical", "Conditions of severity critical that are open.", f"{critical} == 1", RED),
        _count("Warnings", "Conditions of severity warning or info that are open.", f"{milder} == 1", ORANGE),
        _count(
            "Jobs failed",
            "Jobs whose last run ended with an error or was aborted, whether that is told or not.",
            f"{per_job(badly)} == 1",
            RED,
        ),
        _count(
            "Instances not seen",
            "Instances whose last poll did not come to its end: what is shown of them is from before.",
            f"{per_instance(of_instance('sfcc_up'))} == 0",
            RED,
        ),
        _count(
            "Running",
            "Jobs with a run under way.",
            per_job(of_job("sfcc_job_running")),
            above=BLUE,
            below=BLUE,
        ),
        _waiting(),
    ]


def open_now() -> table.Panel:
    frame = Frame(
        "Open conditions",
        "What holds now, one row for each condition of a job or of a whole instance. Since: when it opened, "
        "to the resolution of the graph; what was open before the time range shows the range's start.",
        width=14,
        height=9,
        no_value="Nothing is open",
    )
    columns = [
        Column("severity", "Severity", width=90, mapping=SEVERITIES),
        Column("sfcc_instance", "Instance", width=140),
        Column("job_id", "Job", drill=True),
        Column("condition", "Condition", width=110),
        Column("Value", "Since", "dateTimeFromNow", width=140),
    ]
    return panels.table(frame, [open_since()], columns, "Severity", down=False)


def next_due() -> table.Panel:
    frame = Frame(
        "Next due",
        "The next twenty starts by the schedules in the settings. Jobs without a schedule are not listed.",
        width=10,
        height=9,
        no_value="No schedule is configured",
    )
    due = f"1000 * bottomk(20, {per_job(of_job('sfcc_job_next_due_timestamp_seconds'))})"
    columns = [
        Column("Value", "Due", "dateTimeFromNow", width=140),
        Column("sfcc_instance", "Instance", width=140),
        Column("job_id", "Job", drill=True),
    ]
    return panels.table(frame, [due], columns, "Due", down=False)


def _count(title: str, description: str, vector: str, above: str, below: str = GREEN) -> stat.Panel:
    frame = Frame(title, description, width=4, height=4, steps=((None, below), (1, above)))
    return panels.number(frame, number_of(vector))


def _waiting() -> stat.Panel:
    frame = Frame(
        "Oldest unsent alert",
        "How long the oldest message waits that a target has not taken, of all instances. 0 when none waits; "
        "up to five minutes are usual: news of a group that was told just now waits for `group_interval`.",
        width=4,
        height=4,
        unit="s",
        steps=WAITING,
        no_value="no target",
    )
    return panels.number(frame, "max(sfcc_alert_outbox_oldest_seconds)")
