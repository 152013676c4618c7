"""Whole messages in each format, reviewed by eye. UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.model import (
    Attachment,
    BodyFormat,
    Capabilities,
    Incident,
    Message,
    Notification,
    NotificationKind,
    Severity,
)
from alerts.render import render
from alerts.testing import incident

GOLDEN = Path(__file__).parents[2] / "golden" / "alerts"
NIGHT = datetime(2026, 11, 23, 2, 12, tzinfo=UTC)
NAME = "3-1-1-akeneo-import-catalog"

FAILED = incident(
    NAME,
    id="3f2a9c0de1b24e53a7c6d5e4f3a2b1c0",
    starts_at=NIGHT,
    summary=f"Job {NAME} failed in step importCatalog: 3 files <could> not be read & parsed.",
    facts=(
        ("impact", "yesterday's price changes are not on the site"),
        ("since", "02:12 UTC, for the 2nd time in a row"),
        ("step", "importCatalog (ERROR): cannot read catalog_*.xml [line 12]"),
        ("took", "14 min 10 s, usually 1 h 2 min"),
        ("last success", "2026-11-21 03:04 UTC"),
        ("owner", "pim-team"),
    ),
    count=2,
    attachments=("old", "log"),
)
OVERLAP = incident(
    "2-2-1-akeneo-export-pim",
    id="77aa9c0de1b24e53a7c6d5e4f3a2b1c0",
    condition="overlap",
    severity=Severity.WARNING,
    starts_at=NIGHT,
    summary="2-2-1-akeneo-export-pim started while 3-1-1-akeneo-import-catalog was running.",
    facts=(("other job", NAME), ("both ran", "02:03 to 02:12 UTC, 9 min")),
)
LOG = Attachment(
    "log",
    "customimportjob-3-1-1.log",
    b"whole log\n",
    (
        "[2026-11-23 02:11:59.123 GMT] ERROR CustomJobThread|importCatalog - cannot read `catalog_1.xml`",
        "com.acme.ParseException: unexpected <tag> & entity",
        "    at com.acme.Reader.read(Reader.java:12)",
        "Caused by: java.io.IOException: *** premature _end_ of file",
    ),
    "2 secrets masked. The whole file: sfcc-job-monitor log 3-1-1-akeneo-import-catalog 4711",
    2,
)


def notification(kind: NotificationKind, *incidents: Incident, counted: int = 0) -> Notification:
    at = NIGHT + timedelta(minutes=1)
    return Notification(
        "0011223344556677", "g", kind, at, at, incidents, tuple(one.id for one in incidents), counted
    )


STORIES = {
    "failed": notification(NotificationKind.FIRST, FAILED),
    "overlap": notification(NotificationKind.NEW, OVERLAP, counted=1),
    "both": notification(NotificationKind.FIRST, FAILED, OVERLAP),
    "recovery": notification(
        NotificationKind.RESOLVED,
        replace(FAILED, ends_at=NIGHT + timedelta(minutes=88), resolution="Repaired by hand by jdoe."),
    ),
    "told_as_over": notification(
        NotificationKind.FIRST,
        replace(OVERLAP, ends_at=NIGHT + timedelta(minutes=9), resolution="The earlier run has ended."),
    ),
    "repeat": replace(notification(NotificationKind.REPEAT, FAILED), created_at=NIGHT + timedelta(hours=4)),
    "summary": notification(
        NotificationKind.SUMMARY,
        *(
            replace(FAILED, id=f"{number:032x}", name=f"job-{number:02}", summary=f"job-{number:02} failed.")
            for number in range(20)
        ),
        *(replace(OVERLAP, id=f"{number + 100:032x}", name=f"export-{number}") for number in range(5)),
    ),
    "catch_up": notification(
        NotificationKind.CATCH_UP,
        FAILED,
        replace(OVERLAP, ends_at=NIGHT + timedelta(minutes=9)),
    ),
}


@pytest.mark.parametrize("form", list(BodyFormat))
@pytest.mark.parametrize("story", STORIES)
def test_the_message_is_as_reviewed(story: str, form: BodyFormat) -> None:
    path = GOLDEN / f"{story}.{_ENDINGS[form]}"
    message = render(STORIES[story], {"log": LOG}, Capabilities(format=form))
    text = _page(message)
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


_ENDINGS = {BodyFormat.TEXT: "txt", BodyFormat.MARKDOWN: "md", BodyFormat.HTML: "html"}


def _page(message: Message) -> str:
    files = "".join(f"--- file {one.name}\n{one.content.decode()}" for one in message.files)
    state = "resolved" if message.resolved else message.severity
    return f"{message.title}\n--- {state}\n{message.body}\n{files}"
