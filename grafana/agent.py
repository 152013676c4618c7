"""The row of the agent itself: whether it sees, keeps up, and is heard."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline, table, timeseries

from grafana import panels
from grafana.attention import WAITING
from grafana.panels import GREEN, RED, YELLOW, Column, Frame
from grafana.promql import of_instance, per_instance, quantile

INSTANCE = "{{sfcc_instance}}"
TARGET = "{{target}}"


def up() -> statetimeline.Panel:
    frame = Frame(
        "Polls",
        "Whether the last poll of an instance read everything and is committed. A gap: no agent was there.",
        width=12,
        height=7,
    )
    words = {0: ("incomplete", RED), 1: ("complete", GREEN)}
    return panels.states(frame, f"min by (sfcc_instance) ({of_instance('sfcc_up')})", INSTANCE, words)


def last_success() -> timeseries.Panel:
    frame = Frame(
        "Age of the last complete poll",
        "Should stay near the poll interval. Over ten minutes the agent is blind to the jobs.",
        width=12,
        height=7,
        unit="s",
        steps=((None, GREEN), (300, YELLOW), (600, RED)),
    )
    at = per_instance(of_instance("sfcc_poll_last_success_timestamp_seconds"))
    return panels.lines(frame, (f"time() - {at}", INSTANCE))


def poll_duration() -> timeseries.Panel:
    frame = Frame(
        "Duration of polls",
        "How long polls took, the median and the 95th percentile, failed ones included.",
        width=8,
        height=7,
        unit="s",
    )
    buckets = of_instance("sfcc_poll_duration_seconds_bucket")
    return panels.lines(
        frame,
        (quantile(0.5, buckets, "sfcc_instance"), f"{INSTANCE} · median"),
        (quantile(0.95, buckets, "sfcc_instance"), f"{INSTANCE} · p95"),
    )


def requests() -> timeseries.Panel:
    frame = Frame(
        "Requests to SFCC",
        "By API and by how they ended: ok, or the reason why not. Of all instances together.",
        width=8,
        height=7,
        unit="reqps",
    )
    rate = "sum by (api, outcome) (rate(sfcc_api_requests_total[$__rate_interval])) > 0"
    return panels.lines(frame, (rate, "{{api}} · {{outcome}}"))


def clock_skew() -> timeseries.Panel:
    frame = Frame(
        "Clock skew",
        "How far an instance's clock is ahead of the agent's. Over five seconds the agent corrects for it.",
        width=8,
        height=7,
        unit="s",
        least=None,
    )
    skew = per_instance(of_instance("sfcc_clock_skew_seconds"))
    return panels.lines(frame, (skew, INSTANCE))


def outbox() -> timeseries.Panel:
    frame = Frame(
        "Messages waiting",
        "Messages that a target has not taken yet, those included that wait for `group_wait` or "
        "`group_interval`.",
        width=8,
        height=7,
    )
    return panels.lines(frame, ("max by (target) (sfcc_alert_outbox_messages)", TARGET))


def oldest() -> timeseries.Panel:
    frame = Frame(
        "Age of the oldest message waiting",
        "Up to five minutes are usual: news of a group that was told just now waits for `group_interval`. "
        "Over ten a target is in trouble: the panel of notifications says which, and why.",
        width=8,
        height=7,
        unit="s",
        steps=WAITING,
    )
    return panels.lines(frame, ("max by (target) (sfcc_alert_outbox_oldest_seconds)", TARGET))


def delivery() -> timeseries.Panel:
    frame = Frame(
        "Time to delivery",
        "From the news being seen to the target having the message, the median and the 95th percentile. "
        "What waits by intent is included: `group_wait`, the log, and `group_interval` for a recovery that "
        "follows its alert within minutes.",
        width=8,
        height=7,
        unit="s",
    )
    buckets = "sfcc_alert_delivery_seconds_bucket"
    return panels.lines(frame, (quantile(0.5, buckets), "median"), (quantile(0.95, buckets), "p95"))


def notifications() -> timeseries.Panel:
    frame = Frame(
        "Notifications",
        "Tries to deliver a message, by target and by how they ended: sent, or the reason why not.",
        width=8,
        height=7,
        no_value="None in this time",
    )
    tries = "sum by (target, outcome) (increase(sfcc_alert_notifications_total[$__rate_interval]))"
    return panels.bars(frame, (f"{tries} > 0", "{{target}} · {{outcome}}"))


def logs() -> timeseries.Panel:
    frame = Frame(
        "Logs fetched",
        "Logs of jobs fetched for alerts. An alert whose log cannot be had is sent without it.",
        width=8,
        height=7,
        no_value="None in this time",
    )
    fetched = "sum by (outcome) (increase(sfcc_log_fetches_total[$__rate_interval]))"
    return panels.bars(frame, (f"{fetched} > 0", "{{outcome}}"))


def version() -> table.Panel:
    frame = Frame(
        "Agents", "The versions of the agents that are scraped, and how many of each.", width=8, height=7
    )
    columns = [
        Column("version", "Version"),
        Column("python", "Python"),
        Column("Value", "Agents", "short"),
    ]
    return panels.table(
        frame, ["sum by (version, python) (sfcc_monitor_build_info)"], columns, "Version", down=True
    )
