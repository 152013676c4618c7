"""What a search finds, whichever API it came by: the page, its total, and the instant it is shown as of.

Knows neither documents nor spellings; the switches that hold for both APIs act here.
"""

from dataclasses import dataclass

from monitor.simulator.condition import Search
from monitor.simulator.execution import Row
from monitor.simulator.instant import span_ms
from monitor.simulator.world import World


@dataclass(frozen=True, slots=True)
class Found:
    rows: list[Row]
    total: int
    as_of: int  # milliseconds: a lagging index shows an earlier instant


def find(world: World, wanted: Search) -> Found:
    lag = span_ms(world.quirks.index_lag)
    as_of = world.now_ms() - lag
    rows = world.history.search(wanted, as_of, lagging=lag > 0)
    most = min(wanted.count, world.quirks.short_pages or wanted.count)
    return Found(rows[wanted.start : wanted.start + most], len(rows), as_of)


def too_large(world: World, body: bytes) -> bool:
    most = world.quirks.max_answer_bytes
    return most is not None and len(body) > most
