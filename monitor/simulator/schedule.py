"""When jobs are due: slots of a cron expression in a time zone, or at a fixed distance. Pure."""

from collections.abc import Iterator
from datetime import UTC
from zoneinfo import ZoneInfo

from cronsim import CronSim

from monitor.simulator.instant import from_ms, span_ms, to_ms
from monitor.simulator.model import JobSpec


def slots(spec: JobSpec, since: int, timezone: str) -> Iterator[int]:
    """All slots from `since` on, in order, without end; none for a job without a schedule."""
    if spec.cron is not None and spec.every is not None:
        raise ValueError(f"{spec.job_id}: give either cron or every, not both")
    if spec.cron is not None:
        return _cron(spec.cron, since, ZoneInfo(spec.timezone or timezone))
    if spec.every is not None:
        return _steady(span_ms(spec.every), span_ms(spec.offset), since)
    return iter(())


def _cron(expression: str, since: int, zone: ZoneInfo) -> Iterator[int]:
    if len(expression.split()) != 5:
        raise ValueError(f"{expression!r} is no cron expression of five fields, e.g. '0 2 * * *'")
    for at in CronSim(expression, from_ms(since - 1).astimezone(zone)):
        yield to_ms(at.astimezone(UTC))


def _steady(every: int, offset: int, since: int) -> Iterator[int]:
    if every <= 0:
        raise ValueError("every must be longer than nothing")
    at = offset + -(-(since - offset) // every) * every
    while True:
        yield at
        at += every
