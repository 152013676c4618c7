"""Cutting to size: the beginning and the end stay, and what was left out is said. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.render.wording import some

GAP = " […] "

_USEFUL = 80
"""Characters of a line that still tell something: better one such line than two halves."""


def cut_text(text: str, size: int) -> str:
    """At most `size` characters; two thirds of them from the beginning."""
    if len(text) <= size:
        return text
    left = size - len(GAP)
    if left < 8:
        return text[: max(size - 1, 0)] + "…" if size > 0 else ""
    head = left - left // 3
    return text[:head].rstrip() + GAP + text[len(text) - left // 3 :].lstrip()


def cut_lines(lines: Sequence[str], size: int) -> list[str]:
    """Lines of at most `size` characters together: from the end and the beginning in turn, the end first.

    Of a log the end tells most. A line that is too long is cut, so that something is always left.
    """
    if sum(len(line) + 1 for line in lines) <= size:
        return list(lines)
    size -= len("[… 000000 lines left out …]")
    width = max(size // 2, min(size - 1, _USEFUL))
    head: list[str] = []
    tail: list[str] = []
    first, last = 0, len(lines) - 1
    while first <= last:
        from_end = len(tail) <= len(head)
        line = cut_text(lines[last] if from_end else lines[first], min(width, size - 1))
        if size <= 1 or len(line) >= size:
            break
        (tail if from_end else head).append(line)
        size -= len(line) + 1
        first, last = (first, last - 1) if from_end else (first + 1, last)
    left_out = last - first + 1
    if not tail:
        return []
    marker = [f"[… {some(left_out, 'line')} left out …]"] if left_out > 0 else []
    return [*head, *marker, *reversed(tail)]


def cut_file(content: bytes, size: int) -> bytes:
    """At most `size` bytes, at line ends where there are any. Never decoded: any encoding will do."""
    if len(content) <= size:
        return content
    marker = b"\n[... %d bytes left out, the target takes no more ...]\n" % (len(content) - size)
    left = size - len(marker)
    if left <= 0:
        return content[: max(size, 0)]
    head, tail = content[: left // 3], content[len(content) - (left - left // 3) :]
    # A log of one giant line has no end of line to cut at.
    first = head[: head.rfind(b"\n") + 1] or head
    return first + marker.lstrip(b"\n") + (tail[tail.find(b"\n") + 1 :] or tail)
