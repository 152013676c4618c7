"""The settings as a person writes them, checked field by field.

Knows names, defaults and limits; reads no file and no environment (`load` does), decides nothing
about jobs (`policies` turns these into the plain data detection works with).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from alerts.model import Severity
from monitor.policy import FAILURE_CODES, WARN_CODES
from monitor.settings.duration import Duration, PositiveDuration
from monitor.settings.secrets import SecretSource, secret_source
from monitor.sfcc.endpoints import base_url

NAME = "sfcc-job-monitor"
DEFAULT_ACCOUNT_MANAGER = "account.demandware.com"


def _server(value: str) -> str:
    base_url(value)
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a known time zone; use a name such as Europe/Berlin or UTC") from error
    return value


def _state(value: str) -> str:
    try:
        driver = make_url(value).drivername
    except ArgumentError as error:
        raise ValueError(
            "not a database URL, such as sqlite:////var/lib/sfcc-job-monitor/state.sqlite"
        ) from error
    if driver not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValueError(f"{driver} is not supported; use sqlite:///PATH or postgresql+psycopg://…")
    return value


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("write HOST:PORT, such as 127.0.0.1:9985")
    return value


def _apprise_urls(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


Server = Annotated[str, AfterValidator(_server)]
SeverityTable = dict[str, Severity]
Globs = list[str]


def default_state() -> str:
    """In the user's state directory, private to the user."""
    return f"sqlite:///{platformdirs.user_state_path(NAME) / 'state.sqlite'}"


class Table(BaseModel):
    """A table of the file: an unknown name is an error, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Credentials(Table):
    client_id: str | None = None
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Credentials:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("give client_secret or client_secret_file, not both")
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        return self

    def secret(self, what: str) -> SecretSource | None:
        return secret_source(what, self.client_secret, self.client_secret_file)

    def access_key(self, what: str) -> SecretSource | None:
        return secret_source(what, self.password, self.password_file)


class InstanceSettings(Credentials):
    """One SFCC instance. `name` becomes the label `sfcc_instance`."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    server: Server
    webdav_server: Server | None = None
    account_manager_host: Server = DEFAULT_ACCOUNT_MANAGER
    shortcode: str | None = None
    tenant_id: str | None = None
    api_backend: Literal["auto", "ocapi"] = "auto"
    selfsigned: bool = False
    ca_file: Path | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    type: Literal["production", "staging", "development", "sandbox"] | None = None
    labels: dict[str, str] = {}
    include_system_jobs: Globs = []
    ocapi: Credentials = Credentials()
    webdav: Credentials = Credentials()

    @model_validator(mode="after")
    def _can_log_in(self) -> InstanceSettings:
        client = self.ocapi if self.ocapi.client_id else self
        if client.client_id is None:
            raise ValueError("client_id is missing: the API client made in Account Manager")
        if client.client_secret is None and client.client_secret_file is None:
            raise ValueError("client_secret or client_secret_file is missing")
        return self


class JobSettings(Table):
    """Settings of the jobs a glob matches; of several tables that match, later ones win field by field."""

    match: Annotated[str, Field(min_length=1)]
    instance: str = "*"
    failure_threshold: Annotated[int, Field(ge=1, le=100)] | None = None
    recovery_threshold: Annotated[int, Field(ge=1, le=100)] | None = None
    alert_on_retry: bool | None = None
    aborted_is: Literal["failed", "info"] | None = None
    failure_codes: Globs | None = None
    warn_codes: Globs | None = None
    max_duration: PositiveDuration | None = None
    severity: SeverityTable = {}
    title: str | None = None
    impact: str | None = None
    owner: str | None = None
    runbook: str | None = None
    attach: Literal["full", "excerpt", "none"] | None = None


class GroupSettings(Table):
    name: Annotated[str, Field(min_length=1)]
    jobs: Annotated[Globs, Field(min_length=1)]
    instance: str = "*"
    exclusive: bool = True
    buffer: Duration = timedelta(minutes=5)
    order: Globs = []
    full: Globs = ["*full*", "*Full*", "*FULL*"]
    differential: Globs = ["*differential*", "*Differential*", "*DIFFERENTIAL*"]


class TargetSettings(Table):
    """Where alerts go. The address is a secret: it often carries a token."""

    name: Annotated[str, Field(min_length=1)]
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: str | None = None

    @model_validator(mode="after")
    def _one_address(self) -> TargetSettings:
        if sum(given is not None for given in (self.url, self.url_file, self.url_env)) != 1:
            raise ValueError("give exactly one of url, url_file and url_env")
        return self


class DetectionSettings(Table):
    """Thresholds of the conditions, for all jobs; `[[jobs]]` overrides them by glob."""

    failure_threshold: Annotated[int, Field(ge=1, le=100)] = 1
    recovery_threshold: Annotated[int, Field(ge=1, le=100)] = 1
    alert_on_retry: bool = False
    aborted_is: Literal["failed", "info"] = "failed"
    failure_codes: Globs = list(FAILURE_CODES)
    warn_codes: Globs = list(WARN_CODES)
    max_duration: PositiveDuration | None = None
    site_spread: Duration = timedelta(minutes=10)
    retry_wait: Duration = timedelta(minutes=70)
    scheduler_logins: Globs = []
    scheduler_clients: Globs = []
    builtin_group: bool = True


class RedactSettings(Table):
    """What is masked in logs before anything leaves. Secrets always are."""

    personal: bool = True  # mail addresses and card numbers
    patterns: list[str] = []


class Settings(BaseSettings):
    """All of them. Keyword arguments are what the file says; the environment wins over it."""

    model_config = SettingsConfigDict(
        env_prefix="SFCC_MONITOR_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    poll_interval: PositiveDuration = timedelta(seconds=60)
    state: Annotated[str, AfterValidator(_state)] = Field(default_factory=default_state)
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:9985"
    group_by: list[str] = ["sfcc_instance", "job_id"]
    group_wait: Duration = timedelta(seconds=10)
    group_interval: Duration = timedelta(minutes=5)
    repeat_interval: Duration = timedelta(hours=4)
    storm_threshold: Annotated[int, Field(ge=2)] = 20
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    log_wait: Duration = timedelta(seconds=30)
    log_keep: PositiveDuration = timedelta(days=30)
    history_keep: PositiveDuration = timedelta(days=400)
    max_age: PositiveDuration = timedelta(hours=6)
    apprise_urls: Annotated[list[SecretStr], NoDecode, BeforeValidator(_apprise_urls)] = []
    redact: RedactSettings = RedactSettings()
    detection: DetectionSettings = DetectionSettings()
    instances: list[InstanceSettings] = []
    jobs: list[JobSettings] = []
    groups: list[GroupSettings] = []
    targets: list[TargetSettings] = []

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        for what, names in (
            ("instances", [instance.name for instance in self.instances]),
            ("targets", [target.name for target in self.targets]),
            ("groups", [group.name for group in self.groups]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} are named {', '.join(twice)}; give each its own name")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, dotenv_settings, file_secret_settings  # files of secrets are fields of their own
        return env_settings, init_settings
