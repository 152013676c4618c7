"""What two settings say differently of the same history. Pure.

An alert of one side is the alert of the other when it is about the same: condition, jobs, scope, and either
the instant since when it holds or one of its runs. How it is worded makes no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from alerts.model import Severity
from monitor.replay.model import Alert, Line, lines_of

About = tuple[str, str, tuple[str, ...], str]
"""Instance, condition, jobs, scope."""


@dataclass(frozen=True, slots=True)
class Difference:
    """here, there: what one side alone tells. changed: (here, there), by severity or time.

    same: how many alerts are told alike.
    """

    here: tuple[Alert, ...] = ()
    there: tuple[Alert, ...] = ()
    changed: tuple[tuple[Alert, Alert], ...] = ()
    same: int = 0

    def __bool__(self) -> bool:
        return bool(self.here or self.there or self.changed)


def difference(here: Iterable[Alert], there: Iterable[Alert]) -> Difference:
    ours, theirs = _by_subject(here), _by_subject(there)
    only_here: list[Alert] = []
    only_there: list[Alert] = []
    pairs: list[tuple[Alert, Alert]] = []
    for about in sorted(ours.keys() | theirs.keys()):
        left, right = ours.get(about, []), theirs.get(about, [])
        for is_same in (_since, _run):
            found, left, right = _paired(left, right, is_same)
            pairs += found
        only_here += left
        only_there += right
    changed = [pair for pair in pairs if _told(pair[0]) != _told(pair[1])]
    return Difference(
        tuple(sorted(only_here, key=_age)),
        tuple(sorted(only_there, key=_age)),
        tuple(sorted(changed, key=lambda pair: _age(pair[0]))),
        len(pairs) - len(changed),
    )


def sides(found: Difference, since: datetime | None = None) -> list[tuple[str, Line]]:
    """The lines that `here` or `there` alone would say, in the order of time."""
    told: list[tuple[str, Line]] = []
    told += [("here", line) for line in lines_of(found.here, since)]
    told += [("there", line) for line in lines_of(found.there, since)]
    for here, there in found.changed:
        ours, theirs = lines_of([here], since), lines_of([there], since)
        told += [("here", line) for line in ours if not _is_among(line, theirs)]
        told += [("there", line) for line in theirs if not _is_among(line, ours)]
    return sorted(told, key=lambda item: (item[1].at, item[1].alert.instance, item[0], item[1].action))


def _by_subject(alerts: Iterable[Alert]) -> dict[About, list[Alert]]:
    found: defaultdict[About, list[Alert]] = defaultdict(list)
    for one in sorted(alerts, key=_age):
        found[one.instance, one.condition, one.jobs, one.scope].append(one)
    return dict(found)


def _paired(
    left: list[Alert], right: list[Alert], keys: Callable[[Alert], Iterable[object]]
) -> tuple[list[tuple[Alert, Alert]], list[Alert], list[Alert]]:
    """Those with a key in common, oldest first, and what is left of both."""
    by_key: defaultdict[object, list[Alert]] = defaultdict(list)
    for one in right:
        for key in keys(one):
            by_key[key].append(one)
    taken: set[int] = set()
    pairs: list[tuple[Alert, Alert]] = []
    alone: list[Alert] = []
    for one in left:
        partner = next((two for key in keys(one) for two in by_key[key] if id(two) not in taken), None)
        if partner is None:
            alone.append(one)
        else:
            taken.add(id(partner))
            pairs.append((one, partner))
    return pairs, alone, [one for one in right if id(one) not in taken]


def _since(alert: Alert) -> Iterable[object]:
    return (alert.since,)


def _run(alert: Alert) -> Iterable[object]:
    return alert.executions


def _told(alert: Alert) -> tuple[datetime, Severity, datetime | None]:
    return (alert.at, alert.severity, alert.over_at)


def _is_among(line: Line, others: Iterable[Line]) -> bool:
    mark = (line.at, line.action, line.alert.severity)
    return any(mark == (one.at, one.action, one.alert.severity) for one in others)


def _age(alert: Alert) -> tuple[datetime, str, str, tuple[str, ...], str, datetime]:
    return (alert.at, alert.instance, alert.condition, alert.jobs, alert.scope, alert.since)
