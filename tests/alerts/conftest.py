"""A whole alerting desk on a fresh state: polls, dispatches and deliveries with a clock set by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from alerts import attachments, store
from alerts.backlog import Merging
from alerts.delivery import deliver_next
from alerts.dispatch import DispatchResult, dispatch
from alerts.incidents import Changes, reconcile
from alerts.model import DeliveryReason, Finding, Message
from alerts.notifier import Notifier
from alerts.routing import Route, RoutingPolicy
from alerts.testing import RecordingNotifier

ROUTE = Route("default", ("ops",), ("sfcc_instance", "job_id"))


@dataclass
class Desk:
    engine: Engine
    policy: RoutingPolicy = field(default_factory=lambda: RoutingPolicy((ROUTE,)))
    at: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)
    counted: list[tuple[str, DeliveryReason]] = field(default_factory=list)
    observed: list[float] = field(default_factory=list)
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def new_id(self) -> str:
        return f"id-{next(self.ids):04}"

    def poll(self, *findings: Finding, source: str = "production", late: bool = False) -> Changes:
        """What the transaction of a poll does for alerts."""
        with self.engine.begin() as conn:
            changes = reconcile(
                findings,
                store.open_incidents(conn, source),
                store.known_facts(conn, findings),
                self.at,
                self.new_id,
                late=late,
            )
            store.apply(conn, changes)
            attachments.want(
                conn,
                changes.wanted(),
                self.at,
                about=lambda ref: f"run {ref}",
                how=lambda ref: f"show log {ref}",
            )
        return changes

    def dispatch(self) -> DispatchResult:
        with self.engine.begin() as conn:
            return dispatch(conn, self.policy, self.at, self.new_id)

    def deliver(
        self,
        notifier: Notifier,
        owner: str = "me",
        fallback: str | None = None,
        merging: Merging | None = None,
    ) -> DeliveryReason | None:
        return deliver_next(
            self.engine,
            notifier,
            owner,
            self.now,
            count=lambda target, reason: self.counted.append((target, reason)),
            observe=self.observed.append,
            jitter=lambda: 1.0,
            fallback=fallback,
            merging=merging,
        )

    def hear(self, seconds: int = 20) -> list[Message]:
        """What `ops` is told within that time, looking every ten seconds."""
        ops = RecordingNotifier("ops")
        for _ in range(seconds // 10):
            self.wait(10)
            self.dispatch()
            while self.deliver(ops) is not None:
                pass
        return ops.sent

    def deliver_for(self, notifier: Notifier, seconds: float, step: float = 1) -> list[DeliveryReason]:
        """Every try within that time, looking once each `step`."""
        done: list[DeliveryReason] = []
        for _ in range(int(seconds / step)):
            while (reason := self.deliver(notifier)) is not None:
                done.append(reason)
            self.wait(step)
        return done


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def _query_plans(engine: Engine, ask: Callable[[Connection], object]) -> list[str]:
    """How SQLite goes about each SELECT that `ask` really sends."""
    sent: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, values))

    with engine.begin() as conn:
        event.listen(engine, "before_cursor_execute", note)
        ask(conn)
        event.remove(engine, "before_cursor_execute", note)
        plans = [
            conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values) for statement, values in sent
        ]
        return ["; ".join(row[-1] for row in plan) for plan in plans]


@pytest.fixture
def query_plans() -> Callable[[Engine, Callable[[Connection], object]], list[str]]:
    return _query_plans


@pytest.fixture
def desk_on() -> Callable[[Engine], Desk]:
    return Desk
