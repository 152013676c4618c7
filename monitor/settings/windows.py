"""`[[windows]]`: spans of time that come back, and what is different within them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from monitor.settings import schedules
from monitor.settings.duration import PositiveDuration
from monitor.settings.table import Table
from monitor.settings.thresholds import Globs
from monitor.settings.values import Timezone

DOWNTIME = "expect_downtime"
HOURS = "hours"
MUTE = "mute"
NO_SLOTS = "no_slots"


class WindowSettings(Table):
    """From each time of the cron on for a length. timezone: that of each instance without it.

    mute: news wait for the end. expect_downtime: that the instance cannot be reached is info, and what
    interrupts its runs a warning. no_slots: schedules have no slots there: nothing is late or missed, and
    what runs all the same is in order. hours: nothing by itself; routes name it.
    """

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["mute", "expect_downtime", "no_slots", "hours"]
    cron: schedules.Cron
    length: PositiveDuration
    timezone: Timezone | None = None
    instance: str = "*"
    instance_type: str = "*"
    jobs: Annotated[Globs, Field(min_length=1)] = ["*"]

    @classmethod
    def contradictions(cls, given: Mapping[str, Any]) -> Iterator[str]:
        yield from schedules.contradictions(given)
        kind = given.get("kind")
        if kind == DOWNTIME and "jobs" in given:
            yield "jobs has no meaning for expect_downtime: it is of the whole instance"
        for name in ("jobs", "instance", "instance_type"):
            if kind == HOURS and name in given:
                yield f"{name} has no meaning for hours: the route that names it says for what it counts"
