"""`make bench-detection`: judges labelled fleets and keeps the page; some two minutes.

`SEED=7` judges that one fleet, `JOBS=50 DAYS=14` a smaller one, `START=2027-03-08` a month in which clocks
are put forward; only the whole of it keeps the page.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import SystemRandom

from monitor.detect import CONDITIONS
from tests.bench.detection import cadence as due
from tests.bench.detection import ours, rules
from tests.bench.detection.fleet import START, Fleet, make_fleet
from tests.bench.detection.page import Result, page
from tests.bench.detection.rules import RULES, Tally
from tests.bench.detection.score import Score, Told, scores

PAGE = Path(__file__).parents[3] / "docs" / "detection.md"
SEEDS = (1, 2, 3)
OURS = "this monitor"


def main() -> int:
    asked = _asked()
    start = due.instant(asked.start, time())
    is_whole = asked.seed is None and (asked.jobs, asked.days, start) == (200, 30, START)
    chance = SystemRandom().randrange(10**6) if asked.seed is None else None
    seeds = [*SEEDS, chance] if chance is not None else [asked.seed]
    configured: defaultdict[str, Score] = defaultdict(lambda: Score(""))
    learned: defaultdict[str, Score] = defaultdict(lambda: Score(""))
    tallies = {OURS: Tally(), **{title: Tally() for title, _ in RULES.values()}}
    runs = 0
    for seed in seeds:
        sys.stderr.write(f"seed {seed} …\n")
        fleet = make_fleet(seed, asked.jobs, asked.days, start)
        runs += len(fleet.runs)
        told = ours.told(ours.facts_of(fleet, ours.configured(fleet)), fleet.policy(configured=True))
        _add(configured, scores(fleet, told))
        _compare(fleet, told, tallies)
        facts = ours.facts_of(fleet, ours.learned(fleet))
        _add(learned, scores(fleet, ours.told(facts, fleet.policy(configured=False))))
    known = frozenset(CONDITIONS)
    result = Result(seeds, chance, asked.jobs, asked.days, start, runs, configured, learned, tallies, known)
    text = page(result, datetime.now(UTC))
    if is_whole:
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-detection", description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--start", type=date.fromisoformat, default=due.local_day(START))
    return parser.parse_args()


def _add(into: defaultdict[str, Score], found: Mapping[str, Score]) -> None:
    for name, score in found.items():
        into[name].condition = name
        into[name].add(score)


def _compare(fleet: Fleet, told: list[Told], tallies: Mapping[str, Tally]) -> None:
    rules.tally(fleet, [one for one in told if one.jobs], tallies[OURS])
    for rule, (title, _) in RULES.items():
        rules.tally(fleet, rules.of(fleet, rule), tallies[title])


if __name__ == "__main__":
    sys.exit(main())
