"""compose.yaml, the provisioning and Prometheus' configuration agree, and give nothing away."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from monitor.cli import cli
from monitor.cli.simulate import simulate
from monitor.settings import load
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, SCENARIOS, ScaledClock

OURS = ("simulator", "agent")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(root: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(root / "compose.yaml")["services"]
    return found


@pytest.fixture(scope="module")
def datasource(root: Path) -> dict[str, Any]:
    ((source,),) = [
        read(path)["datasources"] for path in (root / "grafana/provisioning/datasources").glob("*.yaml")
    ]
    assert isinstance(source, dict)
    return source


@pytest.fixture(scope="module")
def scrape(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = read(root / "grafana" / "prometheus" / "prometheus.yml")
    return found


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted, by where it is seen."""
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return {part[1]: part[0] for part in parts}


# -- how they find each other ----------------------------------------------------------------------


def test_what_is_mounted_is_there_and_cannot_be_changed(root: Path, services: dict[str, Any]) -> None:
    volumes = [volume for service in services.values() for volume in service.get("volumes", [])]
    ours = [volume for volume in volumes if volume.startswith(".")]
    assert ours
    for volume in ours:
        source, _, mode = volume.split(":")
        assert (root / source).exists(), volume
        assert mode == "ro"


def test_grafana_finds_its_provisioning_and_its_dashboards(root: Path, services: dict[str, Any]) -> None:
    mounted = mounts(services["grafana"])
    assert mounted["/etc/grafana/provisioning"] == "./grafana/provisioning"
    ((provider,),) = [
        read(path)["providers"] for path in (root / "grafana/provisioning/dashboards").glob("*.yaml")
    ]
    place = provider["options"]["path"]
    assert mounted[place] == "./grafana/dashboards"
    assert provider["allowUiUpdates"] is False
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (root / mounted[place] / Path(home).relative_to(place)).is_file()


def test_grafana_asks_the_prometheus_of_the_same_network(
    services: dict[str, Any], datasource: dict[str, Any], scrape: dict[str, Any]
) -> None:
    address = urlsplit(datasource["url"])
    assert address.hostname in services
    assert f"127.0.0.1:{address.port}:{address.port}" in services[address.hostname]["ports"]
    assert datasource["type"] == "prometheus"
    assert datasource["isDefault"]
    assert datasource["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]


def test_prometheus_scrapes_the_agent_where_it_listens(
    root: Path, services: dict[str, Any], scrape: dict[str, Any]
) -> None:
    (job,) = scrape["scrape_configs"]
    assert job["job_name"] == "sfcc-job-monitor"
    (target,) = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    assert services["simulator"]["networks"]["default"]["aliases"] == [name]
    assert services[name]["network_mode"] == "service:simulator"
    assert f"127.0.0.1:{port}:{port}" in services["simulator"]["ports"]
    assert re.search(rf"^EXPOSE {port}$", (root / "Dockerfile").read_text(), re.MULTILINE)
    place = next(one for one in services["prometheus"]["command"] if one.startswith("--config.file="))
    mounted = mounts(services["prometheus"])[place.partition("=")[2]]
    assert (root / mounted) == root / "grafana" / "prometheus" / "prometheus.yml"


def test_prometheus_keeps_its_data_on_its_volume(root: Path, services: dict[str, Any]) -> None:
    place = next(one for one in services["prometheus"]["command"] if one.startswith("--storage.tsdb.path="))
    assert mounts(services["prometheus"])[place.partition("=")[2]] in read(root / "compose.yaml")["volumes"]


# -- the agent and what it watches -----------------------------------------------------------------


def test_the_agents_settings_are_good(services: dict[str, Any], tmp_path: Path) -> None:
    environ = {
        name: re.sub(r"\$\{\w+:-\}", "", value) for name, value in services["agent"]["environment"].items()
    }
    (instance,) = load(None, environ, tmp_path).settings.instances
    assert instance.name == "simulated"
    assert (instance.client_id, environ["SFCC_CLIENT_SECRET"]) == (DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)


def test_the_simulator_listens_where_the_agent_asks(services: dict[str, Any]) -> None:
    name, *arguments = services["simulator"]["command"]
    assert cli.get_command(simulate.make_context("x", []), name) is simulate
    with simulate.make_context(name, arguments) as context:
        given = context.params
    assert given["scenario"] in SCENARIOS
    assert given["host"] == "0.0.0.0", "else nobody outside its container can make something go wrong"
    for variable in ("SFCC_SERVER", "SFCC_ACCOUNT_MANAGER_HOST"):
        assert services["agent"]["environment"][variable] == f"http://127.0.0.1:{given['port']}"
    assert f":{given['port']}/" in services["simulator"]["healthcheck"]["test"][-1]


def test_the_schedules_are_those_of_the_simulated_jobs(services: dict[str, Any]) -> None:
    world = SCENARIOS[services["simulator"]["command"][2]](ScaledClock(datetime.now(UTC)))
    crons = {spec.job_id: spec.cron for spec in world.jobs()}
    told = json.loads(services["agent"]["environment"]["SFCC_MONITOR_JOBS"])
    assert {job["match"]: job["cron"] for job in told}.items() <= crons.items()


def test_the_agent_waits_for_what_it_watches(services: dict[str, Any]) -> None:
    assert services["agent"]["depends_on"]["simulator"]["condition"] == "service_healthy"
    assert services["grafana"]["depends_on"]["prometheus"]["condition"] == "service_healthy"


# -- what they may ---------------------------------------------------------------------------------


def test_every_image_is_ours_or_of_a_stated_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name in OURS:
            assert (service["build"], service["pull_policy"]) == (".", "build")
        else:
            assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"]), name


def test_the_grafana_is_of_the_version_that_the_dashboard_is_made_for(
    root: Path, services: dict[str, Any]
) -> None:
    pinned = re.search(
        r"grafana-foundation-sdk==\d+!(\d+\.\d+)\.", (root / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert pinned is not None
    assert services["grafana"]["image"].startswith(f"grafana/grafana:{pinned[1]}.")


def test_none_may_do_more_than_it_needs(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_nothing_is_open_to_other_machines(services: dict[str, Any]) -> None:
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_service_says_whether_it_is_well(root: Path, services: dict[str, Any]) -> None:
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"agent"}, "its image has one"
    assert "HEALTHCHECK" in (root / "Dockerfile").read_text(encoding="utf-8")


def test_nobody_has_to_log_in_and_nobody_can(services: dict[str, Any]) -> None:
    environ = services["grafana"]["environment"]
    assert environ["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environ["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environ["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert not [name for name in environ if "PASSWORD" in name]
