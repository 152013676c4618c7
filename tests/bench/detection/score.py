"""What was said, held against what is true: precision, recall, and how long it took to say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median_low

from tests.bench.detection.cadence import MINUTE
from tests.bench.detection.fleet import Fleet, poll_after
from tests.bench.detection.story import Label

SLACK = 2 * MINUTE
FAR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Told:
    """One alert: what it says, of which jobs, from when until when (None: still)."""

    condition: str
    jobs: tuple[str, ...]
    since: datetime
    opens: datetime
    closes: datetime | None
    text: str = ""


@dataclass(slots=True)
class Score:
    """Of one condition. right: one alert for each label found. again: for one that was told already."""

    condition: str
    right: int = 0
    tolerated: int = 0
    wrong: list[Told] = field(default_factory=list)
    again: list[Told] = field(default_factory=list)
    missing: list[Label] = field(default_factory=list)
    delays: list[timedelta] = field(default_factory=list)
    early: list[Told] = field(default_factory=list)
    slowest: list[tuple[timedelta, Told]] = field(default_factory=list)
    ends: list[timedelta] = field(default_factory=list)
    late_ends: list[Told] = field(default_factory=list)

    @property
    def labels(self) -> int:
        return self.right + len(self.missing)

    @property
    def precision(self) -> float | None:
        said = self.right + len(self.wrong) + len(self.again)
        return self.right / said if said else None

    @property
    def recall(self) -> float | None:
        return self.right / self.labels if self.labels else None

    @property
    def delay(self) -> timedelta | None:
        return median_low(self.delays) if self.delays else None

    def add(self, other: Score) -> None:
        self.right += other.right
        self.tolerated += other.tolerated
        for name in ("wrong", "again", "missing", "delays", "early", "slowest", "ends", "late_ends"):
            getattr(self, name).extend(getattr(other, name))


def scores(fleet: Fleet, told: Iterable[Told], labels: Sequence[Label] | None = None) -> dict[str, Score]:
    """By condition."""
    known: defaultdict[str, list[Label]] = defaultdict(list)
    for label in fleet.labels if labels is None else labels:
        known[label.condition].append(label)
    found: dict[str, Score] = {name: Score(name) for name in sorted(known)}
    unmatched = {name: [label for label in some if label.must] for name, some in known.items()}
    for one in sorted(told, key=lambda one: (one.opens, one.jobs)):
        score = found.setdefault(one.condition, Score(one.condition))
        meant = [label for label in known[one.condition] if _is_meant(one, label)]
        open_ones = [label for label in meant if label in unmatched[one.condition]]
        if open_ones:
            label = min(open_ones, key=lambda label: abs(label.known - one.opens))
            unmatched[one.condition].remove(label)
            _right(fleet, score, one, label)
        elif any(not label.must for label in meant):
            score.tolerated += 1
        else:
            (score.again if meant else score.wrong).append(one)
    for name, labels_left in unmatched.items():
        found[name].missing += labels_left
    return found


def _is_meant(one: Told, label: Label) -> bool:
    jobs, named = set(one.jobs), set(label.jobs)
    if named and jobs and not (jobs <= named or named <= jobs):
        return False
    begins, ends = min(one.since, one.opens), one.closes or one.opens + FAR
    over = label.until or label.known + FAR
    return begins <= over + SLACK and label.since - SLACK <= ends


def _right(fleet: Fleet, score: Score, one: Told, label: Label) -> None:
    score.right += 1
    delay = poll_after(one.opens, fleet.start) - label.known
    score.delays.append(delay)
    score.slowest.append((delay, one))
    if one.opens < label.known - SLACK / 60:
        score.early.append(one)
    if label.until is not None and label.until < fleet.end:
        wrong_by = abs((one.closes or fleet.end) - label.until)
        score.ends.append(wrong_by)
        if wrong_by > MINUTE:
            score.late_ends.append(one)
