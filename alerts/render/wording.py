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


def period(start: datetime, end: datetime, read_at: datetime, remark: str = "") -> str:
    """`from 02:11 to 02:25 UTC (13 min 55 s)`; with dates unless all of it was on the day it is read."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    days = {start.date(), end.date()}
    first = f"{start:%H:%M}" if days == {read_at.astimezone(UTC).date()} else f"{start:%Y-%m-%d %H:%M}"
    last = f"{end:%H:%M}" if len(days) == 1 else f"{end:%Y-%m-%d %H:%M}"
    return f"from {first} to {last} UTC ({span(end - start)}{remark})"


def moment(at: datetime, read_at: datetime) -> str:
    """`02:11 UTC`; with the date unless it is read on that day."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == read_at.astimezone(UTC).date() else f"{at:%Y-%m-%d %H:%M} UTC"


def times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def some(number: int, thing: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def sentence(text: str) -> str:
    """With a stop at its end."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
