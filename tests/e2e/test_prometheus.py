"""A real Prometheus scrapes the agent while things happen, and answers every question of the dashboard.

What is asked is what is committed: the dashboard's JSON and Prometheus' configuration, both with the
addresses and paces of a test put in.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from monitor.simulator import World
from tests.e2e.harness import COMMAND, Agent, Chat, environment, until

ROOT = Path(__file__).parents[2]
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
CONFIGURATION = ROOT / "grafana" / "prometheus" / "prometheus.yml"
PACE = 0.5
WINDOW = 4
VARIABLES = {
    "$sfcc_instance": ".*",
    "$job_id": ".*",
    "$__rate_interval": f"{WINDOW}s",
    "$__interval": "1s",
}

ORDERS, EARLIER = "Export-Orders", "Feed-That-Failed-Long-Ago"
BROKEN, REPAIRED = "Import-Prices", "Import-Stock"
FIRST, SECOND = "3-1-1-Akeneo-Differential-Import-Master", "3-1-2-Akeneo-Differential-Import-Storefront"

needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="NO PROMETHEUS: the dashboard's queries were asked nobody (Debian's package `prometheus` has it)",
)

Series = tuple[dict[str, str], list[tuple[float, float]]]


class Prometheus:
    """A server of our own, started with the flags of compose.yaml."""

    def __init__(self, agent: str, directory: Path) -> None:
        self._agent = agent
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Prometheus:
        assert PROMETHEUS is not None
        configuration = self._directory / "prometheus.yml"
        configuration.write_text(self._configuration(), encoding="utf-8")
        for _ in range(5):  # somebody else may be quicker to take the port
            port = free_port()
            self.url = f"http://127.0.0.1:{port}"
            command = [PROMETHEUS, *self._flags(configuration), f"--web.listen-address=127.0.0.1:{port}"]
            with (self._directory / "prometheus.log").open("wb") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log)
            until("Prometheus", lambda: self._ready() or self._ended())
            if not self._ended():
                return self
        raise AssertionError((self._directory / "prometheus.log").read_text(encoding="utf-8"))

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def now(self, expr: str) -> list[Series]:
        return self._ask("query", query=expr)

    def over(self, expr: str, start: float, end: float) -> list[Series]:
        return self._ask("query_range", query=expr, start=start, end=end, step=PACE)

    def get(self, path: str) -> Any:
        return requests.get(f"{self.url}/api/v1/{path}", timeout=10).json()["data"]

    def _ask(self, kind: str, **parameters: str | float) -> list[Series]:
        answer = requests.post(f"{self.url}/api/v1/{kind}", data=parameters, timeout=30).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {parameters['query']}"
        return [
            (one["metric"], [(at, float(value)) for at, value in one.get("values") or [one["value"]]])
            for one in answer["data"]["result"]
        ]

    def _configuration(self) -> str:
        document = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
        document["global"] |= {"scrape_interval": f"{PACE * 1000:.0f}ms", "scrape_timeout": "400ms"}
        (job,) = document["scrape_configs"]
        job["static_configs"] = [{"targets": [self._agent]}]
        return yaml.safe_dump(document)

    def _flags(self, configuration: Path) -> list[str]:
        given = {
            "--config.file": configuration,
            "--storage.tsdb.path": self._directory / "data",
        }
        flags = [flag.partition("=") for flag in compose()["prometheus"]["command"]]
        return [f"{name}={given.get(name, value)}" for name, _, value in flags]

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).status_code == 200
        except requests.ConnectionError:
            return False

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@dataclass(frozen=True)
class Told:
    """A story that Prometheus has seen, and when it began, the open conditions opened, and it ended."""

    prometheus: Prometheus
    agent: Agent
    begin: float
    broken: float
    overlapped: float
    end: float

    def panel(self, title: str, letter: str = "A") -> list[Series]:
        """What one query of a panel shows, at its last points or over the whole story."""
        (panel,) = [one for one in panels() if one["title"] == title]
        (target,) = [one for one in panel["targets"] if one["refId"] == letter]
        return self.ask(target)

    def ask(self, target: dict[str, Any]) -> list[Series]:
        expr = target["expr"]
        for name, value in {**VARIABLES, "$__range": f"{math.ceil(self.end - self.begin)}s"}.items():
            expr = re.sub(rf"{re.escape(name)}\b", value, expr)
        assert "$" not in expr, "a variable that the test does not know"
        if target["instant"]:
            return self.prometheus.now(expr)
        return self.prometheus.over(expr, self.begin, self.end)


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((ROOT / "grafana/dashboards/overview.json").read_text(encoding="utf-8"))
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def prometheus(agent: Agent, tmp_path: Path) -> Iterator[Prometheus]:
    directory = tmp_path / "prometheus"
    directory.mkdir()
    agent.start(
        SFCC_MONITOR_JOBS=json.dumps(
            [{"match": ORDERS, "every": "1h", "at": "00:00", "severity": {"moved": "off", "stale": "off"}}]
        ),
        SFCC_MONITOR_GROUP_WAIT="0s",
    )
    prometheus = Prometheus(agent.url.partition("//")[2], directory)
    try:
        yield prometheus.start()
    finally:
        prometheus.end()


@pytest.fixture
def world(world: World) -> World:
    """A job that has run often enough to know what is usual, and one that failed before anybody looked."""
    now = world.now()
    for hour in range(2, 9):
        start = now - timedelta(hours=hour)
        world.start(ORDERS, at=start).finish(at=start + timedelta(seconds=60 + hour))
        world.start(EARLIER, at=start).finish(at=start + timedelta(seconds=30), code="ERROR")
    return world


@pytest.fixture
def told(world: World, agent: Agent, chat: Chat, prometheus: Prometheus) -> Told:
    """Two failures and their recoveries, one failure anew that stays, an overlap, and a run under way."""
    begin = time.time()
    seen = "sfcc_poll_last_success_timestamp_seconds"
    until("a window of scrapes", lambda: prometheus.now(f"{seen} offset {WINDOW}s"))
    for job_id in (BROKEN, REPAIRED):
        world.start(job_id).finish(code="ERROR", message="no file")
    chat.wait(2)
    for job_id in (BROKEN, REPAIRED):
        world.start(job_id).finish()
    over = f'sfcc_job_condition{{job_id="{BROKEN}"}} == 0'
    until(
        "two seconds without trouble",
        lambda: prometheus.now(f"{over} and {over.replace(' ==', ' offset 2s ==')}"),
    )
    world.start(ORDERS)
    broken = time.time()
    world.start(BROKEN).finish(code="ERROR", message="the price book is locked")
    agent.wait_metric("sfcc_job_condition", 1, job_id=BROKEN)
    overlapped = time.time()
    world.start(FIRST)
    world.start(SECOND)
    chat.wait(6)  # three failures, two recoveries, an overlap
    scraped = 'sfcc_alert_notifications_total{outcome="sent"} >= 6'
    until("the news in Prometheus", lambda: prometheus.now(scraped))
    until("rates of it", lambda: time.time() > overlapped + 2)
    return Told(prometheus, agent, begin, broken, overlapped, time.time())


def newest(series: list[Series], *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(one.get(label, "") for label in labels): values[-1][1] for one, values in series}


def highest(series: list[Series], label: str) -> dict[str, float]:
    return {one[label]: max(value for _, value in values) for one, values in series}


@needs_prometheus
def test_every_panel_shows_what_happened(told: Told) -> None:
    """One test for one story: telling it takes longer than all the questions."""
    check_that_the_target_is_up(told)
    check_that_no_query_is_without_data(told)
    check_the_numbers_of_the_first_row(told)
    check_what_is_open_and_since_when(told)
    check_the_states(told)
    check_that_the_very_first_of_its_kind_counts(told)
    check_what_is_due(told)
    check_the_page(told.agent)


def check_that_the_target_is_up(told: Told) -> None:
    (target,) = told.prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"]["job"] == "sfcc-job-monitor"


def check_that_no_query_is_without_data(told: Told) -> None:
    without = [
        f"{panel['title']} {target['refId']}: {target['expr']}"
        for panel in panels()
        for target in panel["targets"]
        if not any(math.isfinite(value) for _, values in told.ask(target) for _, value in values)
    ]
    assert without == []


def check_the_numbers_of_the_first_row(told: Told) -> None:
    titles = ["Critical", "Warnings", "Jobs failed", "Instances not seen", "Running"]
    shown = {title: newest(told.panel(title))[()] for title in titles}
    expected = {"Critical": 2, "Warnings": 1, "Jobs failed": 2, "Instances not seen": 0, "Running": 3}
    assert shown == expected


def check_what_is_open_and_since_when(told: Told) -> None:
    rows = newest(told.panel("Open conditions"), "severity", "condition", "job_id", "sfcc_instance")
    assert set(rows) == {
        ("critical", "failed", BROKEN, "production"),
        ("critical", "failed", EARLIER, "production"),
        ("warning", "overlap", SECOND, "production"),
    }
    since = {job_id: at / 1000 for (_, _, job_id, _), at in rows.items()}
    assert told.broken - 1 < since[BROKEN] < told.broken + 6, "its second time, not its first"
    assert told.overlapped - 1 < since[SECOND] < told.overlapped + 6
    assert since[EARLIER] < told.broken - WINDOW, "what was open before the graph shows its begin"


def check_the_states(told: Told) -> None:
    from grafana.jobs import STATES

    codes = newest(told.panel("State of each job"), "job_id")
    words = {job_id: STATES[int(code)][0] for (job_id,), code in codes.items()}
    assert words == {
        REPAIRED: "ok",
        BROKEN: "failed",
        EARLIER: "failed",
        ORDERS: "active",
        FIRST: "active",
        SECOND: "active",
    }


def check_that_the_very_first_of_its_kind_counts(told: Told) -> None:
    """And that what was there before the agent does not."""
    failures = highest(told.panel("Failed and aborted runs"), "job_id")
    assert set(failures) == {REPAIRED, BROKEN}
    assert all(count >= 1 for count in failures.values())
    assert newest(told.panel("Overlaps"), "job_id", "other_job_id")[SECOND, FIRST] >= 1
    assert set(highest(told.panel("Runs that ended"), "outcome")) == {"ok", "failed"}


def check_what_is_due(told: Told) -> None:
    due = newest(told.panel("Next due"), "job_id")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    assert set(due) == {(ORDERS,)}
    assert due[ORDERS,] / 1000 in {hour.timestamp(), hour.timestamp() - 3600}


def check_the_page(agent: Agent) -> None:
    page = requests.get(f"{agent.url}/metrics", timeout=10).text
    result = promtool("check", "metrics", text=page)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@needs_prometheus
def test_prometheus_takes_its_configuration() -> None:
    result = promtool("check", "config", str(CONFIGURATION))
    assert result.returncode == 0, result.stderr


def promtool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run(
        [PROMTOOL, *arguments], input=text, capture_output=True, text=True, timeout=30, check=False
    )


def test_what_compose_starts_of_ours_runs_and_is_well(tmp_path: Path) -> None:
    """Its command lines, its health check and its settings as processes, on ports that are free."""
    services = compose()
    asked = str(free_port())
    simulator = [word if word != "9986" else asked for word in services["simulator"]["command"]]
    given = {name: value.replace(":9986", f":{asked}") for name, value in settings(services["agent"]).items()}
    bare = {name: value for name, value in environment("", "").items() if not name.startswith("SFCC_")}
    own = {
        "SFCC_MONITOR_STATE": f"sqlite:///{tmp_path / 'state.sqlite'}",
        "SFCC_MONITOR_LISTEN": "127.0.0.1:0",
    }
    with subprocess.Popen(
        [COMMAND, *simulator], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        agent = Agent(bare | given | own, tmp_path)
        try:
            until("the simulator's health", lambda: healthy(services["simulator"], "9986", asked))
            agent.start()
            agent.wait_metric("sfcc_up", 1, sfcc_instance="simulated")
            assert agent.metric("sfcc_job_next_due_timestamp_seconds") > 0
        finally:
            agent.end()
            process.terminate()
    assert process.returncode == 0


def settings(service: dict[str, Any]) -> dict[str, str]:
    """As compose gives them where nothing is set outside."""
    return {name: re.sub(r"\$\{\w+:-\}", "", value) for name, value in service["environment"].items()}


def healthy(service: dict[str, Any], port: str, put: str) -> bool:
    kind, program, *arguments = service["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    words = [word.replace(port, put) for word in arguments]
    python = COMMAND.with_name("python")
    return subprocess.run([python, *words], capture_output=True, timeout=10, check=False).returncode == 0
