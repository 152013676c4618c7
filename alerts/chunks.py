"""Many values in several questions: an IN list stays well below what the smallest databases allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

_MOST = 400

T = TypeVar("T", bound=Any)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Each value once, in order."""
    wanted = sorted(set(values))
    for start in range(0, len(wanted), _MOST):
        yield wanted[start : start + _MOST]
