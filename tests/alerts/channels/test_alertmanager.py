"""Against a real Alertmanager: what it holds to be true after each thing that we tell it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.channels.alertmanager import LIFE, AlertmanagerNotifier, labels
from alerts.delivery import refresh
from alerts.model import DeliveryError, Incident, NotificationKind, Told
from alerts.render import Background
from alerts.routing import Route, RoutingPolicy
from alerts.testing import finding, incident
from tests.alerts.channels.alertmanager import PROGRAM, Alertmanager, free_port, running
from tests.alerts.channels.conftest import NOON, Telling
from tests.alerts.conftest import Desk

K = NotificationKind
real = pytest.mark.skipif(
    PROGRAM is None, reason="there is no Alertmanager: apt install prometheus-alertmanager"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with running(tmp_path_factory.mktemp("am") / "one") as found:
        yield found


def now_of_the_machine() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def after_noon() -> timedelta:
    return now_of_the_machine() - NOON


def over(one: Incident) -> Incident:
    return replace(one, ends_at=now_of_the_machine(), resolution="run 2 ended ok")


@real
def test_an_alert_says_what_where_and_what_the_log_says(server: Alertmanager, telling: Telling) -> None:
    target = AlertmanagerNotifier("am", server.url)
    one = replace(
        incident("3-Import prices"), attachments=("log",), facts=(("Runbook", "https://wiki.example.com/p"),)
    )
    target.send(
        telling(target.capabilities, one, after=after_noon(), customer="acme", group="imports", owner="")
    )
    (alert,) = server.alerts()
    assert alert["labels"] == {
        "alertname": "SfccJobFailed",
        "condition": "failed",
        "customer": "acme",
        "group": "imports",
        "job_id": "3-Import prices",
        "severity": "critical",
        "sfcc_instance": "production",
    }
    notes = alert["annotations"]
    assert notes["summary"] == "failed: 3-Import prices on production"
    assert "the feed is broken at row 7" in notes["log"]
    assert "the feed is broken at row 7" in notes["description"]
    assert (notes["incident"], notes["runbook_url"]) == (one.id, "https://wiki.example.com/p")
    assert alert["startsAt"].startswith("2026-11-23T12:00:00")

    # Told again it is the same alert, which holds for longer.
    target.send(
        telling(
            target.capabilities,
            one,
            after=after_noon() + timedelta(minutes=1),
            customer="acme",
            group="imports",
        )
    )
    (again,) = server.alerts()
    assert again["fingerprint"] == alert["fingerprint"]
    assert again["endsAt"] > alert["endsAt"]

    target.send(
        telling(
            target.capabilities,
            over(one),
            kind=K.RESOLVED,
            after=after_noon(),
            customer="acme",
            group="imports",
        )
    )
    assert server.alerts() == []


@real
def test_a_thousand_are_taken_and_each_has_its_own(server: Alertmanager, telling: Telling) -> None:
    target = AlertmanagerNotifier("am", f"{server.url}/")
    many = [incident(f"job {number}") for number in range(1_000)]
    target.send(telling(target.capabilities, *many, kind=K.SUMMARY, after=after_noon()))
    assert {one["labels"]["job_id"] for one in server.alerts()} == {one.name for one in many}
    target.send(telling(target.capabilities, *map(over, many), kind=K.RESOLVED, after=after_noon()))
    assert server.alerts() == []


@real
@pytest.mark.parametrize(
    "wild", ["a b/c?d#e", "<b>&amp;\"'", "x" * 3000, "💥 ünï", "tab\tand\nline", "{{ .Labels }}"]
)
def test_whatever_a_job_is_called_is_taken(wild: str, server: Alertmanager, telling: Telling) -> None:
    target = AlertmanagerNotifier("am", server.url)
    one = incident(wild)
    extra = {"cost-center": wild, "0th": "a"}
    target.send(telling(target.capabilities, one, after=after_noon(), **extra))
    (found,) = server.alerts()
    assert found["labels"]["job_id"] == found["labels"]["cost_center"] == wild
    assert found["labels"]["_0th"] == "a"
    target.send(telling(target.capabilities, over(one), kind=K.RESOLVED, after=after_noon(), **extra))
    assert server.alerts() == []


@real
def test_what_waited_too_long_to_be_sent_is_not_said_to_hold(server: Alertmanager, telling: Telling) -> None:
    """Nobody knows by then whether it does; what does is told again as it is now."""
    target = AlertmanagerNotifier("am", server.url)
    target.send(telling(target.capabilities, incident("late"), after=after_noon() - LIFE))
    assert server.alerts() == []


def test_what_is_of_no_job_is_named_so() -> None:
    blind = Told(incident("", condition="too_often"), "", "", {"sfcc_instance": "production", "job_id": ""})
    assert labels(blind) == {
        "alertname": "SfccInstanceTooOften",
        "condition": "too_often",
        "severity": "critical",
        "sfcc_instance": "production",
    }


# The whole way: from a finding in the state to what Alertmanager holds.

ROUTE = Route("default", ("am",), ("sfcc_instance",))


@pytest.fixture
def told_desk(desk: Desk) -> Desk:
    """Where an import failed just now and Alertmanager is the target."""
    desk.policy = RoutingPolicy((ROUTE, Route("others", ("mail",))))
    desk.at = now_of_the_machine()
    desk.poll(finding(since=desk.at, attachments=("log",)))
    desk.wait(60)
    desk.dispatch()
    return desk


def refreshed(desk: Desk, target: AlertmanagerNotifier) -> int:
    prefixes = desk.policy.prefixes_of("am")
    known = Background(labels=lambda _incident: {"customer": "acme"})
    return refresh(desk.engine, target, prefixes, now_of_the_machine(), known)


@real
def test_after_its_memory_is_lost_it_hears_again_what_holds(told_desk: Desk, tmp_path: Path) -> None:
    port = free_port()
    target = AlertmanagerNotifier("am", f"http://127.0.0.1:{port}")
    with running(tmp_path / "one", port) as server:
        assert told_desk.deliver(target)
        assert [one["labels"]["alertname"] for one in server.alerts()] == ["SfccJobFailed"]
    with pytest.raises(DeliveryError, match="the connection was refused"):
        refreshed(told_desk, target)
    with running(tmp_path / "two", port) as server:
        assert server.alerts() == []
        assert refreshed(told_desk, target) == 1
        (alert,) = server.alerts()
        assert alert["labels"]["customer"] == "acme"

        # Over, and no message has said so yet: it is told all the same.
        told_desk.at = now_of_the_machine()
        told_desk.poll()
        assert refreshed(told_desk, target) == 1
        assert server.alerts() == []


def test_what_was_told_to_others_or_is_long_over_is_not_told_again(told_desk: Desk) -> None:
    class Counting:
        name = "am"
        capabilities = AlertmanagerNotifier("am", "http://127.0.0.1:1").capabilities
        told: list[str] = []  # noqa: RUF012 - of this test alone

        def send(self, message: object) -> None:
            self.told += [one.incident.name for one in message.told]  # type: ignore[attr-defined]

    target = Counting()
    prefixes = told_desk.policy.prefixes_of("am")
    assert refresh(told_desk.engine, target, told_desk.policy.prefixes_of("mail"), told_desk.at) == 0
    assert refresh(told_desk.engine, target, (), told_desk.at) == 0
    assert refresh(told_desk.engine, target, prefixes, told_desk.at) == 1
    told_desk.poll()
    assert refresh(told_desk.engine, target, prefixes, told_desk.at + timedelta(minutes=14)) == 1
    assert refresh(told_desk.engine, target, prefixes, told_desk.at + timedelta(minutes=16)) == 0
    assert target.told == ["import-prices", "import-prices"]
