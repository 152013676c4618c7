"""The committed dashboard is what the code makes, and asks nothing that the agent does not answer."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.model import Severity
from grafana import UID, render
from grafana.attention import SEVERITIES
from grafana.jobs import STATES
from tests.grafana.conftest import Known, Query

WORDS = {"or", "and", "unless", "offset", "bool", "by", "on", "ignoring", "group_left", "end"}
GROUPING = re.compile(r"\b(?:by|on|ignoring) \(([^)]*)\)")
SELECTOR = re.compile(r"\b(\w+)\{([^}]*)\}")


def selectors(expr: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric that is asked for, with the labels that it is chosen by."""
    for name, matchers in SELECTOR.findall(expr):
        yield name, set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', matchers))
    plain = re.sub(r"\[[^]]*\]", "", SELECTOR.sub("", GROUPING.sub("", expr)))
    for name in re.findall(r"(?<![\w$.])([a-z_]\w*)(?![\w])(?!\s*\()", plain):
        if name not in WORDS:
            yield name, set()


def grouped(expr: str) -> set[str]:
    return {label for some in GROUPING.findall(expr) for label in re.split(r",\s*", some)}


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        ('max by (a) (x{b="1", c=~"$v"})', [("x", {"b", "c"})]),
        ("sum(rate(x_total[5m])) > 0", [("x_total", set())]),
        ('x{a="1"} offset $__interval or 0 * y', [("x", {"a"}), ("y", set())]),
        ("1000 * (max_over_time(timestamp(x == 1)[$__range:$__interval]) and x)", [("x", set())] * 2),
        ('x{a="1"} @ end() / y', [("x", {"a"}), ("y", set())]),
        ("x < ignoring (a) group_left () y", [("x", set()), ("y", set())]),
    ],
)
def test_what_is_asked_is_read_right(expr: str, found: list[tuple[str, set[str]]]) -> None:
    assert sorted(selectors(expr)) == found


def test_the_committed_dashboard_is_what_the_code_makes(root: Path) -> None:
    committed = (root / "grafana" / "dashboards" / "overview.json").read_text(encoding="utf-8")
    assert committed == render(), (
        "grafana/*.py and grafana/dashboards/overview.json differ: "
        "`make dashboards` writes the file anew; look at the difference"
    )


def test_who_links_to_it_finds_it(dashboard: dict[str, Any]) -> None:
    assert dashboard["uid"] == UID == "sfcc-job-monitor-overview"
    assert len(UID) <= 40
    assert "sfcc-job-monitor" in dashboard["tags"]
    assert dashboard["time"] == {"from": "now-24h", "to": "now"}
    assert dashboard["refresh"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_the_agent_exports_all_that_is_asked_for(queries: list[Query], known: Known) -> None:
    unknown = [
        f"{query.panel}: {name}"
        for query in queries
        for name, _ in selectors(query.expr)
        if name not in known.labels
    ]
    assert unknown == []


def test_every_metric_has_the_labels_that_it_is_chosen_by(queries: list[Query], known: Known) -> None:
    unknown = [
        f"{query.panel}: {name}{sorted(labels - known.labels[name])}"
        for query in queries
        for name, labels in selectors(query.expr)
        if not labels <= known.labels[name]
    ]
    assert unknown == []


def test_what_is_grouped_by_and_shown_in_a_legend_is_a_label_of_what_is_asked(
    queries: list[Query], known: Known
) -> None:
    for query in queries:
        has = frozenset[str]().union(*(known.labels[name] for name, _ in selectors(query.expr)))
        assert grouped(query.expr) <= has, query.panel
        assert set(re.findall(r"{{(\w+)}}", query.legend)) <= grouped(query.expr), query.panel


def test_no_query_knows_a_label_that_prometheus_sets_itself(queries: list[Query]) -> None:
    for query in queries:
        labels = grouped(query.expr).union(*(labels for _, labels in selectors(query.expr)))
        assert not labels & {"job", "instance"}, query.panel


def test_what_differs_by_target_is_always_aggregated_away(queries: list[Query]) -> None:
    """An agent that moves to another host is no second line."""
    for query in queries:
        assert re.search(r"\b(max|min|sum|count)\b( by)? ?\(", query.expr), query.panel


def test_counters_are_asked_for_what_they_counted_and_gauges_for_what_they_are(
    queries: list[Query], known: Known
) -> None:
    for query in queries:
        counters = {
            name for name, _ in selectors(query.expr) if known.types[name] in {"counter", "histogram"}
        }
        counted = set(re.findall(r"\b(?:rate|increase)\((\w+)[^[]*\[\$__rate_interval\]", query.expr))
        assert counters == counted, query.panel


def test_values_that_are_asked_for_exist(queries: list[Query], known: Known) -> None:
    for query in queries:
        for label, values in re.findall(r'(\w+)(?:=~|!=|=)"([^"$]+)"', query.expr):
            exists = known.values[label] | (known.values["sfcc_job_status"] if label == "outcome" else set())
            assert set(values.split("|")) <= exists, f"{query.panel}: {label}"


def test_every_state_and_severity_has_a_color(known: Known) -> None:
    assert {word for word, _ in STATES.values()} == known.values["sfcc_job_status"]
    assert set(SEVERITIES) == {severity.value for severity in Severity}


def test_everything_asks_the_data_source_that_is_chosen(dashboard: dict[str, Any]) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    source, *others = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert [one["datasource"] for one in others] == [chosen] * len(others)
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            asked = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert all(one == chosen for one in asked), panel["title"]


def test_instances_and_jobs_can_be_chosen_several_at_once_and_all(
    dashboard: dict[str, Any], known: Known
) -> None:
    _, *variables = dashboard["templating"]["list"]
    assert [one["name"] for one in variables] == ["sfcc_instance", "job_id"]
    for one in variables:
        assert one["multi"]
        assert one["includeAll"]
        assert one["allValue"] == ".*", "a list of hundreds of names makes queries that are refused"
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"])
        assert found is not None
        assert found[2] == one["name"]
        ((metric, labels),) = selectors(found[1])
        assert labels | {one["name"]} <= known.labels[metric]


def test_what_is_of_a_job_obeys_the_choice_of_instances_and_jobs(queries: list[Query], known: Known) -> None:
    for query in queries:
        for name, labels in selectors(query.expr):
            chosen_by = {"sfcc_instance", "job_id"} & known.labels[name]
            assert chosen_by <= labels, f"{query.panel}: {name}"


def test_every_panel_says_what_it_shows_in_which_unit(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        defaults = panel["fieldConfig"]["defaults"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]


def test_panels_lie_side_by_side(dashboard: dict[str, Any]) -> None:
    taken = [
        (panel["gridPos"]["y"] + down, panel["gridPos"]["x"] + right)
        for panel in dashboard["panels"]
        for down, right in itertools.product(range(panel["gridPos"]["h"]), range(panel["gridPos"]["w"]))
    ]
    assert len(set(taken)) == len(taken), "two panels overlap"
    lines = {y for y, _ in taken}
    assert set(taken) == set(itertools.product(lines, range(24))), "there is a hole, or something sticks out"


def test_the_columns_of_a_table_are_what_its_queries_give(panels: list[dict[str, Any]]) -> None:
    tables = [panel for panel in panels if panel["type"] == "table"]
    assert tables
    for panel in tables:
        merge, keep, organize = panel["transformations"]
        assert merge["id"] == "merge"
        names = keep["options"]["include"]["names"]
        several = len(panel["targets"]) > 1
        given = {f"Value #{target['refId']}" if several else "Value" for target in panel["targets"]}
        given |= {label for target in panel["targets"] for label in grouped(target["expr"])}
        assert set(names) <= given, panel["title"]
        titles = organize["options"]["renameByName"]
        assert list(titles) == sorted(names), panel["title"]
        styled = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
        assert styled <= set(titles.values()), panel["title"]
        assert {one["displayName"] for one in panel["options"]["sortBy"]} <= set(titles.values())
        assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])


def test_times_are_given_as_grafana_takes_them(panels: list[dict[str, Any]]) -> None:
    """Prometheus counts seconds, Grafana's units of time milliseconds."""
    for panel in panels:
        units = [panel["fieldConfig"]["defaults"]["unit"]] + [
            one["value"]
            for override in panel["fieldConfig"]["overrides"]
            for one in override["properties"]
            if one["id"] == "unit"
        ]
        times = [target for target in panel["targets"] if target["expr"].startswith("1000 * ")]
        assert units.count("dateTimeFromNow") == len(times), panel["title"]
