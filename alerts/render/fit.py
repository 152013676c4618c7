"""Fitting blocks into the bytes a target takes. Pure.

Sizes are measured on what is really sent, escaped and in UTF-8. A part of a message (one incident) gets its
share; within it those marked `last` are kept, and nearly half of the rest is for the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.model import BodyFormat
from alerts.render.document import Block, Code, Text
from alerts.render.formats import emit, separator

_LOG_SHARE = 0.45
_FIRST_SHARE = 0.5


def fit(parts: Sequence[Sequence[Block]], form: BodyFormat, budget: int) -> str:
    """The parts one after the other, in `budget` bytes; what one does not need, later ones may use."""
    gap = separator(form)
    done: list[str] = []
    for index, part in enumerate(parts):
        share = budget // (len(parts) - index)
        text = _fit_part(part, form, share)
        if text:
            done.append(text)
            budget -= _bytes(text + gap)
    return gap.join(done)


def _fit_part(blocks: Sequence[Block], form: BodyFormat, budget: int) -> str:
    gap = separator(form)
    whole = gap.join(emit(block, form) for block in blocks)
    if _bytes(whole) <= budget:
        return whole
    kept: dict[int, str] = {}
    for index, allowed in _allowances(blocks, form, budget):
        used = sum(_bytes(text) + len(gap) for text in kept.values())
        text = _shrink(blocks[index], form, min(allowed, budget - used - len(gap)))
        if text:
            kept[index] = text
    return gap.join(kept[index] for index in sorted(kept))


def _allowances(blocks: Sequence[Block], form: BodyFormat, budget: int) -> Iterator[tuple[int, int]]:
    """The blocks by importance, each with the most it may take."""
    last = [index for index, block in enumerate(blocks) if isinstance(block, Text) and block.last]
    logs = [index for index, block in enumerate(blocks) if isinstance(block, Code)]
    rest = [index for index in range(len(blocks)) if index not in last and index not in logs]
    size = {index: _bytes(emit(block, form)) for index, block in enumerate(blocks)}
    yield from ((index, budget) for index in last)
    budget -= sum(size[index] + len(separator(form)) for index in last)
    for_logs = min(sum(size[index] for index in logs), int(budget * _LOG_SHARE))
    # What the first block leaves goes to the facts, and what all of them leave to the log.
    budget -= for_logs
    for number, index in enumerate(rest):
        allowed = int(budget * _FIRST_SHARE) if number == 0 and len(rest) > 1 else budget
        yield index, max(allowed, 0)
        budget -= min(size[index], allowed)
    yield from ((index, for_logs + max(budget, 0)) for index in logs)


def _shrink(block: Block, form: BodyFormat, allowed: int) -> str:
    """The largest version of the block that fits; empty when none does."""
    whole = emit(block, form)
    if _bytes(whole) <= allowed:
        return whole
    best = ""
    low, high = 0, block.size
    while low <= high:
        middle = (low + high) // 2
        smaller = block.shrunk(middle)
        text = emit(smaller, form) if smaller else ""
        if _bytes(text) <= allowed:
            best, low = text or best, middle + 1
        else:
            high = middle - 1
    return best


def _bytes(text: str) -> int:
    return len(text.encode())
