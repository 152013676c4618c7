"""The figures as a page of Markdown: the same that is printed is kept in `docs/detection.md`."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median_low

from tests.bench.detection.cadence import local_day
from tests.bench.detection.rules import Tally
from tests.bench.detection.score import Score, Told
from tests.bench.detection.story import Label

WIDTH = 110
PRECISION = RECALL = 0.99
POLL = timedelta(minutes=1)
SHOWN = 40
"""Misses of one table that are named one by one; the rest is counted."""

NOT_OF_HISTORY = ("blind", "log_access", "expiring")
COLUMNS = (
    *("condition", "injected", "found", "wrong alerts", "told twice"),
    *("precision", "recall", "delay", "longest", "over in time"),
)
CAUGHT = ("failed", "slow", "stuck", "late", "missed", "stale", "deadline")


@dataclass(frozen=True, slots=True)
class Result:
    """All seeds together. configured, learned: by condition. rules: what each catches, ours first."""

    seeds: Sequence[int]
    chance: int | None
    jobs: int
    days: int
    start: datetime
    runs: int
    configured: Mapping[str, Score]
    learned: Mapping[str, Score]
    rules: Mapping[str, Tally]
    known: frozenset[str]


def page(result: Result, at: datetime) -> str:
    return "\n".join(_lines(result, at)) + "\n"


def _lines(result: Result, at: datetime) -> Iterator[str]:
    yield "# How well it detects"
    yield ""
    yield f"Written by `make bench-detection` on {at.astimezone(UTC):%Y-%m-%d}, in one run; do not edit."
    yield ""
    yield from _wrapped(
        f"Generated instances with {result.jobs} jobs over {result.days} days from {local_day(result.start)}"
        f" on, of the seeds {_seeds(result)}: {result.runs:,} executions in all. The generator knows what it"
        " injected and from when on it could be known; labels are never made by what is tested. An alert"
        " is right when one of its condition was injected for that job at that time and no other alert told"
        " of it before. What follows from an injected fault and is right to tell, or right to leave out,"
        " counts on neither side. The delay runs from the first instant at which it could be known to the"
        " first poll, one a minute, that tells. Each alert counts by itself, also where another one would"
        " keep it quiet."
        f" Not of a history, and so not here: {', '.join(f'`{name}`' for name in NOT_OF_HISTORY)}."
    )
    yield ""
    yield from _table("With the schedules in the settings", result.configured, result.known, recall=RECALL)
    yield from _table(
        "With schedules learned from the starts alone", result.learned, result.known, recall=None
    )
    yield from _comparison(result)
    yield from _misses("Misses, with the schedules in the settings", result.configured, result.known)
    yield from _misses("Misses, with learned schedules", result.learned, result.known, only_wrong=True)


def _seeds(result: Result) -> str:
    return ", ".join(f"{seed} (by chance)" if seed == result.chance else str(seed) for seed in result.seeds)


def _table(
    title: str, scores: Mapping[str, Score], known: frozenset[str], *, recall: float | None
) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    total = Score("**all**")
    for name in sorted(scores.keys() | known):
        score = scores.get(name, Score(name))
        if name not in known:
            yield f"| `{name}` | {score.labels} | not detected yet | | | | | | | |"
            continue
        total.add(score)
        yield _row(f"`{name}`", score)
    yield _row("**all**", total)
    yield ""
    yield from _wrapped(_verdict(total, recall))
    yield ""


def _row(name: str, score: Score) -> str:
    ended = len(score.ends)
    cells = (
        name,
        str(score.labels),
        str(score.right),
        str(len(score.wrong)),
        str(len(score.again)),
        _share(score.precision),
        _share(score.recall),
        _seconds(score.delay),
        _seconds(max(score.delays, default=None)),
        f"{ended - len(score.late_ends)} of {ended}" if ended else "",
    )
    return f"| {' | '.join(cells)} |"


def _verdict(total: Score, recall: float | None) -> str:
    said = [f"Aims: precision at least {PRECISION}: {_met((total.precision or 0) >= PRECISION)}"]
    if recall is not None:
        said.append(f"recall at least {recall}: {_met((total.recall or 0) >= recall)}")
    said.append(f"delay at most one poll: {_met(max(total.delays, default=POLL) <= POLL)}")
    early = f" {len(total.early)} alerts came before it could be known." if total.early else ""
    return f"{'; '.join(said)}.{early}"


def _comparison(result: Result) -> Iterator[str]:
    yield "## The rules people have today, on the same fleets"
    yield ""
    yield from _wrapped(
        "None of them says what is wrong, so an alert is right here when anything was wrong with its job at"
        " that time, and a fault is caught when any alert was about its job while it lasted or within a day"
        " after. What concerns the instance as a whole is left out."
    )
    yield ""
    columns = ("rule", "alerts", "right", *(f"`{name}`" for name in CAUGHT), "all others", "delay")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name, tally in result.rules.items():
        caught, labels = tally.caught, tally.labels
        cells = [_of(caught.get(one, 0), labels.get(one, 0)) for one in CAUGHT]
        others = labels.keys() - set(CAUGHT)
        rest = _of(sum(caught.get(one, 0) for one in others), sum(labels[one] for one in others))
        delay = median_low(tally.delays) if tally.delays else None
        right = _share(tally.right / tally.alerts if tally.alerts else None)
        yield f"| {name} | {tally.alerts:,} | {right} | {' | '.join(cells)} | {rest} | {_seconds(delay)} |"
    yield ""


def _misses(
    title: str, scores: Mapping[str, Score], known: frozenset[str], *, only_wrong: bool = False
) -> Iterator[str]:
    found = [
        line
        for name, score in sorted(scores.items())
        if name in known
        for line in _of_one(score, only_wrong=only_wrong)
    ]
    if not found:
        return
    yield f"## {title}"
    for line in found[:SHOWN]:
        yield from textwrap.wrap(f"- {line}", WIDTH, subsequent_indent="  ")
    if len(found) > SHOWN:
        yield f"- … and {len(found) - SHOWN} more."
    yield ""


def _of_one(score: Score, *, only_wrong: bool) -> Iterator[str]:
    """What is the same of one job comes once, with how often."""
    yield from _counted(score, "wrong", score.wrong)
    yield from _counted(score, "told twice", score.again)
    if not only_wrong:
        yield from (f"`{score.condition}`, not found: {_label(one)}" for one in score.missing)
    late = [(delay, one) for delay, one in score.slowest if delay > POLL]
    yield from (f"`{score.condition}`, {_seconds(delay)} late: {_told(one)}" for delay, one in late)
    yield from _counted(score, "too early", score.early)
    yield from _counted(score, "not over when it was", score.late_ends)


def _counted(score: Score, what: str, alerts: Sequence[Told]) -> Iterator[str]:
    by_jobs: defaultdict[tuple[str, ...], list[Told]] = defaultdict(list)
    for one in alerts:
        by_jobs[one.jobs].append(one)
    for some in by_jobs.values():
        more = f" And {len(some) - 1} more of this job." if len(some) > 1 else ""
        yield f"`{score.condition}`, {what}: {_told(some[0])}{more}"


def _told(one: Told) -> str:
    over = f"over {one.closes:%H:%M:%S}" if one.closes else "still open"
    return f"{', '.join(one.jobs)} at {one.opens:%Y-%m-%d %H:%M:%S}, {over}: {one.text}"


def _label(one: Label) -> str:
    return f"{', '.join(one.jobs) or 'the instance'} since {one.since:%Y-%m-%d %H:%M:%S}: {one.story}"


def _of(found: int, every: int) -> str:
    return f"{found} of {every}" if every else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _seconds(value: timedelta | None) -> str:
    return "" if value is None else f"{value.total_seconds():,.0f} s"


def _met(is_met: bool) -> str:  # noqa: FBT001 - a word for yes and no
    return "met" if is_met else "**missed**"


def _wrapped(text: str) -> Iterable[str]:
    return textwrap.wrap(text, WIDTH)
