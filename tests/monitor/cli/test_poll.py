"""`poll`: what was not read is not known to be well, and what did not arrive is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alerts import outbox, store
from alerts.incidents import Changes
from alerts.model import Finding, Incident, Notification, NotificationKind, Severity
from alerts.schema import outbox as table
from monitor.cli.poll import Undelivered, undelivered
from monitor.history import cursor as cursors
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, ManualClock, Simulator, World

COMMAND = Path(sys.executable).with_name("sfcc-job-monitor")
NOBODY = "http://127.0.0.1:9"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

Poll = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def poll(bare: Path, engine: Engine) -> Poll:
    """With one instance for each server, by name."""

    def poll(
        *options: str, account_manager: str = "", kind: str = "production", **servers: str
    ) -> subprocess.CompletedProcess[str]:
        tables = (
            f'[[instances]]\nname = "{name}"\nserver = "{server}"\ntype = "{kind}"\n'
            f'account_manager_host = "{account_manager or server}"\n'
            f'client_id = "{DEMO_CLIENT_ID}"\nclient_secret = "{DEMO_CLIENT_SECRET}"\n'
            for name, server in servers.items()
        )
        (bare / "settings.toml").write_text("\n".join(tables))
        return subprocess.run(
            [COMMAND, "poll", "--config", "settings.toml", *options],
            cwd=bare,
            env=os.environ | {"SFCC_MONITOR_STATE": str(engine.url)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return poll


def opened(engine: Engine, instance: str) -> None:
    """Something is wrong there since the last complete poll."""
    finding = Finding(
        source=instance,
        condition="failed",
        labels={"sfcc_instance": instance, "job_id": "prices"},
        severity=Severity.CRITICAL,
        since=NOW,
        occurrences=("1",),
        cause="ERROR",
        name="prices",
        place=instance,
        summary="Run 1 failed.",
    )
    incident = Incident(
        id=f"incident-{instance}",
        fingerprint=finding.fingerprint,
        source=instance,
        condition=finding.condition,
        labels=finding.labels,
        severity=finding.severity,
        name=finding.name,
        place=finding.place,
        summary=finding.summary,
        facts=(),
        evidence={},
        causes=("ERROR",),
        count=1,
        starts_at=NOW,
        updated_at=NOW,
    )
    with engine.begin() as connection:
        store.apply(connection, Changes(opened=(incident,)))
        cursors.complete(connection, instance, seen_until=NOW, at=NOW, running=0, clock_skew=None)


def queued(engine: Engine, number: int, target: str, **values: object) -> None:
    notification = Notification(
        id=f"n{number}",
        group_key=f"g{number}",
        kind=NotificationKind.FIRST,
        created_at=NOW,
        seen_at=NOW,
        incidents=(),
    )
    with engine.begin() as connection:
        outbox.put(connection, notification, [target], NOW)
        if values:
            connection.execute(
                table.update().where(table.c.notification_id == notification.id).values(values)
            )


def test_an_instance_that_could_not_be_read_is_not_known_to_be_well(poll: Poll, engine: Engine) -> None:
    later = NOW + timedelta(days=9999)
    queued(engine, 1, "ops", last_error="could not be reached", next_attempt_at=later)
    found = poll(production=NOBODY)
    assert found.returncode == 3
    assert found.stdout == "not known: production could not be read\n"
    assert "nothing is wrong" not in found.stderr
    assert found.stderr.count("127.0.0.1:9") == 1, "the same failure is said once"
    assert found.stderr.startswith("production: not read: no connection to 127.0.0.1:9")
    assert found.stderr.endswith("1 message waits for ops: could not be reached\n")


def test_what_is_well_elsewhere_is_said_by_name(poll: Poll) -> None:
    with Simulator(World(ManualClock(datetime.now(UTC)))) as simulator:
        found = poll(production=NOBODY, staging=simulator.url)
    assert found.returncode == 3
    assert found.stdout == "not known: production could not be read\n"
    assert "nothing is wrong on staging\n" in found.stderr
    assert "staging: 0 runs new or changed\n" in found.stderr


def test_a_sandbox_that_is_asleep_is_said_to_be_and_nothing_is_wrong_with_it(
    poll: Poll, engine: Engine
) -> None:
    with Simulator(World(ManualClock(datetime.now(UTC)))) as simulator:
        found = poll(account_manager=simulator.url, kind="sandbox", test=NOBODY)
        again = poll("-o", "json", account_manager=simulator.url, kind="sandbox", test=NOBODY)
    assert found.returncode == 0
    assert found.stdout == "asleep: test\n"
    assert found.stderr.startswith("test: 127.0.0.1:9: the sandbox is asleep")
    assert "nothing is wrong" not in found.stderr
    (one,) = json.loads(again.stdout)["polls"]
    assert (one["complete"], one["reason"]) == (False, "asleep")
    opened(engine, "test")
    with Simulator(World(ManualClock(datetime.now(UTC)))) as simulator:
        found = poll(account_manager=simulator.url, kind="sandbox", test=NOBODY)
    assert found.returncode == 1, "what was open when it fell asleep still is"
    assert found.stdout.splitlines()[-1].startswith("asleep: test; what is open there is as of the last")


def test_production_in_the_same_state_could_not_be_read(poll: Poll) -> None:
    with Simulator(World(ManualClock(datetime.now(UTC)))) as simulator:
        found = poll(account_manager=simulator.url, test=NOBODY)
    assert found.returncode == 3
    assert found.stdout == "not known: test could not be read\n"


def test_what_was_open_there_is_shown_with_its_age(poll: Poll, engine: Engine) -> None:
    opened(engine, "production")
    found = poll(production=NOBODY)
    assert found.returncode == 3
    head, *rows, last = found.stdout.splitlines()
    (row,) = (one for one in rows if " blind " not in one)  # that it is old is told as well
    assert head.split() == ["severity", "condition", "job", "summary"]
    assert row.split()[:3] == ["critical", "failed", "prices"]
    assert last == (
        "not known: production could not be read; "
        "what is open there is as of the last complete poll, 2026-11-23 02:00 UTC"
    )


def test_programs_are_told_of_which_moment_it_is(poll: Poll, engine: Engine) -> None:
    opened(engine, "production")
    document = json.loads(poll("-o", "json", production=NOBODY).stdout)
    (one,) = document["polls"]
    assert (one["sfcc_instance"], one["complete"]) == ("production", False)
    assert one["seen_until"] == "2026-11-23T02:00:00Z"
    (incident,) = (one for one in document["open"] if one["condition"] != "blind")
    assert (incident["sfcc_instance"], incident["job_id"]) == ("production", "prices")
    assert incident["since"] == "2026-11-23T02:00:00Z"
    assert document["undelivered"] == []


def test_messages_that_wait_or_were_given_up_meanwhile_are_counted_by_target(engine: Engine) -> None:
    queued(engine, 1, "ops", last_error="an older reason")
    queued(engine, 2, "ops", last_error="could not be reached", state="leased")
    queued(engine, 3, "mail")
    queued(engine, 4, "ops", last_error="refused", state="dead", finished_at=NOW)
    queued(engine, 5, "ops", last_error="long ago", state="dead", finished_at=NOW - timedelta(seconds=1))
    queued(engine, 6, "ops", state="sent", finished_at=NOW)
    assert [one.sentence for one in undelivered(engine, NOW)] == [
        "1 message waits for mail: not tried yet",
        "2 messages wait for ops: could not be reached",
        "1 message was given up for ops: refused",
    ]


@pytest.mark.parametrize(
    ("count", "given_up", "expected"),
    [
        (1, False, "1 message waits for ops: down"),
        (2, False, "2 messages wait for ops: down"),
        (1, True, "1 message was given up for ops: down"),
        (2, True, "2 messages were given up for ops: down"),
    ],
)
def test_numbers_and_verbs_agree(count: int, given_up: bool, expected: str) -> None:  # noqa: FBT001 - a row of the table
    assert Undelivered("ops", count, "down", given_up).sentence == expected
