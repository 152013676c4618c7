"""Addresses of targets: read in one place, shown in none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.library import AppriseNotifier
from monitor.errors import SettingsError
from monitor.settings import Settings
from monitor.targets import notifiers_for

pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"  # raised within Apprise when it is first imported
)

PLANTED = "planted-secret"
NOT_AN_ADDRESS = "this is no address of a service that Apprise knows"


def made(*targets: dict[str, Any], environ: dict[str, str] | None = None, urls: str = "") -> list[str]:
    settings = Settings.model_validate({"targets": list(targets), "apprise_urls": urls})
    notifiers = notifiers_for(settings, environ or {})
    assert all(isinstance(one, AppriseNotifier) for one in notifiers.values())
    assert [one.name for one in notifiers.values()] == list(notifiers)
    return list(notifiers)


def refused(*targets: dict[str, Any], environ: dict[str, str] | None = None, urls: str = "") -> list[str]:
    with pytest.raises(SettingsError) as caught:
        made(*targets, environ=environ, urls=urls)
    assert PLANTED not in str(caught.value)
    return list(caught.value.problems)


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """What a log of the agent would hold. (caplog sees more: it is added to loggers that are cut off.)"""
    text = StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def test_no_target_is_allowed() -> None:
    assert made() == []


def test_each_target_has_the_name_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "address"
    path.write_text(f"json://user:{PLANTED}@b.example\n", encoding="utf-8")
    names = made(
        {"name": "ops", "url": f"json://user:{PLANTED}@a.example"},
        {"name": "from-file", "url_file": path},
        {"name": "from-env", "url_env": "CHAT"},
        environ={"CHAT": f" json://user:{PLANTED}@c.example "},
        urls="json://d.example, json://e.example",
    )
    assert names == ["ops", "from-file", "from-env", "apprise-1", "apprise-2"]


def test_each_type_has_its_way_and_its_key_from_wherever_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{PLANTED}\n", encoding="utf-8")
    tables: list[dict[str, Any]] = [
        {"name": "am", "type": "alertmanager", "url": "https://am.example"},
        {"name": "hook", "type": "webhook", "url_env": "HOOK", "key_env": "KEY"},
        {"name": "pager", "type": "pagerduty", "key_file": path},
        {"name": "genie", "type": "opsgenie", "key": PLANTED, "url": "https://api.eu.opsgenie.com"},
        {"name": "chat", "url": "json://a.example"},
    ]
    environ = {"HOOK": "https://hook.example/x", "KEY": PLANTED}
    found = notifiers_for(Settings.model_validate({"targets": tables}), environ)
    assert [type(one).__name__ for one in found.values()] == [
        "AlertmanagerNotifier",
        "WebhookNotifier",
        "PagerDutyNotifier",
        "OpsgenieNotifier",
        "AppriseNotifier",
    ]
    assert refused(*tables, environ={"HOOK": "https://hook.example/x"}) == [
        "target 'hook': its key_env KEY is empty or not set"
    ]


def test_every_target_that_cannot_be_used_is_named_and_no_address_shown(
    tmp_path: Path, logged: StringIO
) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff")
    problems = refused(
        {"name": "fine", "url": "json://a.example"},
        {"name": "unknown", "url": f"chat://{PLANTED}"},
        {"name": "no-file", "url_file": tmp_path / "none"},
        {"name": "empty-file", "url_file": tmp_path / "empty"},
        {"name": "binary-file", "url_file": tmp_path / "binary"},
        {"name": "no-variable", "url_env": "CHAT"},
        {"name": "empty-variable", "url_env": "EMPTY"},
        {"name": "empty", "url": ""},
        environ={"EMPTY": " "},
        urls=PLANTED,
    )
    assert PLANTED not in logged.getvalue()
    assert problems[0].startswith(f"target 'unknown': {NOT_AN_ADDRESS} (it begins with chat://)")
    assert problems[-1].startswith(f"target 'apprise-1': {NOT_AN_ADDRESS}")
    assert problems[1:-1] == [
        f"target 'no-file': its url_file {tmp_path}/none cannot be read: No such file or directory",
        f"target 'empty-file': its url_file {tmp_path}/empty is empty or not set",
        f"target 'binary-file': its url_file {tmp_path}/binary cannot be read: it is not UTF-8 text",
        "target 'no-variable': its url_env CHAT is empty or not set",
        "target 'empty-variable': its url_env EMPTY is empty or not set",
        "target 'empty': its url is empty or not set",
    ]


def test_variables_are_those_of_the_process_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_OF_THE_TEST", "json://a.example")
    settings = Settings.model_validate({"targets": [{"name": "ops", "url_env": "CHAT_OF_THE_TEST"}]})
    assert list(notifiers_for(settings)) == ["ops"]
