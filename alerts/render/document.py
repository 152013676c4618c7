"""A message before it has a format: blocks, most important first. Pure.

A block can be made smaller without becoming invalid, because it is cut before it is escaped and fenced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.render.excerpt import cut_lines, cut_text


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. strong: a heading. last: kept whatever else has to go."""

    text: str
    strong: bool = False
    last: bool = False

    @property
    def size(self) -> int:
        return len(self.text)

    def shrunk(self, size: int) -> Text | None:
        return Text(cut_text(self.text, size), self.strong, self.last) if size > 0 else None


@dataclass(frozen=True, slots=True)
class Facts:
    items: Sequence[tuple[str, str]]

    @property
    def size(self) -> int:
        return sum(len(label) + len(text) for label, text in self.items)

    def shrunk(self, size: int) -> Facts | None:
        """The first ones stay; the last of these may be cut."""
        kept: list[tuple[str, str]] = []
        for label, text in self.items:
            size -= len(label)
            if size < min(len(text), 12):
                break
            kept.append((label, cut_text(text, size)))
            size -= len(kept[-1][1])
        return Facts(tuple(kept)) if kept else None


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of a log, as they are."""

    title: str
    lines: Sequence[str]

    @property
    def size(self) -> int:
        return sum(len(line) + 1 for line in self.lines)

    def shrunk(self, size: int) -> Code | None:
        lines = cut_lines(self.lines, size)
        return Code(self.title, tuple(lines)) if lines else None


@dataclass(frozen=True, slots=True)
class Item:
    """What several have in common, and their names; `more` counts those left out."""

    text: str
    names: Sequence[str]
    more: int = 0

    @property
    def line(self) -> str:
        more = [f"and {self.more} more"] if self.more else []
        return f"{self.text}: {', '.join([*self.names, *more])}"


@dataclass(frozen=True, slots=True)
class Items:
    """One line each, worst first; what does not fit is counted."""

    items: Sequence[Item]
    more: int = 0

    @property
    def size(self) -> int:
        return sum(len(item.names) for item in self.items)

    @property
    def lines(self) -> list[str]:
        rest = [f"… and {self.more} more"] if self.more else []
        return [*(item.line for item in self.items), *rest]

    def shrunk(self, size: int) -> Items:
        """size: names. Each item keeps one as long as there are enough, then the first ones keep theirs."""
        kept = self.items[: max(size, 0)]
        spare = size - len(kept)
        items: list[Item] = []
        for item in kept:
            shown = item.names[: 1 + max(spare, 0)]
            spare -= len(shown) - 1
            items.append(Item(item.text, shown, len(item.names) - len(shown)))
        return Items(tuple(items), sum(len(item.names) for item in self.items[len(kept) :]))


Block = Text | Facts | Code | Items
