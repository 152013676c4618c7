"""Detection as a whole: its table, and that it does not matter how often anybody looked."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import monitor.detect
from monitor.detect import CONDITIONS, findings, judge
from monitor.detect.model import Facts
from monitor.model import Execution, RunId
from monitor.policy import GroupPolicy, JobPolicy, Policy

Tell = Callable[..., Facts]

JOBS = ("full", "diff", "one@A", "one@B")
ENDS = ("ok", "warn", "failed", "aborted", "unknown", "failed try:0/1", "failed try:1/1")
NIGHTS = st.lists(
    st.tuples(st.sampled_from(JOBS), st.integers(0, 300), st.integers(1, 100), st.sampled_from(ENDS)),
    max_size=12,
)


def at_minute(at: Callable[[str], datetime], minute: int) -> datetime:
    return at(f"{minute // 60}:{minute % 60}")


def as_seen(run: Execution, now: datetime) -> Execution | None:
    if run.start_time is None or run.start_time > now:
        return None
    if run.end_time is None or run.end_time > now:
        return replace(run, execution_status="running", end_time=None, exit_status=None)
    return run


def told(
    facts: Tell, runs: Sequence[Execution], polls: Iterable[datetime], policy: Policy
) -> set[tuple[str, str]]:
    """Every fact that polls at these times would tell."""
    every: set[tuple[str, str]] = set()
    before: frozenset[Execution] = frozenset()
    for now in polls:
        seen = frozenset(one for run in runs if (one := as_seen(run, now)) is not None)
        fresh = frozenset(RunId(run.job_id, run.id) for run in seen - before)
        look = replace(facts(sorted(seen, key=lambda run: run.id)), seen_until=now, fresh=fresh)
        every |= {
            (one.fingerprint, fact) for one in findings(judge(look, policy)) for fact in one.occurrences
        }
        before = seen
    return every


@given(
    night=NIGHTS,
    polls=st.lists(st.integers(0, 599), max_size=12),
    opens=st.integers(1, 2),
    closes=st.integers(1, 2),
    aborted=st.sampled_from(("failed", "info")),
)
def test_one_long_poll_and_many_short_ones_tell_the_same(
    facts: Tell,
    story: Callable[[str], tuple[Execution, ...]],
    at: Callable[[str], datetime],
    night: list[tuple[str, int, int, str]],
    polls: list[int],
    opens: int,
    closes: int,
    aborted: str,
) -> None:
    runs = story(
        ", ".join(
            f"{job} {start // 60}:{start % 60}-{(start + length) // 60}:{(start + length) % 60} {end}"
            for job, start, length, end in night
        )
    )
    job = JobPolicy(failure_threshold=opens, recovery_threshold=closes, aborted_is=aborted)
    policy = Policy(job=lambda _: job, groups=(GroupPolicy("imports", ("full", "diff", "one")),))
    end = at_minute(at, 600)
    often = [at_minute(at, minute) for minute in sorted(set(polls))]
    assert told(facts, runs, [*often, end], policy) == told(facts, runs, [end], policy)


@given(night=NIGHTS)
def test_looking_twice_decides_the_same(
    facts: Tell, story: Callable[[str], tuple[Execution, ...]], night: list[tuple[str, int, int, str]]
) -> None:
    look = facts(story(", ".join(f"{job} 02:00-03:{length % 60} {end}" for job, _, length, end in night)))
    assert judge(look, Policy()) == judge(look, Policy())


def test_what_holds_looks_the_same_at_the_next_poll(facts: Tell) -> None:
    told_runs = "akeneo-full 02:00-?, akeneo-differential 02:10-?, a 02:00-02:10 failed"
    earlier, later = (findings(judge(facts(told_runs, at=time), Policy())) for time in ("03:00", "03:01"))
    assert len(earlier) == 2
    assert earlier == later


def test_an_empty_history_decides_nothing(facts: Tell) -> None:
    assert judge(facts(""), Policy()) == ()


def test_every_condition_of_the_table_answers_with_its_own_name(facts: Tell) -> None:
    look = facts(
        "1-full 02:00-02:10 failed, 2-differential 02:05-02:20, shop@A 03:00-03:05, shop@B 03:00-03:06"
    )
    group = GroupPolicy("imports", ("1-*", "2-*"), order=("1-*", "2-*"), finish_by=time(6))
    for name, detect in CONDITIONS.items():
        decisions = tuple(detect(look, Policy(groups=(group,))))
        assert decisions
        assert {decision.condition for decision in decisions} == {name}
        assert {one.condition for one in findings(decisions)} <= {name}


def test_this_room_imports_plain_data_and_the_standard_library_only() -> None:
    monitors = ("detect", "model", "policy", "schedule", "errors")
    allowed = (*(f"monitor.{name}" for name in monitors), "alerts.model")
    banned = {"time", "logging", "socket", "os", "pathlib", "sqlite3", "urllib", "subprocess"}
    room = Path(monitor.detect.__file__).parent
    for module in room.rglob("*.py"):
        for name in _imports(ast.parse(module.read_text(encoding="utf-8"))):
            top = name.partition(".")[0]
            assert top not in banned, f"{module.name} imports {name}"
            assert top in sys.stdlib_module_names or name.startswith(allowed), f"{module.name} imports {name}"


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
