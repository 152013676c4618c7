"""`expiring`: something we log in with ends soon, or has ended. Over when a newer one is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from alerts.model import Finding, Json, Severity
from monitor.detect.model import Decision, State
from monitor.detect.severity import instance_severity
from monitor.detect.watching.model import Ending, Watching
from monitor.policy import Policy

CONDITION = "expiring"


def expiring(watching: Watching, policy: Policy) -> Iterator[Decision]:
    if not watching.endings:
        yield Decision(CONDITION, (), State.UNKNOWN, "the settings name nothing of which the end is known")
    for one in watching.endings:
        opens = one.at - policy.expiring_before
        numbers: dict[str, Json] = {"credential": one.name, "ends_at": one.at.isoformat()}
        reason = f"{one.name} ends on {_day(one)}"
        if watching.now < opens:
            yield Decision(CONDITION, (), State.CLEAR, reason, numbers=numbers, look_again=opens)
        else:
            yield Decision(
                *(CONDITION, (), State.HOLDS, reason),
                numbers=numbers,
                finding=_finding(watching, one, policy),
                opens=opens,
            )


def _finding(watching: Watching, one: Ending, policy: Policy) -> Finding:
    has_ended = watching.now >= one.at
    what = f"{one.name} of {watching.instance}"
    then = "what logs in with it is refused from then on"
    return Finding(
        source=watching.instance,
        condition=CONDITION,
        labels={"sfcc_instance": watching.instance, "credential": one.name},
        severity=instance_severity(CONDITION, Severity.WARNING, policy),
        since=one.at - policy.expiring_before,
        occurrences=(one.at.isoformat(),),
        cause="ended" if has_ended else "ends",
        name=one.name,
        place=watching.instance,
        summary=f"{what} ended on {_day(one)}." if has_ended else f"{what} ends on {_day(one)}: {then}.",
        facts=(("Ends", f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"), ("What to do", _remedy(one))),
        evidence={"credential": one.name, "ends_at": one.at.isoformat()},
    )


def _remedy(one: Ending) -> str:
    if one.name.endswith("secret"):
        return "make a new secret, put it in place of the old one, and set `expires` to its last day"
    return "have a new certificate made and replace the file: it is read again by itself"


def _day(one: Ending) -> str:
    return f"{one.at.astimezone(UTC):%Y-%m-%d}"
