"""Whole messages in each format, reviewed by eye. UPDATE_GOLDEN=1 writes them anew.

They are made of what detection really says about a night of imports, not of sentences written for this test.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.incidents import Fact, reconcile
from alerts.model import (
    Attachment,
    BodyFormat,
    Capabilities,
    Incident,
    Message,
    Notification,
    NotificationKind,
)
from alerts.redact import mask
from alerts.render import render
from monitor import detect
from monitor.detect.model import Facts
from monitor.detect.refs import attachment_ref
from monitor.model import Execution, ExitStatus, RunId, Series, Step
from monitor.policy import JobPolicy, Policy
from monitor.sfcc import LogFile
from monitor.sfcc.logs.joblog import assemble

GOLDEN = Path(__file__).parents[2] / "golden" / "alerts"
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
IMPORT = "3-1-1-akeneo-import-catalog"
FULL = "3-2-1-akeneo-full-import"
K = NotificationKind

POLICY = Policy(
    job=lambda job_id: (
        JobPolicy(impact="yesterday's price changes are not on the site", owner="pim-team")
        if job_id == IMPORT
        else JobPolicy()
    )
)
LOG_TEXT = b"""\
[2026-11-23 02:00:00.001 GMT] INFO CustomJobThread|19|3-1-1|importCatalog - starting
[2026-11-23 02:00:01.100 GMT] INFO CustomJobThread|19|3-1-1|importCatalog - using password=hunter2 for pim
[2026-11-23 02:11:59.123 GMT] ERROR CustomJobThread|19|3-1-1|importCatalog - cannot read `catalog_1.xml`
com.acme.ParseException: unexpected <tag> & entity
    at com.acme.Reader.read(Reader.java:12)
Caused by: java.io.IOException: *** premature _end_ of file
"""


def at(hours: int, minutes: int = 0, seconds: int = 0, *, days: int = 0) -> datetime:
    return MIDNIGHT + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def run(
    job_id: str, number: int, start: datetime, end: datetime | None, *, error: str = "", by: str | None = None
) -> Execution:
    """error: the message of a step that failed."""
    how = ExitStatus("ERROR", error, "error") if error else ExitStatus("OK", None, "ok")
    steps = (Step("importCatalog", step_type_id="ImportCatalog", exit_status=how),) if error else ()
    return Execution(
        "production",
        job_id,
        str(2679970 + number),
        execution_status="running" if end is None else "finished",
        exit_status=None if end is None else how,
        start_time=start,
        end_time=end,
        duration=None if end is None else end - start,
        user_login=by,
        steps=steps,
    )


@dataclass
class Night:
    """What the monitor makes of runs, from poll to poll."""

    open: dict[str, Incident] = field(default_factory=dict)
    known: set[Fact] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(0x3F2A9C0D))

    def poll(self, now: datetime, runs: Iterable[Execution], fresh: Iterable[Execution]) -> list[Incident]:
        """The incidents that opened, changed or ended, in the order of their ids."""
        series: defaultdict[Series, list[Execution]] = defaultdict(list)
        for one in runs:
            series[one.series].append(one)
        facts = Facts(
            "production",
            now,
            {name: tuple(some) for name, some in series.items()},
            frozenset(RunId(one.job_id, one.id) for one in fresh),
        )
        findings = detect.findings(detect.judge(facts, POLICY))
        changes = reconcile(findings, self.open, self.known, now, self._id, late=False)
        self.known |= {(one.fingerprint, one.occurrence) for one in changes.occurrences}
        found = [*changes.opened, *changes.updated, *changes.resolved]
        for incident in found:
            self.open.pop(incident.fingerprint, None)
        self.open |= {incident.fingerprint: incident for incident in found if incident.is_open}
        return sorted(found, key=lambda one: one.id)

    def _id(self) -> str:
        return f"{next(self.numbers):08x}" * 4


MESSAGE = "3 files <could> not be read & parsed: catalog_*.xml [line 12]"
BEFORE = [run(IMPORT, -day, at(2, days=-day), at(3, 2, days=-day)) for day in range(9, 0, -1)]
FAILED_RUN = run(IMPORT, 1, at(2), at(2, 14, 10), error=MESSAGE)
AGAIN_RUN = run(IMPORT, 2, at(3), at(3, 12), error=MESSAGE)
REPAIR_RUN = run(IMPORT, 3, at(3, 20), at(3, 40), by="jdoe")


def told_by(poll: Sequence[Incident], condition: str) -> Incident:
    return next(one for one in poll if one.condition == condition)


def failures() -> Mapping[str, Incident]:
    """One job through the night: it fails, fails again, and is repaired by hand."""
    night = Night()
    first = night.poll(at(2, 15), [*BEFORE, FAILED_RUN], [FAILED_RUN])
    again = night.poll(at(3, 13), [*BEFORE, FAILED_RUN, AGAIN_RUN], [AGAIN_RUN])
    over = night.poll(at(3, 41), [*BEFORE, FAILED_RUN, AGAIN_RUN, REPAIR_RUN], [REPAIR_RUN])
    return {"first": first[0], "again": again[0], "over": over[0]}


def overlaps() -> Mapping[str, Incident]:
    running, full = run(IMPORT, 4, at(2), None), run(FULL, 5, at(2, 3), None)
    ended = run(IMPORT, 4, at(2), at(2, 12))
    night = Night(numbers=itertools.count(0x77AA9C0D))
    holding = night.poll(at(2, 4), [running, full], [running, full])
    return {
        "holding": told_by(holding, "overlap"),
        "over": told_by(night.poll(at(2, 13), [ended, full], [ended]), "overlap"),
        "came and went": told_by(Night().poll(at(2, 13), [ended, full], [ended, full]), "overlap"),
    }


def storm() -> list[Incident]:
    """Twenty feeds fail in the same step, and one job in another; two others exclude each other."""
    jobs = [
        run(f"feed-{number:02}", 100 + number, at(2), at(2, 5), error="no connection") for number in range(20)
    ]
    pair = [run(IMPORT, 4, at(2), None), run(FULL, 5, at(2, 3), None)]
    aborted = replace(run("stock", 130, at(2), at(2, 4)), execution_status="aborted", exit_status=None)
    runs = [*jobs, aborted, *pair]
    return Night().poll(at(2, 6), runs, runs)


FAILURE, OVERLAP, STORM = failures(), overlaps(), storm()


def about(ref: str) -> Attachment:
    """What is known of a file before it is fetched."""
    number = ref.split('"')[-2]
    job_id = ref.split('"')[3]
    how = f"sfcc-job-monitor log {job_id} {number} --instance production"
    return Attachment(ref, "", None, about=f"run {number}", how=how)


def stored(execution: Execution) -> Attachment:
    found = assemble(LogFile(f"Job-{execution.job_id}-{execution.id}.log", LOG_TEXT), mask)
    return replace(
        about(attachment_ref(execution.key)),
        name=found.name,
        content=found.content,
        lines=found.lines,
        note=found.note,
        masked=found.masked,
    )


def missing(execution: Execution) -> Attachment:
    return replace(
        about(attachment_ref(execution.key)), note="the API client may not read /Sites/Logs/jobs (403)"
    )


LOGS = [stored(FAILED_RUN), stored(AGAIN_RUN)]
STORM_LOGS = [
    stored(replace(FAILED_RUN, job_id=f"feed-{number:02}", id=f"{2680070 + number}")) for number in range(20)
]


def notification(
    kind: NotificationKind, now: datetime, *incidents: Incident, counted: int = 0
) -> Notification:
    return Notification(
        "0011223344556677", "g", kind, now, now, incidents, tuple(one.id for one in incidents), counted
    )


@dataclass(frozen=True)
class Story:
    told: Notification
    logs: Sequence[Attachment] = ()
    files: bool = True
    refused: str | None = None


STORIES = {
    "failed": Story(notification(K.FIRST, at(2, 16), FAILURE["first"]), LOGS),
    "failed_no_files": Story(notification(K.FIRST, at(2, 16), FAILURE["first"]), LOGS, files=False),
    "failed_file_refused": Story(
        notification(K.FIRST, at(2, 16), FAILURE["first"]),
        LOGS,
        refused="the target answered 413 (Request Entity Too Large)",
    ),
    "failed_no_log": Story(notification(K.FIRST, at(2, 16), FAILURE["first"]), [missing(FAILED_RUN)]),
    "failed_older_log": Story(
        notification(K.NEW, at(3, 14), FAILURE["again"]), [stored(FAILED_RUN), missing(AGAIN_RUN)]
    ),
    "repeat": Story(notification(K.REPEAT, at(6, 15), FAILURE["again"]), LOGS),
    "recovery": Story(notification(K.RESOLVED, at(3, 42), FAILURE["over"]), LOGS),
    "overlap": Story(notification(K.NEW, at(2, 5), OVERLAP["holding"], counted=1)),
    "overlap_recovery": Story(notification(K.RESOLVED, at(2, 13), OVERLAP["over"])),
    "told_as_over": Story(notification(K.FIRST, at(2, 13), OVERLAP["came and went"])),
    "both": Story(notification(K.FIRST, at(2, 16), FAILURE["first"], OVERLAP["holding"]), LOGS),
    "summary": Story(notification(K.SUMMARY, at(2, 7), *STORM), STORM_LOGS),
    "summary_no_files": Story(notification(K.SUMMARY, at(2, 7), *STORM), STORM_LOGS, files=False),
    "catch_up": Story(
        notification(K.CATCH_UP, at(9, days=1), FAILURE["first"], OVERLAP["came and went"]), LOGS
    ),
}


@pytest.mark.parametrize("form", list(BodyFormat))
@pytest.mark.parametrize("story", STORIES)
def test_the_message_is_as_reviewed(story: str, form: BodyFormat) -> None:
    path = GOLDEN / f"{story}.{_ENDINGS[form]}"
    one = STORIES[story]
    can = Capabilities(format=form, files=one.files)
    message = render(one.told, {log.ref: log for log in one.logs}, can, file_refused=one.refused)
    text = _page(message)
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_reviewed_message_is_of_a_story_told_here() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {
        f"{story}.{ending}" for story in STORIES for ending in _ENDINGS.values()
    }


_ENDINGS = {
    BodyFormat.TEXT: "txt",
    BodyFormat.MARKDOWN: "md",
    BodyFormat.HTML: "html",
    BodyFormat.SLACK: "slack",
}


def _page(message: Message) -> str:
    files = "".join(f"--- file {one.name}\n{one.content.decode()}" for one in message.files)
    state = "resolved" if message.resolved else message.severity
    return f"{message.title}\n--- {state}\n{message.body}\n{files}"
