"""Windows of the settings: what is muted waits for the end, and an expected downtime is said to be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.model import Incident
from alerts.routing.silences import held_until, released_at
from alerts.testing import incident
from monitor.routes import routing
from monitor.settings import Settings
from monitor.settings.policies import policy

TUESDAY = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings(**window: Any) -> Settings:
    usual = {"name": "night", "kind": "mute", "cron": "0 2 * * 2", "length": "5h"}
    instance = {
        "name": "production",
        "server": "production-realm-customer.demandware.net",
        "client_id": "id",
        "client_secret": "secret",
        "timezone": "Europe/Berlin",
    }
    return Settings.model_validate({"instances": [instance], "windows": [{**usual, **window}]})


def muted(one: Incident, at: datetime, **window: Any) -> bool:
    mutes = routing(settings(**window), ("ops",)).mutes
    return mutes is not None and any(span.covers(at) for span in mutes(one, "default", at, at))


IMPORT = incident("3-1-1 prices")
BLIND = incident("production", labels={"sfcc_instance": "production"}, condition="blind")


@pytest.mark.parametrize(
    ("window", "one", "is_muted"),
    [
        ({}, IMPORT, True),
        ({"timezone": "UTC"}, IMPORT, True),
        ({"timezone": "America/New_York"}, IMPORT, False),
        ({"jobs": ["3-*"]}, IMPORT, True),
        ({"jobs": ["4-*"]}, IMPORT, False),
        ({}, BLIND, True),
        ({"jobs": ["3-*"]}, BLIND, False),
        ({"instance": "staging"}, IMPORT, False),
        ({"instance_type": "production"}, IMPORT, True),
        ({"kind": "expect_downtime"}, IMPORT, False),
    ],
)
def test_what_a_window_mutes(window: dict[str, Any], one: Incident, is_muted: bool) -> None:  # noqa: FBT001 - a case
    assert muted(one, TUESDAY, **window) is is_muted


def test_it_is_in_the_time_zone_of_the_instance() -> None:
    assert muted(IMPORT, TUESDAY - 1.5 * HOUR)
    assert not muted(IMPORT, TUESDAY - 1.5 * HOUR, timezone="UTC")


def test_an_expected_downtime_is_known_to_detection_by_its_name() -> None:
    for kind, name in (("expect_downtime", "night"), ("mute", None)):
        found = settings(kind=kind, name="night")
        rules = policy(found, found.instances[0])
        assert rules.downtime(TUESDAY) == name
        assert rules.downtime(TUESDAY + timedelta(days=1)) is None


def test_slots_that_are_not_waited_for_are_known_by_job() -> None:
    found = settings(kind="no_slots", jobs=["3-*"])
    rules = policy(found, found.instances[0])
    assert rules.no_slots("3-prices", TUESDAY)
    assert not rules.no_slots("4-prices", TUESDAY)
    assert not rules.no_slots("3-prices", TUESDAY + timedelta(days=1))
    assert policy(settings(), settings().instances[0]).no_slots("3-prices", TUESDAY) is False


OFFICE = {"name": "office", "kind": "hours", "cron": "0 8 * * 1-5", "length": "10h", "timezone": "UTC"}
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def held_until_by(route: dict[str, Any], at: datetime) -> datetime | None:
    found = Settings.model_validate(
        {
            "apprise_urls": "json://a",
            "windows": [OFFICE],
            "routes": [{"name": "team", "targets": ["apprise-1"], **route}],
        }
    )
    mutes = routing(found, ("apprise-1",)).mutes
    assert mutes is not None
    assert mutes(IMPORT, "default", at, at) == [], "the other routes go on"
    return held_until(mutes(IMPORT, "team", at, at), at)


@pytest.mark.parametrize(
    ("route", "hour", "until"),
    [
        ({"active": ["office"]}, 0, None),
        ({"active": ["office"]}, 6, 20),
        ({"active": ["office"]}, 5.99, None),
        ({"active": ["office"]}, -5, -4),
        ({"active": ["office"]}, 4 * 24 + 7, 7 * 24 - 4),
        ({"mute": ["office"]}, 0, 6),
        ({"mute": ["office"]}, 6, None),
        ({"mute": ["office"], "active": ["office"]}, 7, 7 * 24 + 20),
    ],
    ids=[
        "within",
        "after hours",
        "just within",
        "in the night",
        "over the weekend",
        "muted",
        "after it",
        "never",
    ],
)
def test_the_hours_of_a_route(route: dict[str, Any], hour: float, until: float | None) -> None:
    found = held_until_by(route, MONDAY + hour * HOUR)
    if len(route) == 2:
        assert found is not None, "what is active only while it is muted never is"
    else:
        assert found == (None if until is None else MONDAY + until * HOUR)


def test_what_waited_for_the_hours_is_released_when_they_begin() -> None:
    found = Settings.model_validate(
        {
            "apprise_urls": "json://a",
            "windows": [OFFICE],
            "routes": [{"name": "team", "targets": ["apprise-1"], "active": ["office"]}],
        }
    )
    mutes = routing(found, ("apprise-1",)).mutes
    assert mutes is not None
    night, morning = MONDAY + 8 * HOUR, MONDAY + 20 * HOUR
    spans = mutes(IMPORT, "team", night, morning)
    assert held_until(spans, morning) is None
    assert released_at(spans, night, morning) == morning


def test_without_a_window_nothing_is_asked() -> None:
    assert routing(settings(kind="expect_downtime"), ("ops",)).mutes is None
