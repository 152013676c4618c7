"""`make bench`: prints how much the product costs against the least it could cost, and keeps the page.

Some two minutes. A limit that is missed is said, and is no error: figures of a busy machine fail nobody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import ingest, poll, scrape, start
from tests.bench.measure import Figures, Result, once, steady_work
from tests.bench.report import Noise, page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

PARTS: tuple[tuple[Callable[[int], Result], int], ...] = (
    (poll.compare, 20),
    (ingest.compare, 5),
    (scrape.compare, 5),
    (start.compare, 20),
)
"""What is compared, and how many times."""


def main() -> None:
    load_before = os.getloadavg()[0]
    steady = [once(steady_work) for _ in range(3)]
    results = []
    for compare, repeats in PARTS:
        sys.stderr.write(f"{compare.__module__.rpartition('.')[2]} …\n")
        results.append(compare(repeats))
        steady += [once(steady_work) for _ in range(3)]
    noise = Noise(load_before, os.getloadavg()[0], Figures(tuple(steady)))
    text = page(results, noise, datetime.now(UTC))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
