"""The dashboard as it is committed, what it asks, and what the agent knows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Query:
    """One target of a panel."""

    panel: str
    expr: str
    legend: str


@dataclass(frozen=True)
class Known:
    """What is on the agent's reviewed page, on which every family has a series."""

    labels: Mapping[str, frozenset[str]]  # of each sample
    types: Mapping[str, str]  # of each sample's family
    values: Mapping[str, frozenset[str]]  # of each label


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def dashboard(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (root / "grafana" / "dashboards" / "overview.json").read_text(encoding="utf-8")
    )
    return found


@pytest.fixture(scope="session")
def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something, not the titles of rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="session")
def queries(panels: list[dict[str, Any]]) -> list[Query]:
    return [
        Query(panel["title"], target["expr"], target.get("legendFormat", ""))
        for panel in panels
        for target in panel["targets"]
    ]


@pytest.fixture(scope="session")
def known(root: Path) -> Known:
    page = (root / "tests" / "golden" / "metrics.txt").read_text(encoding="utf-8")
    labels: dict[str, frozenset[str]] = defaultdict(frozenset)
    values: dict[str, frozenset[str]] = defaultdict(frozenset)
    types = {}
    written = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels[sample.name] |= set(sample.labels)
            types[sample.name] = written.get(sample.name, family.type)
            for label, value in sample.labels.items():
                values[label] |= {value}
    return Known(labels, types, values)
