"""The overview: first what needs a person, then the jobs, then the agent.

The one place that knows the order of rows and panels, the variables, and the identity of the dashboard.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana import agent, attention, jobs
from grafana.panels import DATASOURCE

UID = "sfcc-job-monitor-overview"
REFRESH = "1m"

Panels = Sequence[Builder[model.Panel]]


def render() -> str:
    """As it is committed: every key in its place, so that a difference shows what changed."""
    return json.dumps(overview(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def overview() -> model.Dashboard:
    builder = (
        dashboard.Dashboard("SFCC jobs")
        .uid(UID)
        .description("The jobs of Salesforce B2C Commerce instances, as sfcc-job-monitor sees them.")
        .tags(["sfcc", "sfcc-job-monitor", "jobs"])
        .time("now-24h", "now")
        .refresh(REFRESH)
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .variables([_datasource(), _instances(), _jobs()])
    )
    for title, panels in ROWS:
        builder.with_row(dashboard.Row(title))
        for panel in panels():
            builder.with_panel(panel)
    return _numbered(builder.build())


def _attention() -> Panels:
    return [*attention.counts(), attention.open_now(), attention.next_due()]


def _states() -> Panels:
    return [jobs.state(), jobs.running(), jobs.nearest(), jobs.durations()]


def _runs() -> Panels:
    return [jobs.ended(), jobs.failures(), jobs.overlaps(), jobs.at_once(), jobs.every_job()]


def _agent() -> Panels:
    seeing = [agent.up(), agent.last_success(), agent.poll_duration(), agent.requests(), agent.clock_skew()]
    telling = [agent.outbox(), agent.oldest(), agent.delivery()]
    return [*seeing, *telling, agent.notifications(), agent.logs(), agent.version()]


ROWS = (
    ("What needs a person", _attention),
    ("State and durations", _states),
    ("Runs", _runs),
    ("The agent", _agent),
)


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _instances() -> dashboard.QueryVariable:
    return _labels("sfcc_instance", "Instance", "sfcc_instance_info")


def _jobs() -> dashboard.QueryVariable:
    return _labels("job_id", "Job", 'sfcc_job_info{sfcc_instance=~"$sfcc_instance"}')


def _labels(label: str, title: str, series: str) -> dashboard.QueryVariable:
    """All is `.*`, not a list of hundreds of names: queries stay short, and new jobs are in it at once."""
    return (
        dashboard.QueryVariable(label)
        .label(title)
        .datasource(DATASOURCE)
        .query({"qryType": 1, "query": f"label_values({series}, {label})", "refId": f"variable-{label}"})
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


def _numbered(built: model.Dashboard) -> model.Dashboard:
    """Links to a single panel name its number: without one, Grafana would invent it at each load."""
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return built
