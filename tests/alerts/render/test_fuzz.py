"""Whatever incidents and logs are called and say: a message that fits, on one line where it has to be."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model import (
    Attachment,
    BodyFormat,
    Capabilities,
    Incident,
    Notification,
    NotificationKind,
    Severity,
)
from alerts.render import render
from alerts.testing import incident

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

awkward = st.sampled_from(
    [
        *(
            "",
            " ",
            "\n",
            "a\r\nBcc: b@c.example",
            "\0",
            "\x1b[2J",
            "\x85",
            "\ud800",
            "\u202eevil",
            "\u2028",
            "@everyone",
        ),
        *(
            "<b>",
            "```",
            "`" * 40,
            "*_~[x](y)",
            "&amp;",
            "€" * 3000,
            "x" * 5000,
            "\t\t",
            "\n" * 500,
            "</pre>",
            "\\" * 90,
        ),
    ]
) | st.text(max_size=30)


@st.composite
def incidents(draw: st.DrawFn) -> Incident:
    one = incident(draw(st.sampled_from(["a", "b", "c", "d", "e", "f", "g"])), attachments=("log",))
    return replace(
        one,
        name=draw(awkward),
        place=draw(awkward),
        condition=draw(st.sampled_from(["failed", "overlap"])),
        severity=draw(st.sampled_from(list(Severity))),
        summary=draw(awkward),
        facts=tuple(draw(st.lists(st.tuples(awkward, awkward), max_size=4))),
        causes=tuple(draw(st.lists(awkward, max_size=3))),
        count=draw(st.sampled_from([1, 2, 10**9])),
        starts_at=draw(
            st.sampled_from([NOON, NOON - timedelta(days=400_000), NOON + timedelta(days=400_000)])
        ),
        ends_at=draw(st.none() | st.just(NOON)),
        resolution=draw(awkward),
    )


@st.composite
def attachments(draw: st.DrawFn) -> Attachment:
    content = draw(st.none() | st.binary(max_size=40) | st.just(b"x" * 5000))
    lines = tuple(draw(st.lists(awkward, max_size=12)))
    return Attachment("log", draw(awkward), content, lines, draw(awkward))


@settings(max_examples=200)
@given(
    told=st.lists(incidents(), min_size=1, max_size=8),
    log=attachments(),
    kind=st.sampled_from(list(NotificationKind)),
    form=st.sampled_from(list(BodyFormat)),
    size=st.sampled_from([0, 100, 400, 1024, 4000, 32_768]),
    title_max=st.sampled_from([0, 1, 60, 250]),
    refused=st.none() | awkward,
    files=st.booleans(),
)
def test_any_texts_are_a_message_that_fits(
    told: list[Incident],
    log: Attachment,
    kind: NotificationKind,
    form: BodyFormat,
    size: int,
    title_max: int,
    refused: str | None,
    *,
    files: bool,
) -> None:
    notification = Notification("n", "g", kind, NOON, NOON, tuple(told), tuple(one.id for one in told), 3)
    can = Capabilities(form, size, title_max, files=files, max_file_bytes=1000)

    message = render(notification, {"log": log}, can, file_refused=refused)

    assert title_max == 0 or len(message.title) <= title_max
    assert len(message.title.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in message.title)
    assert "@everyone" not in message.title + message.body
    assert len(message.body.encode("utf-8")) <= size
    assert not {"\0", "\x1b", "\r", "\x85", "\u2028", "\u202e"} & set(message.body)
    assert all(len(file.content) <= 1000 for file in message.files)
