"""`log_access`: an instance's runs can be read and their logs cannot, so that alerts go out without.

Holds from the first complete poll after a refusal: an instance that cannot be read at all is blind, and
nothing else is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.model import Decision, State
from monitor.detect.severity import instance_severity
from monitor.detect.watching.model import LogAccess, Watching
from monitor.detect.words import moment, one_line, said
from monitor.policy import Policy

CONDITION = "log_access"


def log_access(watching: Watching, policy: Policy) -> Iterator[Decision]:
    logs = watching.logs
    if logs is None:
        yield Decision(CONDITION, (), State.CLEAR, "no log was refused")
        return
    since = moment(logs.refused_since, watching.now)
    numbers: dict[str, Json] = {"refusals": logs.refusals}
    if logs.read_at is not None:
        yield Decision(
            *(CONDITION, (), State.OVER, f"refused from {since} on, read again since"),
            numbers=numbers,
            finding=_finding(watching, logs, policy),
            opens=logs.refused_since,
            closes=logs.read_at,
        )
        return
    seen = watching.now if watching.is_complete else watching.last_success
    if seen is None or seen < logs.refused_since:
        yield Decision(
            *(CONDITION, (), State.WAITING, f"refused since {since}, but runs cannot be read either"),
            numbers=numbers,
        )
        return
    finding = _finding(watching, logs, policy)
    yield Decision(
        *(CONDITION, (), State.HOLDS, f"refused since {since}, and none was read since"),
        numbers=numbers,
        finding=finding,
        opens=logs.refused_since,
    )


def _finding(watching: Watching, logs: LogAccess, policy: Policy) -> Finding:
    many = {0: "alerts go", 1: "1 alert goes"}.get(logs.refusals, f"{logs.refusals} alerts go")
    return Finding(
        source=watching.instance,
        condition=CONDITION,
        labels={"sfcc_instance": watching.instance},
        severity=instance_severity(CONDITION, Severity.WARNING, policy),
        since=logs.refused_since,
        occurrences=(logs.refused_since.isoformat(),),
        cause="refused",
        name="the logs of jobs",
        place=watching.instance,
        summary=f"The logs of jobs cannot be read although their runs can: {many} without.",
        facts=said(
            ("Reason", one_line(logs.message)),
            ("Since", moment(logs.refused_since, watching.now)),
        ),
        evidence={"refusals": logs.refusals},
        ends_at=logs.read_at,
        resolution="a log was read again" if logs.read_at else "",
        ends_by=EndsBy.FACT,
    )
