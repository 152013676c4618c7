"""Worlds by name. Each is built for a clock and continues for as long as that runs."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from monitor.simulator.akeneo import FULL_MASTER, akeneo_night
from monitor.simulator.clock import Clock
from monitor.simulator.model import JobSpec, Outcome, Retry
from monitor.simulator.world import World


def demo_origin(now: datetime) -> datetime:
    """Where a clock starts for the night to begin at once: 01:58 UTC of the given day."""
    return now.replace(hour=1, minute=58, second=0, microsecond=0)


def quiet(clock: Clock) -> World:
    """Five jobs, five days, all ok."""
    world = World(clock, seed=3, history=timedelta(days=5))
    for number, name in enumerate(("Catalog", "Prices", "Inventory", "Orders", "Content")):
        minutes = timedelta(minutes=2 + number)
        world.add_job(JobSpec(f"Import-{name}", every=timedelta(hours=1 + number), duration=minutes))
    world.noise(jobs=1)
    return world


def busy(clock: Clock) -> World:
    """Fifty jobs, some of which fail now and then, twenty system jobs a minute, and a full import that has
    run for three of its eight hours."""
    world = World(clock, seed=11, history=timedelta(days=25))
    for number in range(50):
        world.add_job(_busy_job(number))
    world.noise(jobs=20)
    world.at(
        clock.now() - timedelta(hours=3),
        lambda: world.start(FULL_MASTER, outcome=Outcome(duration=timedelta(hours=8))),
    )
    return world


def _busy_job(number: int) -> JobSpec:
    kind = ("Import", "Export", "Feed", "Sync", "Index")[number % 5]
    return JobSpec(
        f"{kind}-{number:02d}",
        every=timedelta(minutes=30 + 15 * (number % 7)),
        offset=timedelta(minutes=number),
        duration=timedelta(minutes=1 + number % 9),
        spread=0.15,
        sites=("RefArch", "RefArchGlobal") if number % 10 == 0 else (),
        failure_rate=0.01 if number % 4 == 0 else 0.0,
        retry=Retry() if number % 8 == 0 else None,
    )


SCENARIOS: Mapping[str, Callable[[Clock], World]] = {
    "akeneo-night": akeneo_night,
    "quiet": quiet,
    "busy": busy,
}
