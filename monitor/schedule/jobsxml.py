"""The schedules in `jobs.xml` of a site export. Pure: bytes in, schedules and what was not understood out.

Knows the document, not the disk. It is read as it comes and never held, so that its size does not matter,
and one with a DOCTYPE is refused whatever it declares: nothing in it can grow or lead elsewhere. What else
is in a trigger's element is named, never left out silently: a schedule half understood is a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Any
from xml.parsers import expat
from zoneinfo import ZoneInfo

from monitor.schedule.model import Schedule

LONGEST = 256 * 1024 * 1024
"""Bytes: far more than an export of all jobs there can be."""

DEEPEST = 64
_TEXT = 200
_LONGEST_INTERVAL = timedelta(days=366)
_DAY = timedelta(days=1)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": _DAY, "w": timedelta(days=7)}
_MONTHS = {"M": 1, "y": 12}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_ZONE = "(Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE = re.compile(f"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){_ZONE}")
_TIME = re.compile(rf"([0-9]{{2}}:[0-9]{{2}})(?::[0-9]{{2}}(?:\.[0-9]+)?)?{_ZONE}")
_INTERVAL = re.compile("([0-9]{1,6})([mhdwMy])")


class Times(StrEnum):
    """What a time such as `02:00:00.000Z` is taken for: nothing public says it.

    instance: an instant, which comes back each day at what the instance's clock shows then.
    utc: the same time UTC all year. written: what the instance's clock shows, whatever zone is written there.
    """

    INSTANCE = "instance"
    UTC = "utc"
    WRITTEN = "written"


class JobsXmlError(ValueError):
    """The document is refused as a whole; the text says why."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What was not understood, and where; job_id is empty where no job is to blame."""

    job_id: str
    element: str
    text: str

    def __str__(self) -> str:
        return f"{self.job_id or 'the document'}: <{self.element}> {self.text}"


@dataclass(frozen=True, slots=True)
class Export:
    """jobs: all there are, in their order. schedules: of those with a trigger that is on and understood.

    disabled: jobs all of whose triggers are switched off.
    """

    jobs: tuple[str, ...] = ()
    schedules: dict[str, tuple[Schedule, ...]] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse(chunks: Iterable[bytes], timezone: str, times: Times = Times.INSTANCE) -> Export:
    """timezone: the instance's. Raises JobsXmlError for what is no such document, or may harm."""
    reader = _Reader()
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > LONGEST:
                raise JobsXmlError(f"it is larger than {LONGEST // 1024 // 1024} MB; no export of jobs is")
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, str(error.code))
        raise JobsXmlError(f"line {error.lineno}: it is not well-formed XML: {why}") from error
    except (ValueError, LookupError) as error:
        if isinstance(error, JobsXmlError):
            raise
        raise JobsXmlError(f"its encoding is not known: {error}") from error
    return _export(reader, timezone, times)


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def __getitem__(self, name: str) -> str | None:
        return next((one.text.strip() for one in self.children if one.name == name), None)


class _Reader:
    """Keeps the elements within `triggers`, by job."""

    def __init__(self) -> None:
        self.found: list[tuple[str, list[_Element]]] = []
        self._depth = 0
        self._kept: list[_Element] = []
        self.parser: Any = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise JobsXmlError(
            f"line {self.parser.CurrentLineNumber}: it declares a DOCTYPE or an entity, as no export does; "
            "export the jobs again, or take that line out"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        self._depth += 1
        if self._depth > DEEPEST:
            raise JobsXmlError(f"line {self.parser.CurrentLineNumber}: its elements are nested too deeply")
        if self._depth == 1 and name != "jobs":
            raise JobsXmlError(f"its outermost element is <{name}>, not <jobs>: no export of jobs")
        if self._depth == 2 and name == "job":
            self.found.append((attributes.get("job-id", "").strip(), []))
        if self._kept or (self._depth == 3 and name == "triggers" and self.found):
            one = _Element(name, attributes)
            if self._kept:
                self._kept[-1].children.append(one)
            self._kept.append(one)

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._kept:
            one = self._kept.pop()
            if not self._kept:
                self.found[-1][1].extend(one.children)

    def _text(self, text: str) -> None:
        if self._kept and len(self._kept[-1].text) < _TEXT:
            self._kept[-1].text += text[:_TEXT]


@dataclass(slots=True)
class _Job:
    schedules: list[Schedule] = field(default_factory=list)
    off: int = 0
    wrong: int = 0


def _export(reader: _Reader, timezone: str, times: Times) -> Export:
    jobs: dict[str, _Job] = {}
    problems: list[Problem] = []
    for job_id, triggers in reader.found:
        if not job_id:
            problems.append(Problem("", "job", "has no job-id"))
            continue
        if job_id in jobs:
            problems.append(Problem(job_id, "job", "is there twice; the triggers of both are taken"))
        job = jobs.setdefault(job_id, _Job())
        for one in triggers:
            try:
                if not _is_on(one):
                    job.off += 1
                    continue
                schedule = _schedule(one, timezone, times)
            except _UnclearError as error:
                job.wrong += 1
                problems.append(Problem(job_id, error.element, error.text))
            else:
                if schedule not in job.schedules:
                    job.schedules.append(schedule)
    return Export(
        jobs=tuple(jobs),
        schedules={job_id: tuple(job.schedules) for job_id, job in jobs.items() if job.schedules},
        disabled=tuple(
            job_id for job_id, job in jobs.items() if job.off and not job.schedules and not job.wrong
        ),
        problems=tuple(problems),
    )


class _UnclearError(Exception):
    def __init__(self, element: str, text: str) -> None:
        super().__init__(text)
        self.element = element
        self.text = text


def _is_on(trigger: _Element) -> bool:
    given = trigger.attributes.get("enabled", "true").strip().lower()
    if given not in _FLAGS:
        raise _UnclearError(trigger.name, f"enabled={given!r} is neither true nor false")
    return _FLAGS[given]


def _schedule(trigger: _Element, timezone: str, times: Times) -> Schedule:
    if trigger.name == "run-once":
        _only(trigger, "date", "time")
        zone, first = _first(trigger, "date", "time", timezone, times)
        return _made(
            trigger, zone, every=_DAY, at=first.time(), valid_from=first, valid_until=first + _UNITS["m"]
        )
    if trigger.name != "run-recurring":
        raise _UnclearError(trigger.name, "is no trigger this program knows")
    _only(trigger, "recurrence")
    recurrences = [one for one in trigger.children if one.name == "recurrence"]
    if len(recurrences) != 1:
        raise _UnclearError(trigger.name, f"has {len(recurrences)} <recurrence>, not one")
    return _recurring(recurrences[0], timezone, times)


def _recurring(of: _Element, timezone: str, times: Times) -> Schedule:
    _only(of, "date-from", "date-to", "start-time", "interval", "day-of-week")
    zone, first = _first(of, "date-from", "start-time", timezone, times)
    weekdays = tuple(_weekdays(of))
    until = None if of["date-to"] is None else _date(of, "date-to")[0]
    text = of["interval"] or ""
    given = _INTERVAL.fullmatch(text)
    if given is None or not int(given[1]):
        raise _UnclearError("interval", f"{text!r} is not understood: a number and m, h, d, w, M or y")
    limits = {"valid_from": first, "valid_until": until}
    if given[2] in _MONTHS:
        months = int(given[1]) * _MONTHS[given[2]]
        return _made(of, zone, cron=_monthly(text, months, first, weekdays), **limits)
    every = int(given[1]) * _UNITS[given[2]]
    if every > _LONGEST_INTERVAL:
        raise _UnclearError("interval", f"{text} is longer than a year")
    if every % _UNITS["w"] == timedelta() and len(weekdays) > 1:
        raise _UnclearError("interval", f"{text} on several weekdays: nothing says which of them it means")
    return _made(of, zone, every=every, at=first.time(), weekdays=weekdays, **limits)


def _monthly(text: str, months: int, first: datetime, weekdays: tuple[str, ...]) -> str:
    if 12 % months or first.day > 28 or weekdays:
        raise _UnclearError(
            "interval",
            f"{text} from {first:%Y-%m-%d} cannot be said: months that divide a year, from a day up "
            "to the 28th and without weekdays, can",
        )
    named = ",".join(
        str(one) for one in sorted((first.month - 1 + step) % 12 + 1 for step in range(0, 12, months))
    )
    return f"{first.minute} {first.hour} {first.day} {'*' if months == 1 else named} *"


def _weekdays(of: _Element) -> Iterator[str]:
    for days in (one for one in of.children if one.name == "day-of-week"):
        _only(days, "weekday")
        names = [day.text.strip() for day in days.children]
        for name in names:
            if name.capitalize() not in _WEEKDAYS:
                raise _UnclearError("weekday", f"{name!r} is no day of the week")
        found = {_WEEKDAYS.index(name.capitalize()) for name in names}
        if len(found) < len(_WEEKDAYS):
            yield from (_WEEKDAYS[number][:3].lower() for number in sorted(found))


def _first(of: _Element, day: str, hour: str, timezone: str, times: Times) -> tuple[str, datetime]:
    """The time zone, and what its clock shows the first time."""
    on = _date(of, day)[0]
    text = of[hour] or ""
    given = _TIME.fullmatch(text)
    try:
        at = None if given is None else time.fromisoformat(given[1])
    except ValueError:
        at = None
    if given is None or at is None:
        raise _UnclearError(hour, f"{text!r} is no time of day, such as 02:00:00.000Z")
    wall = datetime.combine(on, at)
    if given[2] is None or times is Times.WRITTEN:
        return timezone, wall
    instant = wall.replace(tzinfo=_offset(given[2]))
    if times is Times.UTC:
        return "UTC", instant.astimezone(UTC).replace(tzinfo=None)
    return timezone, instant.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)


def _date(of: _Element, name: str) -> tuple[date, str]:
    text = of[name] or ""
    given = _DATE.fullmatch(text)
    try:
        found = None if given is None else date.fromisoformat(given[1])
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year < 9999:
        raise _UnclearError(name, f"{text!r} is no date, such as 2026-11-23")
    return found, text


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:])
    if hours > 14 or minutes > 59:
        raise _UnclearError("start-time", f"{text!r} is no offset from UTC")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _only(of: _Element, *names: str) -> None:
    for one in of.children:
        if one.name not in names:
            raise _UnclearError(
                one.name, f"within <{of.name}> is not understood, so that its times are not known"
            )


def _made(of: _Element, zone: str, **fields: Any) -> Schedule:
    try:
        return Schedule(zone, **fields)
    except ValueError as error:
        raise _UnclearError(of.name, f"cannot be said: {error}") from error
