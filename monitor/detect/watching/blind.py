"""`blind`: no poll of an instance was complete for some time, and why.

While it holds nothing else ages: what is late may have run. A sandbox that is stopped is asleep, which is
no trouble. A spell is over with the next complete poll; it is told as over only if a poll saw it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, State
from monitor.detect.severity import instance_severity
from monitor.detect.watching.model import Watching
from monitor.detect.words import moment, one_line, said, span
from monitor.errors import Reason
from monitor.policy import Policy

CONDITION = "blind"
INTERVALS = 5
"""Polls that fail one after another before anybody is told, where that takes longer than `blind_after`."""

WORDS: dict[Reason, tuple[str, str]] = {
    Reason.CREDENTIALS: ("credentials", "the login is refused"),
    Reason.PERMISSION: ("permission", "a right is missing"),
    Reason.NETWORK: ("network", "it cannot be reached"),
    Reason.TIMEOUT: ("network", "it answers too slowly"),
    Reason.THROTTLED: ("throttled", "it takes no more requests for now"),
    Reason.MAINTENANCE: ("maintenance", "it is down for maintenance"),
    Reason.SERVER: ("server", "it answers with server errors"),
    Reason.NOT_FOUND: ("protocol", "it does not know the address that is asked"),
    Reason.REFUSED: ("protocol", "it does not accept the request"),
    Reason.PROTOCOL: ("protocol", "its answers make no sense"),
}
"""By reason: equal words are the same trouble, so that nobody is told of each kind of a bad connection."""


def blind(watching: Watching, policy: Policy) -> Iterator[Decision]:
    since = watching.last_success or watching.first_asked
    if policy.is_sandbox or watching.reason is Reason.ASLEEP:
        yield _decision(State.CLEAR, "a sandbox may be asleep: nobody is told")
    elif watching.failed_at is None:
        yield _decision(State.CLEAR, "the last poll was complete")
    elif since is None:
        yield _decision(State.UNKNOWN, "never asked before")
    else:
        yield _spell(watching, policy, since, watching.failed_at)


def _spell(watching: Watching, policy: Policy, since: datetime, failed_at: datetime) -> Decision:
    after = max(policy.blind_after, INTERVALS * watching.poll_interval)
    opens = since + after
    numbers: dict[str, Json] = {"blind_after_seconds": after.total_seconds(), "since": since.isoformat()}
    said_of = f"no complete poll since {moment(since, watching.now)}"
    if failed_at < opens:
        if watching.is_complete:
            return _decision(State.CLEAR, f"read again after less than {span(after)}", numbers)
        reason = f"{said_of}: told after {span(after)}"
        return _decision(State.WAITING, reason, numbers, opens=opens, look_again=opens)
    finding = _finding(watching, policy, since, failed_at)
    if watching.is_complete:
        reason = f"{said_of}, until {moment(watching.now, watching.now)}"
        return _decision(State.OVER, reason, numbers, finding=finding, opens=opens, closes=watching.now)
    planned_until = since + policy.maintenance_max
    rises = planned_until if _is_planned(watching) and planned_until > watching.now else None
    return _decision(State.HOLDS, said_of, numbers, finding=finding, opens=opens, look_again=rises)


def _finding(watching: Watching, policy: Policy, since: datetime, failed_at: datetime) -> Finding:
    word, meaning = WORDS.get(watching.reason or Reason.PROTOCOL, WORDS[Reason.PROTOCOL])
    is_planned = _is_planned(watching)
    is_overdue = failed_at - since >= policy.maintenance_max
    default = Severity.INFO if is_planned and not is_overdue else Severity.CRITICAL
    lately = f"longer than the {span(policy.maintenance_max)} a maintenance may take"
    start = moment(since, watching.now)
    return Finding(
        source=watching.instance,
        condition=CONDITION,
        labels={"sfcc_instance": watching.instance},
        severity=instance_severity(CONDITION, default, policy),
        since=since,
        occurrences=(since.isoformat(),),
        cause=f"{word}, overdue" if is_planned and is_overdue else word,
        name="the job history",
        place=watching.instance,
        summary=f"The job history cannot be read since {start}: {meaning}.",
        facts=said(
            ("Reason", f"{word}: {one_line(watching.message)}" if watching.message else word),
            ("Overdue", lately if is_planned and is_overdue else ""),
            ("Last read", start if watching.last_success else "never"),
            ("Meanwhile", "no run is called late, missed or stuck: all is judged once it can be read again"),
        ),
        evidence={"reason": (watching.reason or Reason.PROTOCOL).value, "last_success": since.isoformat()},
        ends_at=watching.now if watching.is_complete else None,
        resolution=_resolution(watching.now - since) if watching.is_complete else "",
        ends_by=EndsBy.FACT,
    )


def _is_planned(watching: Watching) -> bool:
    return watching.reason is Reason.MAINTENANCE or watching.in_maintenance_window


def _resolution(length: timedelta) -> str:
    return f"everything is read again, after {span(length)} in which nothing was seen"


def _decision(
    state: State,
    reason: str,
    numbers: dict[str, Json] | None = None,
    *,
    finding: Finding | None = None,
    opens: datetime | None = None,
    closes: datetime | None = None,
    look_again: datetime | None = None,
) -> Decision:
    return Decision(
        *(CONDITION, (), state, reason),
        numbers=numbers or {},
        finding=finding,
        opens=opens,
        closes=closes,
        look_again=look_again,
    )
