"""`schedule advise`: what the coming days run into, and which change prevents it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from monitor.cli import completion
from monitor.cli.common import (
    Length,
    config_option,
    existing_state_of,
    instant,
    need_instances,
    output_option,
    plural,
    print_json,
    say,
    settings_of,
)
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.advising import Prediction, Week

SLOTS_SHOWN = 3
LONGEST = timedelta(days=60)


class Days(Length):
    """How far to look ahead."""

    def trouble(self, length: timedelta) -> str:
        if timedelta() < length <= LONGEST:
            return ""
        return f"from a minute to {LONGEST.days} days can be looked ahead"


@click.command(
    epilog="Examples: sfcc-job-monitor schedule advise; sfcc-job-monitor schedule advise --for 14d -o json"
)
@click.option("--instance", metavar="NAME", shell_complete=completion.instances, help="Only this instance.")
@click.option("--for", "length", type=Days(), default="7d", show_default=True, help="How far to look ahead.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where there is something to advise.")
@output_option
@config_option
@click.pass_context
def advise(ctx: click.Context, instance: str | None, length: timedelta, exit_code: bool, output: str) -> int:
    """What the coming days run into, as far as slots and usual durations tell, and what would prevent it:
    runs of one group that will overlap or come too close, runs that swallow the next slot, hours in which
    nearly all places of the instance are taken."""
    from monitor.advising import advise as advice
    from monitor.forecast import weeks
    from monitor.history.engine import reading

    settings = settings_of(ctx).settings
    need_instances(settings)
    names = [one.name for one in settings.instances]
    if instance is not None and instance not in names:
        raise MonitorError(f"the settings have no instance {instance!r}; there are {', '.join(names)}")
    with reading(existing_state_of(settings)) as connection:
        coming = list(weeks(connection, settings, instance, datetime.now(UTC), length))
    found = [(week, advice(week)) for week in coming]
    if output == "json":
        print_json([_document(week, one) for week, some in found for one in some])
    else:
        for week, some in found:
            _print(week, some, several=len(found) > 1)
    return 1 if exit_code and any(some for _, some in found) else 0


def _print(week: Week, predictions: Sequence[Prediction], *, several: bool) -> None:
    at = f"{week.instance}: " if several else ""
    if not week.jobs:
        say(f"{at}no slot is known of any job: set cron or every in [[jobs]], or see `schedule learn`")
        return
    unknown = sum(one.usual is None for one in week.jobs.values())
    scope = f"{plural(len(week.jobs), 'job')} with slots until {week.end:%Y-%m-%d %H:%M} UTC"
    missing = f"; of {unknown} too few runs are known to say how long they take" if unknown else ""
    say(f"{at}{scope}{missing}")
    for one in predictions:
        for line in _lines(one):
            click.echo(line)
    if not predictions:
        say(f"{at}nothing to advise")


def _lines(one: Prediction) -> Iterator[str]:
    group = f" (group {one.group})" if one.group else ""
    yield f"{one.kind.value}: {one.text}{group}"
    when = ", ".join(f"{at:%a %m-%d %H:%M}" for at in one.slots[:SLOTS_SHOWN])
    more = f" and {len(one.slots) - SLOTS_SHOWN} more" if len(one.slots) > SLOTS_SHOWN else ""
    slots = f"{len(one.slots)} of {plural(one.of, 'slot')}"
    yield f"  at {slots}, likely in {_percent(one.likely)}: {when}{more} UTC"
    if one.change is not None:
        yield f"  advice: {one.change.text}"


def _document(week: Week, one: Prediction) -> dict[str, Any]:
    return {
        "sfcc_instance": week.instance,
        "kind": one.kind.value,
        "jobs": list(one.jobs),
        "group": one.group,
        "slots": [instant(at) for at in one.slots],
        "of_slots": one.of,
        "probability": round(one.likely, 4),
        "text": one.text,
        "change": None
        if one.change is None
        else {
            "job_id": one.change.job_id,
            "by_seconds": one.change.by.total_seconds(),
            "first": instant(one.change.start),
            "keeps": round(one.change.keeps, 4),
            "text": one.change.text,
        },
    }


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{min(round(share * 100), 100)} %"
