"""The rows of the jobs: the state of each, its durations against their limits, failures and overlaps."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, statetimeline, table, timeseries

from grafana import panels
from grafana.panels import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW, Column, Frame
from grafana.promql import JOB, at_end, counted, of_instance, of_job, per_instance, per_job

LEGEND = "{{sfcc_instance}} · {{job_id}}"
RUNNING = 8
STATES = {
    1: ("ok", GREEN),
    2: ("degraded", YELLOW),
    3: ("superseded", GREY),
    4: ("vanished", PURPLE),
    5: ("unknown", GREY),
    6: ("aborted", ORANGE),
    7: ("failed", RED),
    RUNNING: ("active", BLUE),
}
"""By the words of `sfcc_job_status`; a run that is under way goes before how the one before it ended."""

OUTCOMES = {word: color for word, color in STATES.values() if word != "active"}
EXECUTIONS = f"{JOB}, outcome, trigger"
OVERLAPS = f"{JOB}, other_job_id"
RATIO = ((None, GREEN), (0.8, YELLOW), (1, RED))

_LAST = of_job("sfcc_job_last_duration_seconds")
_UPPER = of_job("sfcc_job_expected_duration_seconds", 'bound="upper"')


def state() -> statetimeline.Panel:
    frame = Frame(
        "State of each job",
        "How the last run ended, and blue while one is under way. Twenty-five jobs a page.",
        width=24,
        height=12,
    )
    matchers = {value: f'sfcc_job_status="{word}"' for value, (word, _) in STATES.items()}
    ended = [f"{value} * {of_job('sfcc_job_status', one)}" for value, one in matchers.items()]
    under_way = f"{RUNNING} * ({of_job('sfcc_job_running')} >= bool 0)"
    return panels.states(frame, per_job(" or ".join([*ended, under_way])), LEGEND, STATES)


def running() -> table.Panel:
    frame = Frame(
        "Running now",
        "Runs under way, how long they have taken, and the upper limit of what is usual for the job; without "
        "one, the job has too few runs yet.",
        width=12,
        height=9,
        unit="s",
        no_value="Nothing runs",
    )
    now = per_job(of_job("sfcc_job_running"))
    exprs = [now, f"{per_job(_UPPER)} and {now}", f"{now} / {per_job(_UPPER)}"]
    columns = [
        Column("sfcc_instance", "Instance", width=140),
        Column("job_id", "Job", drill=True),
        Column("Value #A", "For", "s", width=100),
        Column("Value #B", "Limit", "s", width=100),
        Column("Value #C", "Of limit", "percentunit", width=100, steps=RATIO),
    ]
    return panels.table(frame, exprs, columns, "For", down=True)


def nearest() -> bargauge.Panel:
    frame = Frame(
        "Last run, of its limit",
        "The last run's duration by the upper limit of what is usual for the job: the fifteen that came "
        "nearest to it, or over it.",
        width=12,
        height=9,
        unit="percentunit",
        steps=RATIO,
        no_value="No job has runs enough to know what is usual",
    )
    ratio = f"{per_job(_LAST)} / {per_job(_UPPER)}"
    return panels.gauges(frame, f"sort_desc(topk(15, {ratio}))", LEGEND)


def durations() -> timeseries.Panel:
    frame = Frame(
        "Durations and their limits",
        "How long the last run took, and dashed the upper limit and the median of what is usual. Of many "
        "jobs the ten whose last run came nearest to its limit: choose a job above to see that one.",
        width=24,
        height=10,
        unit="s",
    )
    ratio = f"{per_job(at_end(_LAST))} / {per_job(at_end(_UPPER))}"
    ten = f"and on ({JOB}) topk(10, {ratio} or 0 * {per_job(at_end(_LAST))})"
    median = of_job("sfcc_job_expected_duration_seconds", 'bound="median"')
    panel = panels.lines(
        frame,
        (f"{per_job(_LAST)} {ten}", LEGEND),
        (f"{per_job(_UPPER)} {ten}", f"{LEGEND} · limit"),
        (f"{per_job(median)} {ten}", f"{LEGEND} · median"),
    )
    return panels.dashed(panels.dashed(panel, "B"), "C")


def ended() -> timeseries.Panel:
    frame = Frame("Runs that ended", "Of all jobs that are chosen, by how they ended.", width=12, height=8)
    expr = counted("sfcc_job_executions_total", EXECUTIONS, "sfcc_instance, outcome")
    return panels.bars(frame, (f"{expr} > 0", "{{sfcc_instance}} · {{outcome}}"), colors=OUTCOMES)


def failures() -> timeseries.Panel:
    frame = Frame(
        "Failed and aborted runs",
        "By job; only jobs that had one. A job's very first failure counts as well.",
        width=12,
        height=8,
        no_value="None in this time",
    )
    expr = counted("sfcc_job_executions_total", EXECUTIONS, JOB, 'outcome=~"failed|aborted"')
    return panels.bars(frame, (f"{expr} > 0", LEGEND))


def overlaps() -> timeseries.Panel:
    frame = Frame(
        "Overlaps",
        "Pairs of runs that were seen at once although their group excludes it, by the job that started "
        "later and the one it started into.",
        width=12,
        height=8,
        no_value="None in this time",
    )
    expr = counted("sfcc_job_overlaps_total", OVERLAPS, OVERLAPS)
    return panels.bars(frame, (f"{expr} > 0", "{{sfcc_instance}} · {{job_id}} into {{other_job_id}}"))


def at_once() -> timeseries.Panel:
    frame = Frame(
        "Runs at once",
        "Executions under way on each instance, system jobs included. The platform runs about fifteen at "
        "once; more have to wait.",
        width=12,
        height=8,
        steps=((None, GREEN), (12, YELLOW), (15, RED)),
    )
    return panels.lines(frame, (per_instance(of_instance("sfcc_running_executions")), "{{sfcc_instance}}"))


def every_job() -> table.Panel:
    frame = Frame(
        "Every job",
        "Each job's last end, last success, last duration, failures in a row, and when it is next due.",
        width=24,
        height=10,
    )
    exprs = [
        f"1000 * {per_job(of_job('sfcc_job_last_end_timestamp_seconds'))}",
        f"1000 * {per_job(of_job('sfcc_job_last_success_timestamp_seconds'))}",
        per_job(_LAST),
        per_job(_UPPER),
        per_job(of_job("sfcc_job_consecutive_failures")),
        f"1000 * {per_job(of_job('sfcc_job_next_due_timestamp_seconds'))}",
    ]
    columns = [
        Column("sfcc_instance", "Instance", width=160),
        Column("job_id", "Job", drill=True),
        Column("Value #E", "Failures in a row", "short", width=140, steps=((None, GREEN), (1, RED))),
        Column("Value #A", "Last end", "dateTimeFromNow", width=140),
        Column("Value #B", "Last success", "dateTimeFromNow", width=140),
        Column("Value #C", "Last duration", "s", width=120),
        Column("Value #D", "Limit", "s", width=120),
        Column("Value #F", "Next due", "dateTimeFromNow", width=140),
    ]
    return panels.table(frame, exprs, columns, "Failures in a row", down=True)
