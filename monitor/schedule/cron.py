"""Cron expressions of five fields. Pure.

What the fields mean is left to the library; time zones are not: it would skip a two-hourly slot that
falls into a skipped hour, and have one in a repeated hour twice.
"""

from __future__ import annotations

from datetime import datetime

from cronsim import CronSim, CronSimError

from monitor.schedule.calendar import Calendar, Days, at_times

_LONGEST = 200
_START = datetime(2000, 1, 1)  # noqa: DTZ001 - a day of the calendar, in no zone
_FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, or L for the last",
    "month": "1-12 or jan-dec",
    "day-of-week": "0-7 or sun-sat",
}
_NEVER = "this is never due: there is no such day"


def parse_cron(text: str) -> Calendar:
    """Raises ValueError saying which field is wrong and what it may hold, or that no day ever fits."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(_FIELDS)
        raise ValueError(
            f"a cron expression has five fields ({names}), such as '0 2 * * *'; this has {len(fields)}"
        )
    if len(text) > _LONGEST:
        raise ValueError(f"a cron expression is not longer than {_LONGEST} characters")
    try:
        parsed = CronSim(text, _START)
    except CronSimError as error:
        raise ValueError(_wrong(fields, str(error))) from error
    calendar = at_times(parsed.hours, parsed.minutes, _days(parsed))
    if next(calendar.since(_START), None) is None:
        raise ValueError(_NEVER)
    return calendar


def _days(parsed: CronSim) -> Days:
    months, is_day = parsed.months, parsed.match_day
    return lambda day: day.month in months and is_day(day)


def _wrong(fields: list[str], reason: str) -> str:
    name = reason.removeprefix("Bad ")
    value = dict(zip(_FIELDS, fields, strict=True)).get(name, "")
    if name == "day-of-month" and _is_month_to_blame(fields):
        return _NEVER
    allowed = f"{_FIELDS[name]}, *, a list (1,2), a range (1-5) or a step (*/2)"
    return f"the {name} {value!r} is not understood; write {allowed}"


def _is_month_to_blame(fields: list[str]) -> bool:
    """The library says the same of a day that its months lack and of one that no month has."""
    minute, hour, day, _, weekday = fields
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", _START)
    except CronSimError:
        return False
    return True
