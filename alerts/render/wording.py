"""How instants, durations and numbers are said in English. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """The two largest units: "1 h 28 min"."""
    left = max(round(length.total_seconds()), 0)
    parts: list[str] = []
    for unit, seconds in _UNITS:
        number, rest = divmod(left, seconds)
        if number:
            parts.append(f"{number} {unit}")
        elif parts:
            break
        left = rest
    return " ".join(parts[:2]) or "0 s"


def instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def period(start: datetime, end: datetime) -> str:
    """The date is not said twice."""
    same_day = start.astimezone(UTC).date() == end.astimezone(UTC).date()
    first = f"{start.astimezone(UTC):%Y-%m-%d %H:%M}"
    last = f"{end.astimezone(UTC):%H:%M} UTC" if same_day else instant(end)
    return f"{first} to {last}, {span(end - start)}"


def times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
