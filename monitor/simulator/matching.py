"""Conditions against executions, and how to ask few of them.

The idea that keeps a large history fast: a condition is split into the parts that all must hold. Those on
`start_time`, `job_id` and `status` narrow the candidates through an index and need no further look; only
what is left is evaluated row by row.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitor.simulator.condition import (
    Anything,
    Between,
    Condition,
    Contains,
    Either,
    Every,
    Missing,
    Not,
    OneOf,
    Value,
)
from monitor.simulator.execution import Row

Test = Callable[[Row], bool]

END_OF_TIME = 2**62  # milliseconds


@dataclass(slots=True)
class Narrowed:
    """`low` and `high` are inclusive bounds of start_time; `job_ids` None stands for all jobs; `unusual`
    means that no row which ended with status OK can match, `touching` that no such row can which ended
    before; `rest` is what the indexes cannot answer."""

    low: int | None = None
    high: int | None = None
    job_ids: frozenset[Value] | None = None
    unusual: bool = False
    touching: int | None = None
    rest: tuple[Condition, ...] = ()

    @property
    def needs_start(self) -> bool:
        return self.low is not None or self.high is not None


def narrow(condition: Condition) -> Narrowed:
    found = Narrowed()
    rest = [part for part in _conjuncts(condition) if not _absorbed(part, found)]
    found.rest = tuple(rest)
    found.touching = max((low for part in rest if (low := _touched(part)) is not None), default=None)
    return found


def compile_all(parts: Iterable[Condition], now: int) -> Test:
    tests = [compile_test(part, now) for part in parts]
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def compile_test(condition: Condition, now: int) -> Test:  # noqa: PLR0911 - one return for each kind
    match condition:
        case Anything():
            return lambda _row: True
        case OneOf(field, values):
            value = _reader(field, now)
            return lambda row: value(row) in values
        case Missing(field):
            value = _reader(field, now)
            return lambda row: value(row) is None
        case Contains():
            return _contains(condition, now)
        case Between():
            return _between(condition, now)
        case Every(parts):
            return compile_all(parts, now)
        case Either(parts):
            tests = [compile_test(part, now) for part in parts]
            return lambda row: any(test(row) for test in tests)
        case Not(part):
            inner = compile_test(part, now)
            return lambda row: not inner(row)


def _reader(field: str, now: int) -> Callable[[Row], Value | None]:
    readers: dict[str, Callable[[Row], Value | None]] = {
        "id": lambda row: row.id or None,
        "job_id": lambda row: row.job_id or None,
        "status": lambda row: row.status_at(now),
        "start_time": lambda row: row.start_at(now),
        "end_time": lambda row: row.end_at(now),
    }
    return readers[field]


def _contains(condition: Contains, now: int) -> Test:
    readers = [_reader(field, now) for field in condition.fields]

    def test(row: Row) -> bool:
        text = " ".join(str(read(row) or "") for read in readers).lower()
        return all(term in text for term in condition.terms)

    return test


def _between(condition: Between, now: int) -> Test:
    read = _reader(condition.field, now)

    def test(row: Row) -> bool:
        value = read(row)
        if value is None:
            return False
        return _above(value, condition.low, condition.with_low) and _below(
            value, condition.high, condition.with_high
        )

    return test


def _above(value: Value, low: Value | None, inclusive: bool) -> bool:  # noqa: FBT001 - the bound's own flag
    if low is None:
        return True
    return value >= low if inclusive else value > low  # type: ignore[operator]  # a field's values are of one type


def _below(value: Value, high: Value | None, inclusive: bool) -> bool:  # noqa: FBT001 - the bound's own flag
    if high is None:
        return True
    return value <= high if inclusive else value < high  # type: ignore[operator]  # as above


def _conjuncts(condition: Condition) -> list[Condition]:
    if isinstance(condition, Anything):
        return []
    if isinstance(condition, Every):
        return [single for part in condition.parts for single in _conjuncts(part)]
    return [condition]


def _touched(part: Condition) -> int | None:
    """What a row that ended with status OK must have reached to match: the question of every poll."""
    if not isinstance(part, Either):
        return None
    lows = [_reached(way) for way in part.parts]
    return min((low for low in lows if low is not None), default=None) if all(lows) else None


def _reached(way: Condition) -> int | None:
    """Beyond all time for what no such row matches at all."""
    for single in _conjuncts(way):
        match single:
            case Between("start_time" | "end_time", int(low)):
                return low
            case OneOf("status", values) if "OK" not in values:
                return END_OF_TIME
    return None


def _absorbed(part: Condition, found: Narrowed) -> bool:
    """Whether an index answers this part completely; `found` is narrowed by it."""
    match part:
        case Between("start_time", low, high, with_low, with_high):
            if isinstance(low, int):
                first = low if with_low else low + 1
                found.low = first if found.low is None else max(found.low, first)
            if isinstance(high, int):
                last = high if with_high else high - 1
                found.high = last if found.high is None else min(found.high, last)
            return True
        case OneOf("job_id", values):
            found.job_ids = values if found.job_ids is None else found.job_ids & values
            return True
        case OneOf("status", values) if "OK" not in values:
            found.unusual = True
    return False
