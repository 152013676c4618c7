"""Runs told as a story: `full 02:00-03:10 failed, diff@RefArch 03:00-? by:jdoe`.

A run is a job (`@site` where it has one), its times on the night of 23 November 2026 (`?` while it runs,
no times while it is pending) and words: how it ended (ok unless said), `by:` a login, `api:` a client,
`try:0/2` the attempt, `old` for what a first read found. Ids count up from 1 in the order of the story.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.detect import Detect
from monitor.detect.model import Facts
from monitor.model import Execution, ExitStatus, RunId, Series
from monitor.policy import Policy
from tests.monitor.detect.hindsight import known_at, stretches

NIGHT = datetime(2026, 11, 23, tzinfo=UTC)

ENDINGS: dict[str, dict[str, Any]] = {
    "ok": {"exit_status": ExitStatus("OK", None, "ok")},
    "failed": {"exit_status": ExitStatus("ERROR", "Import failed.", "error")},
    "warn": {"exit_status": ExitStatus("WARN", None, "ok")},
    "aborted": {"execution_status": "aborted"},
    "retried": {"execution_status": "retried"},
    "restarted": {"execution_status": "restarted"},
    "unknown": {},
    "vanished": {"execution_status": "running", "missing": 2},
}


def clock(text: str) -> datetime:
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return NIGHT + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def runs(story: str) -> tuple[Execution, ...]:
    told = [one.strip() for one in story.split(",") if one.strip()]
    return tuple(_run(one, str(number)) for number, one in enumerate(told, start=1))


def _run(told: str, identity: str) -> Execution:
    name, *words = told.split()
    job_id, _, scope = name.partition("@")
    fields: dict[str, Any] = {"steps": (), **({"scope": scope} if scope else {})}
    times = words.pop(0) if words and ":" in words[0] and "-" in words[0] else ""
    fields |= _times(times, words)
    for word in words:
        fields |= _word(word)
    if "vanished" in words:
        fields["last_seen"] = fields.pop("end_time", None)
    return Execution("production", job_id, identity, **fields)


def _times(times: str, words: list[str]) -> dict[str, Any]:
    if not times:
        return {"execution_status": "pending", "creation_date": NIGHT}
    start, _, end = times.partition("-")
    if end == "?":
        return {"execution_status": "running", "start_time": clock(start)}
    ended = clock(end)
    ending = {} if any(word in ENDINGS for word in words) else ENDINGS["ok"]
    return {"execution_status": "finished", "start_time": clock(start), "end_time": ended} | ending


def _word(word: str) -> dict[str, Any]:
    kind, _, value = word.partition(":")
    if kind == "try":
        attempt, _, most = value.partition("/")
        return {"current_retry_attempt": int(attempt), "max_retries": int(most)}
    if kind in {"by", "api"}:
        return {"user_login" if kind == "by" else "client_id": value}
    if word == "old":
        return {"backfilled": True}
    if word == "pending":
        return {"execution_status": "pending"}
    return ENDINGS[word]


def make_facts(
    told: str | Iterable[Execution], at: str = "12:00", fresh: str | None = None, **fields: Any
) -> Facts:
    """fresh: ids; every run when not said."""
    executions = runs(told) if isinstance(told, str) else tuple(told)
    series: defaultdict[Series, list[Execution]] = defaultdict(list)
    for run in executions:
        series[run.series].append(run)
    wanted = {run.id for run in executions} if fresh is None else set(fresh.split())
    return Facts(
        instance="production",
        seen_until=clock(at),
        runs={
            name: tuple(sorted(some, key=lambda run: (run.began or clock(at), run.id)))
            for name, some in series.items()
        },
        fresh=frozenset(RunId(run.job_id, run.id) for run in executions if run.id in wanted),
        **fields,
    )


@pytest.fixture(scope="session")
def story() -> Callable[[str], tuple[Execution, ...]]:
    return runs


@pytest.fixture(scope="session")
def facts() -> Callable[..., Facts]:
    return make_facts


@pytest.fixture(scope="session")
def at() -> Callable[[str], datetime]:
    return clock


@pytest.fixture(scope="session")
def same_at_any_time() -> Callable[[Detect, Facts, Policy, datetime], None]:
    """Asserts that what was found at an instant is what a look back at all of it finds up to there."""

    def check(detect: Detect, facts: Facts, policy: Policy, at: datetime) -> None:
        then = stretches(detect, known_at(facts, at), policy, at)
        assert then == stretches(detect, facts, policy, at)

    return check
