"""When jobs run, as users write it: crons, times of day, weekdays, the days from and until. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from monitor.schedule import WEEKDAYS, Schedule, parse_cron
from monitor.settings.duration import PositiveDuration, parse_duration

SCHEDULE = ("cron", "every", "at", "weekdays", "valid_from", "valid_until")
"""The fields of a job's table that make its schedule, named as those of `Schedule`."""

_MINUTE = timedelta(minutes=1)
_YEARS = range(1970, 10_000)
_SINCE = datetime.fromisoformat("1970-01-01T00:00:00Z")
_TIME = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")


def schedule_of(fields: Mapping[str, Any], timezone: str = "UTC") -> Schedule | None:
    """Of checked values; None where they say no times. Raises ValueError."""
    given = {name: fields[name] for name in SCHEDULE if fields.get(name) is not None}
    if "cron" not in given and "every" not in given:
        return None
    return Schedule(timezone, **(given | {"weekdays": tuple(given.get("weekdays", ()))}))


def contradictions(given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with fields of one table that may each be right. Nothing in `given` is checked yet."""
    has_cron, has_every, has_at = (given.get(name) is not None for name in ("cron", "every", "at"))
    if has_cron and has_every:
        yield "give cron or every, not both"
    if has_at and not has_every:
        yield 'at goes with every: for once a day write every = "1d"'
    elif not (has_cron and has_every):
        yield from _trouble(given)


def _trouble(given: Mapping[str, Any]) -> Iterator[str]:
    try:
        fields = {name: read(given[name]) for name, read in _READ.items() if given.get(name) is not None}
    except (ValueError, TypeError):  # said where the field is checked by itself
        return
    try:
        schedule = schedule_of(fields)
    except ValueError as error:
        yield str(error)
        return
    if schedule is not None and schedule.next_slot(_SINCE) is None:
        yield "these times are never due: no day has them within weekdays, valid_from and valid_until"


def _cron(value: str) -> str:
    parse_cron(value)
    return " ".join(value.split())


def _minutes(value: timedelta) -> timedelta:
    if value < _MINUTE or value % _MINUTE:
        raise ValueError("is in whole minutes, such as 30m, 2h or 1d")
    return value


def _time_of_day(value: Any) -> time:
    if isinstance(value, time) and value == time(value.hour, value.minute):  # of TOML, or checked already
        return value
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a time of day is written HH:MM, such as 00:10")
    return time(int(found[1]), int(found[2]))


def _bound(value: Any) -> date:
    """A date or a datetime."""
    try:
        found = _parsed(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, date) or found.year not in _YEARS:
        raise ValueError("write a date or an instant, such as 2026-11-01 or 2026-11-01T06:00:00Z")
    return found


def _parsed(text: str) -> date:
    return date.fromisoformat(text) if len(text) == len("2026-11-01") else datetime.fromisoformat(text)


def _weekdays(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not set(value) <= set(WEEKDAYS):
        raise ValueError("not a list of weekdays")
    return tuple(value)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "cron": lambda value: _cron(str(value)),
    "every": lambda value: _minutes(parse_duration(value)),
    "at": _time_of_day,
    "weekdays": _weekdays,
    "valid_from": _bound,
    "valid_until": _bound,
}

Cron = Annotated[str, AfterValidator(_cron)]
Every = Annotated[PositiveDuration, AfterValidator(_minutes)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[
    time,
    PlainValidator(_time_of_day),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$", "examples": ["00:10"]}),
]
Bound = Annotated[
    datetime | date,
    PlainValidator(_bound),
    PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["2026-11-01", "2026-11-01T06:00:00Z"]}),
]
