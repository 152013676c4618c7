"""Figures as a page of Markdown: the same that is printed is kept in `docs/benchmarks.md`."""

from __future__ import annotations

import os
import platform
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.bench.measure import Figures, Held, Result, Unit

WIDTH = 110


@dataclass(frozen=True, slots=True)
class Noise:
    """How quiet the machine was: its load before and after, and the same piece of work in between."""

    load_before: float
    load_after: float
    steady: Figures


def page(results: Sequence[Result], noise: Noise, at: datetime) -> str:
    return "\n".join(_lines(results, noise, at)) + "\n"


def row(one: Result) -> str:
    bare = "" if one.bare is None else text_of(one.bare, one.unit)
    cells = [one.title, one.work, one.against, text_of(one.ours, one.unit), bare, _held(one), _aim(one)]
    return f"| {' | '.join([*cells, _verdict(one)])} |"


def _lines(results: Sequence[Result], noise: Noise, at: datetime) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield f"Written by `make bench` on {at.astimezone(UTC):%Y-%m-%d}, in one run; do not edit."
    yield ""
    yield from textwrap.wrap(
        "Each figure is the median of its repeats, with the least and the most in brackets. A ratio compares"
        " the product with a bare program that does the same with the libraries alone; both take turns, so"
        " that a slow moment of the machine hits both. The aim is for the median. Times are CPU time of the"
        " measuring process, memory is that of a process of its own, unless said otherwise.",
        WIDTH,
    )
    yield ""
    yield "| | what | against | ours | bare | held against the aim | aim | |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from map(row, results)
    yield ""
    yield from _notes(results)
    yield from _misses(results)
    yield "## The machine"
    yield (
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} CPUs, "
        f"{platform.python_implementation()} {platform.python_version()}. "
        f"Load average {noise.load_before:.1f} before and {noise.load_after:.1f} after."
    )
    spread = (noise.steady.most - noise.steady.least) / noise.steady.middle
    yield (
        f"The same piece of plain arithmetic between the parts took {text_of(noise.steady, Unit.SECONDS)}: "
        f"a spread of {spread:.0%}."
    )


def _held(one: Result) -> str:
    figures = one.held_figures
    if one.held is Held.RATIO:
        return f"**{figures.middle:.2f}** ({figures.least:.2f} to {figures.most:.2f})"
    if one.held is Held.MORE:
        return f"**{text_of(figures, one.unit)}** more"
    return f"**{text_of(Figures((figures.middle,)), one.unit)}**"


def _aim(one: Result) -> str:
    if one.aim is None:
        return ""
    if one.held is Held.RATIO:
        return f"{one.aim:g}"
    aim = text_of(Figures((one.aim,)), one.unit)
    return f"{aim} more" if one.held is Held.MORE else aim


def _verdict(one: Result) -> str:
    if one.aim is None and not one.failed:
        return "no aim"
    return "met" if one.is_met else "**missed**"


def _notes(results: Sequence[Result]) -> Iterator[str]:
    for one in results:
        beside = (f"{name} {text_of(figures, unit)}" for name, figures, unit in one.parts)
        said = [*filter(None, [one.note]), *beside]
        if said:
            yield from textwrap.wrap(f"- {one.title}: {'; '.join(said)}.", WIDTH, subsequent_indent="  ")
    yield ""


def _misses(results: Sequence[Result]) -> Iterator[str]:
    missed = [one for one in results if not one.is_met]
    if not missed:
        return
    yield "## What misses its aim, and what remains"
    for one in missed:
        said = f"{one.failed}. " if one.failed else ""
        yield from textwrap.wrap(f"**{one.title}**: {said}{' '.join(one.why.split())}".strip(), WIDTH)
        yield ""


def text_of(figures: Figures, unit: Unit) -> str:
    """Median, least and most, in the size that suits; a single one alone."""
    name, size, digits = _size(figures.middle, unit)
    middle, least, most = (
        f"{value * size:.{digits}f}" for value in (figures.middle, figures.least, figures.most)
    )
    spread = f" ({least} to {most})" if len(figures.values) > 1 else ""
    return f"{middle}{spread}{name}"


def _size(middle: float, unit: Unit) -> tuple[str, float, int]:
    """Name, factor and digits."""
    if unit is Unit.BYTES:
        return " MB", 1e-6, 1
    if unit is Unit.SHARE:
        return " %", 100.0, 1
    name, size = (" s", 1.0) if middle >= 1 else (" ms", 1000.0)
    return name, size, 2 if middle * size < 10 else 1 if middle * size < 100 else 0
