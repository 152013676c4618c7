"""What a search asks for, reduced to eight kinds of conditions.

`query` writes them, `matching` evaluates them; they know neither requests nor executions.
"""

from dataclasses import dataclass

Value = str | int  # dates are milliseconds


@dataclass(frozen=True, slots=True)
class Anything:
    pass


@dataclass(frozen=True, slots=True)
class OneOf:
    field: str
    values: frozenset[Value]


@dataclass(frozen=True, slots=True)
class Missing:
    field: str


@dataclass(frozen=True, slots=True)
class Contains:
    """Each term occurs in the fields taken together, in any case."""

    fields: tuple[str, ...]
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    field: str
    low: Value | None
    high: Value | None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition = Anything | OneOf | Missing | Contains | Between | Every | Either | Not


@dataclass(frozen=True, slots=True)
class Sort:
    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Search:
    condition: Condition
    sorts: tuple[Sort, ...]
    start: int
    count: int
    select: str | None
