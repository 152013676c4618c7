"""Figures as a page of Markdown: the same that is printed is kept in `docs/benchmarks.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.bench.measure import Comparison, Figures, Result


@dataclass(frozen=True, slots=True)
class Noise:
    """How quiet the machine was: its load before and after, and the same piece of work in between."""

    load_before: float
    load_after: float
    steady: Figures


def page(results: Sequence[Result], noise: Noise, at: datetime) -> str:
    return "\n".join(_lines(results, noise, at)) + "\n"


def _lines(results: Sequence[Result], noise: Noise, at: datetime) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield f"Written by `make bench` on {at.astimezone(UTC):%Y-%m-%d}, in one run; do not edit."
    yield ""
    yield "Each figure is the median of its repeats, with the least and the most in brackets. A ratio"
    yield "compares the product with a bare program that does the same with the libraries alone; both take"
    yield "turns, so that a slow moment of the machine hits both. The limit is for the median."
    yield ""
    yield "| | what | against | ours | bare | ratio | limit | |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in results:
        yield _row(one)
    yield ""
    yield "CPU time of the measuring process; for the start, time by the wall clock."
    yield ""
    yield from _parts(results)
    yield ""
    yield "## The machine"
    yield (
        f"{platform.system()} on {platform.machine()}, {os.cpu_count()} CPUs, "
        f"{platform.python_implementation()} {platform.python_version()}. "
        f"Load average {noise.load_before:.1f} before and {noise.load_after:.1f} after."
    )
    spread = (noise.steady.most - noise.steady.least) / noise.steady.middle
    yield (
        f"The same piece of plain arithmetic between the parts took {time_text(noise.steady)}: "
        f"a spread of {spread:.0%}."
    )


def _row(one: Result) -> str:
    cells = [one.title, one.work, one.against, time_text(one.ours), time_text(one.bare)]
    if isinstance(one, Comparison):
        ratios = one.ratios
        cells += [f"**{ratios.middle:.2f}** ({ratios.least:.2f} to {ratios.most:.2f})", f"{one.limit:g}"]
    else:
        cells += [f"{one.ours.middle / one.bare.middle:.2f}", f"{one.limit * 1000:.0f} ms"]
    return f"| {' | '.join([*cells, 'met' if one.is_met else '**missed**'])} |"


def _parts(results: Sequence[Result]) -> Iterator[str]:
    for one in results:
        if not isinstance(one, Comparison):
            continue
        said = [*filter(None, [one.note]), *(f"{name} {time_text(figures)}" for name, figures in one.parts)]
        if said:
            yield f"{one.title}: {'; '.join(said)}."


def time_text(figures: Figures) -> str:
    """Median, least and most, in the unit that suits."""
    unit, size = ("s", 1.0) if figures.middle >= 1 else ("ms", 1000.0)
    digits = 2 if figures.middle * size < 10 else 1 if figures.middle * size < 100 else 0
    numbers = (f"{value * size:.{digits}f}" for value in (figures.middle, figures.least, figures.most))
    return "{} ({} to {}) {}".format(*numbers, unit)
