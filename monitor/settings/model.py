"""The settings as a person writes them, checked field by field.

Knows names, defaults and limits; reads no file and no environment (`load` does), decides nothing
about jobs (`policies` turns these into the plain data detection works with).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr

from alerts.channels.building import TargetType
from monitor.settings import credentials, routes, schedules
from monitor.settings.duration import Duration, PositiveDuration, parse_duration
from monitor.settings.given import has, tables_of
from monitor.settings.loglimits import LogSizeLimit, LogTimeLimit
from monitor.settings.routes import RouteSettings
from monitor.settings.secrets import SecretSource, secret_source
from monitor.settings.table import Table
from monitor.settings.thresholds import DetectionSettings, Globs, InstanceThresholds, JobThresholds
from monitor.settings.values import (
    AppriseUrls,
    Day,
    HeartbeatUrl,
    Listen,
    Pattern,
    Server,
    StateUrl,
    Timezone,
    VariableName,
    split_urls,
)
from monitor.settings.windows import WindowSettings

NAME = "sfcc-job-monitor"
DEFAULT_ACCOUNT_MANAGER = "account.demandware.com"
POLL_INTERVAL = timedelta(seconds=60)


def default_state() -> str:
    """In the user's state directory, private to the user."""
    return f"sqlite:///{platformdirs.user_state_path(NAME) / 'state.sqlite'}"


class Credentials(Table):
    """Who logs in, of an instance and of each of its APIs that has its own; None where nothing is said."""

    client_id: str | None = None
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    token_endpoint_auth_method: credentials.AuthMethod | None = None
    jwt_cert: Path | None = None
    jwt_key: Path | None = None
    jwt_passphrase: SecretStr | None = None
    jwt_passphrase_file: Path | None = None
    certificate: Path | None = None
    certificate_passphrase: SecretStr | None = None
    certificate_passphrase_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    expires: Day | None = None  # of its secret: from then on it is refused
    account_manager_host: Server | None = None

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        yield from credentials.of_login(given)

    def secret(self, what: str) -> SecretSource | None:
        return secret_source(what, self.client_secret, self.client_secret_file)

    def access_key(self, what: str) -> SecretSource | None:
        return secret_source(what, self.password, self.password_file)

    def key_passphrase(self, what: str) -> SecretSource | None:
        return secret_source(what, self.jwt_passphrase, self.jwt_passphrase_file)

    def passphrase(self, what: str) -> SecretSource | None:
        """Of the client certificate."""
        return secret_source(what, self.certificate_passphrase, self.certificate_passphrase_file)


class InstanceSettings(Credentials, JobThresholds, InstanceThresholds):
    """One SFCC instance. `name` becomes the label `sfcc_instance`."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    server: Server
    webdav_server: Server | None = None
    account_manager_host: Server = DEFAULT_ACCOUNT_MANAGER
    shortcode: str | None = None
    tenant_id: str | None = None
    scapi_server: Server | None = None
    api_backend: Literal["auto", "scapi", "ocapi"] = "auto"
    search_field_style: Literal["auto", "camel", "snake"] = "auto"
    selfsigned: bool = False
    ca_file: Path | None = None
    timezone: Timezone = "UTC"
    type: Literal["production", "staging", "development", "sandbox"] | None = None
    labels: dict[str, str] = {}
    include_system_jobs: Globs = []
    requests_per_minute: Annotated[int, Field(ge=1, le=6000)] | None = None
    ocapi: Credentials = Field(default_factory=Credentials)
    scapi: Credentials = Field(default_factory=Credentials)
    webdav: Credentials = Field(default_factory=Credentials)
    trigger: Credentials = Field(default_factory=Credentials)

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        yield from super().contradictions(given)
        yield from credentials.of_instance(given)


class JobSettings(JobThresholds):
    """Settings of the jobs a glob matches; of several tables that match, later ones win field by field."""

    match: Annotated[str, Field(min_length=1)]
    instance: str = "*"
    instance_type: str = "*"
    cron: schedules.Cron | None = None
    every: schedules.Every | None = None
    at: schedules.TimeOfDay | None = None
    weekdays: Annotated[list[schedules.Weekday], Field(min_length=1)] | None = None
    valid_from: schedules.Bound | None = None
    valid_until: schedules.Bound | None = None
    title: str | None = None
    impact: str | None = None
    owner: str | None = None
    runbook: str | None = None
    attach: Literal["full", "excerpt", "none"] | None = None  # None: by the job's id, see `policies`
    notify: Literal["change", "each_run"] | None = None

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        yield from schedules.contradictions(given)


class GroupSettings(JobThresholds):
    """Jobs that touch the same data. Thresholds count for each of them; `finish_by` for all together."""

    name: Annotated[str, Field(min_length=1)]
    jobs: Annotated[Globs, Field(min_length=1)]
    instance: str = "*"
    instance_type: str = "*"
    exclusive: bool = True
    buffer: Duration | None = None
    full: Globs = ["*full*", "*Full*", "*FULL*"]
    differential: Globs = ["*differential*", "*Differential*", "*DIFFERENTIAL*"]
    order: Globs = []


_WITH_KEYS = [one.value for one in TargetType if one is not TargetType.APPRISE]


def _ways(given: Mapping[str, Any], what: str) -> int:
    """In how many of the three ways it is given."""
    return sum(has(given, way) for way in (what, f"{what}_file", f"{what}_env"))


class TargetSettings(Table):
    """Where alerts go. The address is a secret: it often carries a token. So is the key."""

    name: Annotated[str, Field(min_length=1)]
    type: TargetType = TargetType.APPRISE
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: VariableName | None = None
    key: SecretStr | None = None
    key_file: Path | None = None
    key_env: VariableName | None = None
    fallback: str | None = None

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        kind = given.get("type", TargetType.APPRISE)
        if not isinstance(kind, str) or kind not in {*TargetType}:
            return  # as its own check says
        addresses, keys = _ways(given, "url"), _ways(given, "key")
        if TargetType(kind).needs_key:
            if keys != 1:
                yield f"type {kind}: give exactly one of key, key_file and key_env"
            if addresses > 1:
                yield "give at most one of url, url_file and url_env"
            return
        if addresses != 1:
            yield "give exactly one of url, url_file and url_env"
        if kind == TargetType.APPRISE and keys:
            yield f"a key is for the types {', '.join(_WITH_KEYS)}; an Apprise address carries its own"
        elif keys > 1:
            yield "give at most one of key, key_file and key_env"


class RedactSettings(Table):
    """What is masked in logs before anything leaves. Secrets always are."""

    personal: bool = True  # mail addresses and card numbers
    patterns: list[Pattern] = []


class Settings(Table):
    """All of them, wherever they were read."""

    poll_interval: PositiveDuration = POLL_INTERVAL
    idle_poll_interval: PositiveDuration | None = None
    state: StateUrl = Field(default_factory=default_state)
    listen: Listen = "127.0.0.1:9985"
    group_by: list[str] = ["sfcc_instance", "job_id"]
    group_wait: Duration = timedelta(seconds=10)
    group_interval: Duration = timedelta(minutes=5)
    repeat_interval: Duration = timedelta(hours=4)
    storm_threshold: Annotated[int, Field(ge=2)] = 20
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    log_wait: Duration = timedelta(seconds=30)
    log_time_limit: LogTimeLimit = timedelta(seconds=60)
    log_size_limit: LogSizeLimit = 300_000_000
    log_keep: PositiveDuration = timedelta(days=30)
    history_keep: PositiveDuration = timedelta(days=400)
    forget_after: PositiveDuration = timedelta(days=30)
    max_age: PositiveDuration = timedelta(hours=6)
    apprise_urls: AppriseUrls = []
    heartbeat_url: HeartbeatUrl | None = None
    heartbeat_url_file: Path | None = None
    redact: RedactSettings = Field(default_factory=RedactSettings)
    detection: DetectionSettings = Field(default_factory=DetectionSettings)
    instances: list[InstanceSettings] = []
    jobs: list[JobSettings] = []
    groups: list[GroupSettings] = []
    targets: list[TargetSettings] = []
    isolate_by: Annotated[str, Field(min_length=1)] | None = None
    routes: list[RouteSettings] = []
    windows: list[WindowSettings] = []

    @property
    def idle_interval(self) -> timedelta:
        """Between polls while nothing runs or is due."""
        return self.idle_poll_interval or self.poll_interval

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        for what in ("instances", "targets", "groups", "windows"):
            names = _names(given.get(what))
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                yield f"two {what} are named {', '.join(twice)}; give each its own name"
        poll, idle = (_duration(given.get(name)) for name in ("poll_interval", "idle_poll_interval"))
        if idle is not None and idle < (poll or POLL_INTERVAL):
            yield "idle_poll_interval is shorter than poll_interval: it is for when nothing runs or is due"
        if has(given, "heartbeat_url") and has(given, "heartbeat_url_file"):
            yield "give heartbeat_url or heartbeat_url_file, not both"
        count = len(urls) if isinstance(urls := split_urls(given.get("apprise_urls")), list) else 0
        named, unnamed = (
            _names(given.get("targets")),
            [apprise_name(number) for number in range(1, count + 1)],
        )
        for name in sorted({*unnamed} & {*named}):
            yield f"a target is named {name}, which is the name of one of apprise_urls; give it another"
        yield from _fallbacks(given.get("targets"), [*named, *unnamed])
        yield from routes.contradictions(given, [*named, *unnamed])


def _fallbacks(targets: object, known: Sequence[str]) -> Iterator[str]:
    for number, table in enumerate(tables_of(targets)):
        name = table.get("fallback")
        others = [one for one in known if one != table.get("name")]
        if isinstance(name, str) and name not in others:
            there_are = ", ".join(others) or "none"
            yield f"targets[{number}].fallback: there is no other target {name}; others are {there_are}"


def _duration(value: Any) -> timedelta | None:
    """None for what is none, as its own check says."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError:
        return None


def apprise_name(number: int) -> str:
    """What the targets of `apprise_urls` are called, from 1."""
    return f"apprise-{number}"


def _names(tables: object) -> list[str]:
    names = [table.get("name") for table in tables_of(tables)]
    return [name for name in names if isinstance(name, str)]
