"""Instants as the simulator keeps them: whole milliseconds since 1970, and their spellings on the wire."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def span_ms(span: timedelta) -> int:
    return span // _TICK


def from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def iso(ms: int) -> str:
    """`2026-11-22T02:00:00.316Z`, the form of all OCAPI timestamps."""
    return f"{_calendar(ms):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def log_time(ms: int) -> str:
    """`2026-11-22 02:00:00.316 GMT`, as log lines begin."""
    return f"{_calendar(ms):%Y-%m-%d %H:%M:%S}.{ms % 1000:03d} GMT"


def compact(ms: int) -> str:
    """`20170512142357242`, the suffix of log names before logs had a folder for each job."""
    return f"{_calendar(ms):%Y%m%d%H%M%S}{ms % 1000:03d}"


def http_date(ms: int) -> str:
    return format_datetime(_calendar(ms), usegmt=True)


def parse_iso(text: str) -> int:
    """Raises ValueError for anything but a date or an instant; without an offset UTC is meant."""
    at = datetime.fromisoformat(text)
    return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def _calendar(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)
