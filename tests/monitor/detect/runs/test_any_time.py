"""What is found of a series at an instant is what a look back finds up to there, whatever came later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect import Detect
from monitor.detect.model import Facts, State
from monitor.detect.runs.degraded import degraded
from monitor.detect.runs.failed import failed
from monitor.detect.runs.fast import fast
from monitor.detect.runs.no_data import no_data
from monitor.detect.runs.slow import slow
from monitor.detect.runs.stuck import stuck
from monitor.model import Execution, ExitStatus, Step
from monitor.policy import JobPolicy, Policy

DETECTORS = {
    "failed": failed,
    "degraded": degraded,
    "no_data": no_data,
    "slow": slow,
    "fast": fast,
    "stuck": stuck,
}
END = 700
"""Minutes after which nothing happens any more."""

ENDINGS = (
    *("ok", "ok", "ok", "ok", "warn", "empty", "failed", "aborted", "unknown", "retried", "vanished"),
    *(
        "failed try:0/2",
        "failed try:1/2",
        "ok try:1/2",
        "failed try:2/2",
        "vanished try:1/2",
        "unknown try:1/2",
    ),
    *("active", "ok by:jdoe"),
)


class Told(NamedTuple):
    """Minutes of the night; a step ends at each of `steps` per cent of the length."""

    site: str
    start: int
    length: int
    ending: str
    steps: tuple[int, ...]


RUNS = st.builds(
    Told,
    site=st.sampled_from(("", "", "@A", "@B")),
    start=st.integers(0, 48).map(lambda tens: 10 * tens),
    length=st.sampled_from((1, 10, 10, 10, 10, 15, 20, 60, 90, 200)),
    ending=st.sampled_from(ENDINGS),
    steps=st.lists(st.integers(0, 100), max_size=2, unique=True).map(lambda cuts: tuple(sorted(cuts))),
)
ATTEMPTS = st.builds(
    Told,
    site=st.just(""),
    start=st.integers(0, 16).map(lambda tens: 10 * tens),
    length=st.sampled_from((10, 10, 70, 100)),
    ending=st.sampled_from(
        (
            "ok",
            "failed",
            "failed try:0/2",
            "failed try:0/2",
            "failed try:1/2",
            "vanished try:1/2",
            "unknown try:2/2",
        )
    ),
    steps=st.just(()),
)
HISTORIES = st.one_of(
    st.lists(RUNS, max_size=8),
    st.lists(RUNS, min_size=8, max_size=20).map(lambda some: [one._replace(site="") for one in some]),
)
INSTANTS = st.lists(st.integers(0, END // 5).map(lambda fives: 5 * fives), min_size=5, max_size=8)
JOBS = st.builds(
    JobPolicy,
    failure_threshold=st.integers(1, 3),
    recovery_threshold=st.integers(1, 2),
    alert_on_retry=st.booleans(),
    aborted_is=st.sampled_from(("failed", "info")),
    max_duration=st.sampled_from((None, timedelta(minutes=30))),
    stuck_after=st.sampled_from((None, timedelta(minutes=35))),
    no_data_after=st.sampled_from((None, timedelta(minutes=100))),
)


@pytest.mark.parametrize("detect", DETECTORS.values(), ids=DETECTORS)
@settings(max_examples=150)
@given(history=HISTORIES, job=JOBS, instants=INSTANTS)
def test_a_stretch_does_not_depend_on_what_came_later(
    facts: Callable[..., Facts],
    story: Callable[[str], tuple[Execution, ...]],
    at: Callable[[str], datetime],
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    detect: Detect,
    history: Sequence[Told],
    job: JobPolicy,
    instants: list[int],
) -> None:
    policy = Policy(job=lambda _: job)
    look = facts(executions(story, history), at=clock(END))
    for minute in instants:
        same_at_any_time(detect, look, policy, at(clock(minute)))


@settings(max_examples=200)
@given(history=st.lists(ATTEMPTS, min_size=2, max_size=4), needed=st.integers(1, 2))
def test_a_failure_does_not_depend_on_what_came_of_its_retries_later(
    facts: Callable[..., Facts],
    story: Callable[[str], tuple[Execution, ...]],
    at: Callable[[str], datetime],
    same_at_any_time: Callable[[Detect, Facts, Policy, datetime], None],
    history: Sequence[Told],
    needed: int,
) -> None:
    job = JobPolicy(failure_threshold=needed)
    look = facts(executions(story, history), at=clock(END))
    for minute in range(0, 400, 10):
        same_at_any_time(failed, look, Policy(job=lambda _: job), at(clock(minute)))


@pytest.mark.parametrize("detect", DETECTORS.values(), ids=DETECTORS)
@given(history=HISTORIES, job=JOBS)
def test_what_opened_closes_later_and_every_series_is_told_of(
    facts: Callable[..., Facts],
    story: Callable[[str], tuple[Execution, ...]],
    detect: Detect,
    history: Sequence[Told],
    job: JobPolicy,
) -> None:
    look = facts(executions(story, history), at=clock(END))
    told = list(detect(look, Policy(job=lambda _: job)))
    assert {one.scope for one in told} == {series.scope for series in look.runs}
    for one in told:
        assert (one.finding is not None) == (one.state in {State.HOLDS, State.OVER})
        if one.state is State.OVER:
            assert one.opens is not None
            assert one.closes is not None
            assert one.opens <= one.closes
        if one.state is State.HOLDS:
            assert one.opens is not None
            assert one.opens <= look.seen_until
        assert one.look_again is None or one.look_again > look.seen_until


def executions(story: Callable[[str], tuple[Execution, ...]], history: Sequence[Told]) -> list[Execution]:
    texts = (
        f"a{one.site} {clock(one.start)}-{'?' if one.ending == 'active' else clock(one.start + one.length)}"
        f" {'' if one.ending in {'active', 'empty'} else one.ending}"
        for one in history
    )
    return [_dressed(run, one) for run, one in zip(story(", ".join(texts)), history, strict=True)]


def _dressed(run: Execution, told: Told) -> Execution:
    start = run.start_time
    assert start is not None
    if told.ending == "empty":
        run = replace(run, exit_status=ExitStatus("NO_FILES_FOUND", None, "ok"))
    ends = [start + timedelta(minutes=told.length * cut / 100) for cut in told.steps]
    fine = ExitStatus("OK", None, "ok")
    steps = [
        Step(f"s{number}", start_time=began, end_time=ended, execution_status="finished", exit_status=fine)
        for number, (began, ended) in enumerate(zip([start, *ends], ends, strict=False))
    ]
    return replace(run, steps=tuple(steps))


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
