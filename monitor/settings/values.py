"""Kinds of values that several tables share, each with what is allowed in words for people. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
)
from pydantic_settings import NoDecode
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from monitor.history.trouble import place
from monitor.sfcc.endpoints import base_url


def split_urls(value: Any) -> Any:
    """Text with several addresses as a list; anything else as it is."""
    return [url for url in _BETWEEN_URLS.split(value) if url] if isinstance(value, str) else value


def _server(value: str) -> str:
    base_url(value)
    return value


def known_timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a known time zone; use a name such as Europe/Berlin or UTC") from error
    return value


def _state(value: str) -> str:
    try:
        driver = make_url(value).drivername
    except (ArgumentError, ValueError) as error:  # a port that is no number is a plain ValueError
        raise ValueError(
            "not a database URL, such as sqlite:////var/lib/sfcc-job-monitor/state.sqlite"
        ) from error
    if driver not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ValueError(f"{driver} is not supported; use sqlite:///PATH or postgresql+psycopg://…")
    return value


def _heartbeat(value: SecretStr) -> SecretStr:
    address = value.get_secret_value()
    if not re.match(r"https?://[^\s/?#]+", address) or re.search(r"\s", address):
        raise ValueError("not the address of a ping service, such as https://hc-ping.com/…")
    return value


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("write HOST:PORT, such as 127.0.0.1:9985")
    return value


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):  # of TOML, or checked already
        return value
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise ValueError("write a date, such as 2027-06-30") from error


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


def _variable(value: str) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(
            "not the name of an environment variable, such as CHAT_URL; an address belongs into url"
        )
    return value


_BETWEEN_URLS = re.compile(r"\s*,+\s*(?=[A-Za-z][A-Za-z0-9+.-]*://|$)|,*\s+")
"""Blanks and commas; not a comma within an address, where it separates its recipients."""

Server = Annotated[str, AfterValidator(_server)]
Timezone = Annotated[str, AfterValidator(known_timezone)]
HeartbeatUrl = Annotated[SecretStr, AfterValidator(_heartbeat)]
Listen = Annotated[str, AfterValidator(_listen)]
Day = Annotated[
    date,
    PlainValidator(_day),
    PlainSerializer(date.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-06-30"]}),
]
Pattern = Annotated[str, AfterValidator(_pattern)]
VariableName = Annotated[str, AfterValidator(_variable)]
AppriseUrls = Annotated[list[SecretStr], NoDecode, BeforeValidator(split_urls)]
StateUrl = Annotated[str, AfterValidator(_state), PlainSerializer(place), Field(repr=False)]
"""May carry a password, so it is shown without; as text it is whole, for those who connect."""
