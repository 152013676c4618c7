"""`make bench`: prints how much the product costs against the least it could cost, and keeps the page.

Some ten minutes. `make bench PARTS="poll ingest"` measures these alone and keeps no page. An aim that is
missed is said, and is no error: figures of a busy machine fail nobody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import (
    delivery,
    fleet,
    help,  # noqa: A004 - a part's name
    history,
    idle,
    ingest,
    judging,
    log,
    poll,
    replay,
    scrape,
    start,
)
from tests.bench.measure import Figures, Result, once, steady_work
from tests.bench.report import Noise, page, row

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

PARTS: dict[str, tuple[Callable[[int], Result], int]] = {
    "poll": (poll.compare, 20),
    "ingest": (ingest.compare, 3),
    "history": (history.compare, 20),
    "scrape": (scrape.compare, 5),
    "log": (log.compare, 3),
    "idle": (idle.compare, 3),
    "start": (start.compare, 5),
    "help": (help.compare, 20),
    "judging": (judging.compare, 10),
    "replay": (replay.compare, 3),
    "fleet": (fleet.compare, 3),
    "delivery": (delivery.compare, 3),
}
"""What is compared, and how many times; of the fleet and of deliveries, the minutes."""


def main(wanted: Sequence[str]) -> int:
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.stderr.write(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}\n")
        return 2
    names = [name for name in PARTS if not wanted or name in wanted]
    load_before = os.getloadavg()[0]
    steady = [once(steady_work) for _ in range(3)]
    results = []
    for name in names:
        sys.stderr.write(f"{name} …\n")
        compare, repeats = PARTS[name]
        results.append(compare(repeats))
        sys.stderr.write(f"{row(results[-1])}\n")
        steady += [once(steady_work) for _ in range(3)]
    noise = Noise(load_before, os.getloadavg()[0], Figures(tuple(steady)))
    text = page(results, noise, datetime.now(UTC))
    if len(names) == len(PARTS):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
