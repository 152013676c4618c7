"""Fitting blocks into the bytes a target takes. Pure.

Sizes are measured on what is really sent, escaped and in UTF-8. A part of a message (one incident) gets its
share; within it the first block and those marked `last` come first, and a log keeps a third of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from alerts.model import BodyFormat
from alerts.render.document import Block, Code, Text
from alerts.render.formats import emit, separator

_CODE_SHARE = 0.35


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
    for index in _by_importance(blocks):
        block = blocks[index]
        reserved = _reserved(blocks, index, form, budget)
        text = _shrink(block, form, budget - reserved - len(gap))
        if text:
            kept[index] = text
            budget -= _bytes(text) + len(gap)
    return gap.join(kept[index] for index in sorted(kept))


def _by_importance(blocks: Sequence[Block]) -> list[int]:
    last = [index for index, block in enumerate(blocks) if isinstance(block, Text) and block.last]
    return [*last, *(index for index in range(len(blocks)) if index not in last)]


def _reserved(blocks: Sequence[Block], index: int, form: BodyFormat, budget: int) -> int:
    """What the logs after this block may count on."""
    block = blocks[index]
    if isinstance(block, Code) or (isinstance(block, Text) and block.last):
        return 0
    logs = [_bytes(emit(one, form)) for one in blocks[index + 1 :] if isinstance(one, Code)]
    return min(sum(logs), int(budget * _CODE_SHARE))


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
