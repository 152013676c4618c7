"""Rules of rendering: titles, sizes, escaping, files; and that nothing ever is too long or broken."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
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
from alerts.render import FULL, LIST_NAME, Background, render, travelling
from alerts.render.logs import LATEST, WORST
from alerts.render.wording import period, sentence, some, span, times
from alerts.testing import incident

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
K = NotificationKind


def notification(*incidents: Incident, kind: NotificationKind = K.FIRST, counted: int = 0) -> Notification:
    return Notification(
        "n", "g", kind, NOON + HOUR, NOON, incidents, tuple(one.id for one in incidents), counted
    )


def over(one: Incident) -> Incident:
    return replace(one, ends_at=NOON + HOUR)


def log(ref: str = "log", content: bytes | None = b"text", note: str = "", lines: int = 1) -> Attachment:
    return Attachment(ref, f"{ref}.log", content, tuple(f"line {number}" for number in range(lines)), note)


A, B = incident("a", attachments=("log",)), incident("b", condition="overlap", severity=Severity.WARNING)
MANY = tuple(
    incident(f"job-{number:03}", condition="failed" if number < 280 else "overlap") for number in range(300)
)


@pytest.mark.parametrize(
    ("told", "title"),
    [
        pytest.param(notification(A), "failed: a on production", id="one"),
        pytest.param(
            notification(over(A), kind=K.RESOLVED), "resolved: a on production (failed)", id="one over"
        ),
        pytest.param(
            notification(A, kind=K.REPEAT), "still open: a on production (failed)", id="one repeated"
        ),
        pytest.param(
            notification(A, kind=K.CATCH_UP),
            "failed while the monitor was down: a on production",
            id="one caught up",
        ),
        pytest.param(
            notification(over(A), kind=K.CATCH_UP),
            "resolved while the monitor was down: a on production (failed)",
            id="one caught up that is over",
        ),
        pytest.param(notification(A, B), "2 new on production: failed a, overlap b", id="two"),
        pytest.param(
            notification(A, over(B)),
            "1 new, 1 resolved on production: failed a, overlap b",
            id="one of two over",
        ),
        pytest.param(
            notification(A, incident("b", place="staging")),
            "2 new in 2 places: failed a, failed b",
            id="two places",
        ),
        pytest.param(
            notification(*MANY, kind=K.SUMMARY),
            "300 problems on production: 280 failed, 20 overlap",
            id="a summary",
        ),
        pytest.param(
            notification(*map(over, MANY), kind=K.SUMMARY),
            "300 problems resolved on production: 280 failed, 20 overlap",
            id="a summary of recoveries",
        ),
        pytest.param(
            notification(*MANY[:12], kind=K.CATCH_UP),
            "12 problems on production while the monitor was down: 12 failed",
            id="a catch-up",
        ),
    ],
)
def test_titles(told: Notification, title: str) -> None:
    assert render(told, {}, Capabilities()).title == title


def test_a_long_title_is_cut() -> None:
    title = render(notification(incident("x" * 500)), {}, Capabilities(title_max=60)).title

    assert len(title) <= 60
    assert title.startswith("failed: xxx")
    assert title.endswith("on production")


@pytest.mark.parametrize(
    ("title_max", "expected"), [(250, "failed: <b> on production"), (0, "failed: &lt;b&gt; on production")]
)
def test_a_title_that_goes_into_the_body_is_escaped_like_it(title_max: int, expected: str) -> None:
    can = Capabilities(format=BodyFormat.HTML, title_max=title_max)

    assert render(notification(incident("<b>")), {}, can).title == expected


def test_severity_is_the_worst_and_resolved_means_all_of_them() -> None:
    message = render(notification(B, A), {}, Capabilities())
    assert (message.severity, message.resolved) == (Severity.CRITICAL, False)
    assert render(notification(over(A), over(B)), {}, Capabilities()).resolved
    assert not render(notification(over(A), B), {}, Capabilities()).resolved


@pytest.mark.parametrize(
    ("found", "said", "files"),
    [
        pytest.param(
            log(),
            "From the log log.log:",
            ["log.log"],
            id="the file travels and its lines are in the text",
        ),
        pytest.param(
            log(note="cut from 200 MB"), "Log: cut from 200 MB", ["log.log"], id="what was cut is said"
        ),
        pytest.param(
            replace(log(), about="run 12"), "From the log log.log of run 12:", ["log.log"], id="whose it is"
        ),
        pytest.param(
            replace(log(content=None, lines=0, note="It was moved."), how="show it"),
            "No log: It was moved.\nTo get the log: show it",
            [],
            id="why there is none",
        ),
        pytest.param(
            log(content=None, lines=0), "No log: there is none", [], id="none, and nobody knows why"
        ),
        pytest.param(
            replace(log(content=None), how="show it"), "To get the log: show it", [], id="an excerpt alone"
        ),
    ],
)
def test_the_log(found: Attachment, said: str, files: list[str]) -> None:
    message = render(notification(A), {"log": found}, Capabilities())

    assert said in message.body
    assert [one.name for one in message.files] == files


def test_at_most_twelve_telling_lines_are_in_the_text_the_last_ones() -> None:
    body = render(notification(A), {"log": log(lines=30)}, Capabilities()).body

    assert body.count("  line ") == 12
    assert "line 29" in body


@pytest.mark.parametrize(
    ("capabilities", "refused", "said"),
    [
        (Capabilities(files=False), None, "Log file: this target takes none"),
        (Capabilities(), "the target answered 413", "Log file: stayed behind: the target answered 413"),
    ],
    ids=["a target without files", "a refused file"],
)
def test_without_the_file_the_text_says_why_and_where_it_is(
    capabilities: Capabilities, refused: str | None, said: str
) -> None:
    found = replace(log(note="2 secrets masked"), how="show it")
    message = render(notification(A), {"log": found}, capabilities, file_refused=refused)

    assert message.files == ()
    assert f"{said}\nLog: 2 secrets masked\nTo get the log: show it\n" in message.body
    assert "line 0" in message.body


def test_a_recovery_needs_no_log() -> None:
    message = render(notification(over(A), kind=K.RESOLVED), {"log": log()}, Capabilities())

    assert message.files == ()
    assert "log" not in message.body


def test_when_the_newest_log_is_not_there_an_older_one_stands_in_for_it() -> None:
    one = replace(A, attachments=("oldest", "older", "newest"))
    logs = {
        "oldest": log("oldest"),
        "older": replace(log("older"), about="run 2"),
        "newest": log("newest", content=None, lines=0, note="forbidden"),
    }

    message = render(notification(one), logs, Capabilities())

    assert [file.name for file in message.files] == ["older.log"]
    assert "Newest log: not there: forbidden\nThis log: is older, of run 2" in message.body


def test_when_no_log_is_there_the_newest_ones_reason_is_given() -> None:
    one = replace(A, attachments=("older", "newest"))
    logs = {ref: log(ref, content=None, lines=0, note=f"no {ref}") for ref in one.attachments}

    assert "No log: no newest" in render(notification(one), logs, Capabilities()).body


@pytest.mark.parametrize("severity", list(Severity))
def test_how_bad_it_is_stands_in_the_text(severity: Severity) -> None:
    body = render(notification(replace(A, severity=severity)), {}, Capabilities()).body

    assert f"Severity: {severity}" in body


def test_only_the_newest_log_of_an_incident_travels_and_one_log_travels_once() -> None:
    one = replace(A, attachments=("old", "log"))
    message = render(
        notification(one, replace(B, attachments=("log",))), {"log": log(), "old": log("old")}, Capabilities()
    )

    assert [file.name for file in message.files] == ["log.log"]


def test_files_of_the_same_name_stay_apart() -> None:
    logs = {"x": replace(log("x"), name="job.log"), "y": replace(log("y", b"other"), name="job.log")}
    message = render(
        notification(replace(A, attachments=("x",)), replace(B, attachments=("y",))), logs, Capabilities()
    )

    assert len({file.name for file in message.files}) == 2


def test_a_file_larger_than_the_target_takes_is_cut_and_says_so() -> None:
    content = b"".join(b"line %d\n" % number for number in range(10_000))
    (file,) = render(notification(A), {"log": log(content=content)}, Capabilities(max_file_bytes=1000)).files

    assert len(file.content) <= 1000
    assert file.content.startswith(b"line 0\n")
    assert file.content.endswith(b"line 9999\n")
    assert b"bytes left out" in file.content


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        pytest.param(
            K.CATCH_UP, [f"job-{number}" for number in range(300 - LATEST, 300)], id="a catch-up: the latest"
        ),
        pytest.param(K.SUMMARY, [f"job-{number:03}" for number in range(WORST)], id="a storm: the worst"),
    ],
)
def test_a_summary_names_all_in_a_file_and_carries_few_logs(kind: NotificationKind, names: list[str]) -> None:
    incidents = tuple(
        replace(one, attachments=(one.name,), starts_at=NOON + timedelta(seconds=number))
        for number, one in enumerate(MANY)
    )
    logs = {one.name: log(one.name) for one in incidents}
    told = notification(*incidents, kind=kind)
    message = render(told, logs, Capabilities())

    listing, *files = message.files
    assert listing.name == LIST_NAME
    assert all(f"incident {one.id}".encode() in listing.content for one in incidents)
    assert [file.name for file in files] == [f"{name}.log" for name in names]
    assert f"attached are the logs of {', '.join(names)}." in message.body
    assert travelling(told, logs) == set(names)


def test_a_summary_is_sorted_by_severity_and_name_and_puts_equal_causes_together() -> None:
    incidents = [
        incident(
            name, severity=severity, summary=f"Run {number} ended with ERROR in step {step}.", causes=(step,)
        )
        for number, (name, severity, step) in enumerate(
            [
                ("c", Severity.WARNING, "read"),
                ("b", Severity.CRITICAL, "read"),
                ("e", Severity.CRITICAL, "write"),
                ("a", Severity.CRITICAL, "read"),
                ("d", Severity.WARNING, "read"),
                ("f", Severity.CRITICAL, "read"),
            ]
        )
    ]
    over_already = over(incident("z", summary="Run 9 ended with ERROR in step read.", causes=("read",)))

    body = render(notification(*incidents, over_already, kind=K.SUMMARY), {}, Capabilities()).body

    assert body.split("\n\n")[0].split("\n") == [
        "- 3 × failed (critical): Run … ended with ERROR in step read: a, b, f",  # noqa: RUF001 - the sign
        "- failed (critical): e: Run 2 ended with ERROR in step write.",
        "- 2 × failed (warning): Run … ended with ERROR in step read: c, d",  # noqa: RUF001 - as above
        "- failed, resolved: z: Run 9 ended with ERROR in step read.",
    ]


def test_a_summary_without_its_files_says_why_and_how_to_get_a_log() -> None:
    found = {"log": replace(log(), how="show it")}
    body = render(notification(*MANY[:6], A, kind=K.SUMMARY), found, Capabilities(files=False)).body

    assert "Files: this target takes none. To get a log: show it" in body


@pytest.mark.parametrize("form", list(BodyFormat))
def test_a_summary_for_a_target_without_files_lists_what_fits_and_counts_the_rest(form: BodyFormat) -> None:
    can = Capabilities(format=form, files=False, body_max_bytes=1000)
    body = render(notification(*MANY, kind=K.SUMMARY), {}, can).body

    listed = sum(one.name in body for one in MANY)
    assert 20 < listed < 300
    assert sum(int(number) for number in re.findall(r"and (\d+) more", body)) == 300 - listed
    assert "280 × failed" in body  # noqa: RUF001 - the sign, not the letter
    assert "20 × overlap" in body  # noqa: RUF001 - as above
    assert len(body.encode()) <= 1000


def test_few_incidents_are_told_in_full_and_more_are_listed() -> None:
    assert "From the log" in render(notification(*MANY[: FULL - 1], A), {"log": log()}, Capabilities()).body
    assert "From the log" not in render(notification(*MANY[:FULL], A), {"log": log()}, Capabilities()).body


@pytest.mark.parametrize(
    ("counted", "said"), [(1, "1 more of this group is"), (3, "3 more of this group are")]
)
def test_what_is_not_listed_is_counted(counted: int, said: str) -> None:
    for form in BodyFormat:
        can = Capabilities(format=form)
        assert f"{said} still open." in render(notification(A, B, counted=counted), {}, can).body


@pytest.mark.parametrize("told", [notification(A, counted=2), notification(*MANY, counted=2)])
def test_by_what_a_message_is_recognised_is_its_last_line(told: Notification) -> None:
    last = render(told, {}, Capabilities()).body.splitlines()[-1]

    assert last in {f"incident {A.id}", f"notification {told.id}"}


@pytest.mark.parametrize(
    ("resolution", "count", "said"),
    [
        pytest.param(
            "run 12 ended ok at 13:00 UTC",
            1,
            "Failed from 12:00 to 13:00 UTC (1 h): run 12 ended ok at 13:00 UTC.",
            id="how it ended",
        ),
        pytest.param(
            "Repaired.", 3, "Failed from 12:00 to 13:00 UTC (1 h, 3 times): Repaired.", id="how often"
        ),
        pytest.param("", 1, "Failed from 12:00 to 13:00 UTC (1 h).", id="nobody knows how"),
    ],
)
def test_a_recovery_says_for_how_long_how_it_ended_and_what_it_was(
    resolution: str, count: int, said: str
) -> None:
    one = replace(over(A), resolution=resolution, count=count)
    body = render(notification(one, kind=K.RESOLVED), {}, Capabilities()).body

    assert body == f"{said}\n\n{A.summary}\n\nincident {A.id}"


def test_mentions_in_a_log_ring_nobodys_phone() -> None:
    for form in BodyFormat:
        body = render(notification(replace(A, summary="@everyone @here")), {}, Capabilities(format=form)).body
        assert "@everyone" not in body
        assert "@here" not in body


def test_in_slack_only_what_slack_can_escape_is_escaped() -> None:
    can = Capabilities(format=BodyFormat.SLACK)
    one = replace(A, summary="# a_b *x* <!channel> & \\ [y](z)", facts=(("Step", "_1_ > 0"),))
    body = render(notification(one), {"log": replace(log(), lines=("``` <b> \\", "x"))}, can).body

    assert body.startswith(
        "# a_b *x* &lt;!channel&gt; &amp; \\ [y](z)\n\n*Severity:* critical\n*Step:* _1_ &gt; 0"
    )
    assert body.count("```") == 2
    assert "&lt;b&gt; \\" in body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("job_a_b", "job_a_b"),
        ("_x_ *y* [z] <t> `c` ~", r"\_x\_ \*y\* \[z\] \<t\> \`c\` \~"),
        (
            "# no heading\n- no item\n+ none\n1. none\n2026-11-23",
            "\\# no heading\n\\- no item\n\\+ none\n1\\. none\n2026-11-23",
        ),
        ("c:\\dir", "c:\\\\dir"),
    ],
)
def test_text_means_nothing_in_markdown(text: str, expected: str) -> None:
    body = render(notification(replace(A, summary=text)), {}, Capabilities(format=BodyFormat.MARKDOWN)).body

    assert body.startswith(expected + "\n\n")


def test_a_fence_is_longer_than_any_in_the_log() -> None:
    fenced = replace(log(), lines=("````", "x"))
    body = render(notification(A), {"log": fenced}, Capabilities(format=BodyFormat.MARKDOWN)).body

    assert body.count("\n`````\n") == 2


class _Balance(html.parser.HTMLParser):
    """Raises when tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's signature
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _open_fence(body: str) -> str:
    """The fence that is still open at the end of a Markdown text, as a reader of it would see it."""
    fence = ""
    for line in body.split("\n"):
        backticks = line[: len(line) - len(line.lstrip("`"))]
        if fence and line == backticks and len(line) >= len(fence):
            fence = ""
        elif not fence and len(backticks) >= 3:
            fence = backticks
    return fence


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=400)
AWKWARD = st.one_of(
    TEXTS, st.sampled_from(["&<>*_[]$`~|#", "```", "- 1. + x", "\n\n\x00\r", "😀" * 200, "x" * 5000])
)


@given(
    form=st.sampled_from(list(BodyFormat)),
    size=st.sampled_from([400, 1000, 1024, 4000, 32_768]),
    title_max=st.sampled_from([0, 250]),
    summary=AWKWARD,
    facts=st.lists(st.tuples(AWKWARD, AWKWARD), max_size=6),
    lines=st.lists(AWKWARD, max_size=20),
    note=AWKWARD,
    number=st.integers(1, 8),
)
def test_whatever_it_says_a_message_fits_and_is_well_formed(
    form: BodyFormat,
    size: int,
    title_max: int,
    summary: str,
    facts: list[tuple[str, str]],
    lines: list[str],
    note: str,
    number: int,
) -> None:
    found = Attachment("log", "job.log", b"x", tuple(lines), note)
    incidents = [
        incident(f"job-{one}", summary=summary, facts=tuple(facts), attachments=("log",))
        for one in range(number)
    ]
    can = Capabilities(form, size, title_max, files=False)

    message = render(notification(*incidents), {"log": found}, can)

    assert message.body
    assert len(message.title.encode()) + len(message.body.encode()) + 32 <= max(
        size, len(message.title.encode()) + 32
    )
    assert "\x00" not in message.body
    if form is BodyFormat.HTML:
        _Balance(message.body)
    if form is BodyFormat.MARKDOWN:
        assert not _open_fence(message.body)
    if number == 1 and size >= 400 and title_max:
        assert f"incident {incidents[0].id}" in message.body.replace("\\", "")


@pytest.mark.parametrize("size", [300, 600, 1500])
@pytest.mark.parametrize("form", list(BodyFormat))
def test_of_a_body_that_is_cut_the_beginning_of_the_text_and_the_end_of_the_log_stay(
    form: BodyFormat, size: int
) -> None:
    one = replace(
        A, summary="It broke. " + "x" * 3000, facts=tuple((f"fact {n}", "y" * 300) for n in range(9))
    )
    lines = tuple(f"line {number} " + "z" * 200 for number in range(12))
    body = render(notification(one), {"log": replace(log(), lines=lines)}, Capabilities(form, size)).body

    assert "It broke." in body
    assert "z" * 5 in body
    assert f"incident {one.id}" in body.replace("\\", "")
    assert len(body.encode()) <= size


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (850, "14 min 10 s"),
        (3600, "1 h"),
        (5281, "1 h 28 min"),
        (90_000, "1 d 1 h"),
        (86_430, "1 d"),
    ],
)
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


def test_periods_and_numbers() -> None:
    next_day = NOON + 24 * HOUR
    assert period(NOON, NOON + HOUR, NOON) == "from 12:00 to 13:00 UTC (1 h)"
    assert period(NOON, NOON + HOUR, next_day) == "from 2026-11-23 12:00 to 13:00 UTC (1 h)"
    assert period(NOON, next_day, next_day) == "from 2026-11-23 12:00 to 2026-11-24 12:00 UTC (1 d)"
    assert (times(1), times(2)) == ("once", "2 times")
    assert (some(1, "line"), some(2, "line")) == ("1 line", "2 lines")
    assert (sentence("It ended"), sentence("Ended?")) == ("It ended.", "Ended?")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (9, ""),
        (10, "Late by 10 min: this is of {at}; it was not taken before."),
        (75, "Late by 1 h 15 min: this is of {at}; it was not taken before."),
    ],
)
def test_a_message_that_waited_says_how_late_it_is(minutes: int, said: str) -> None:
    told = notification(A)
    body = render(told, {}, Capabilities(), now=told.created_at + timedelta(minutes=minutes)).body
    line = said.format(at=f"{told.created_at:%H:%M} UTC")
    assert body.startswith(line) if said else "Late by" not in body


def test_how_late_it_is_stays_whatever_has_to_go() -> None:
    told = notification(replace(A, summary="x" * 5000))
    can = Capabilities(body_max_bytes=300)
    assert "Late by 1 h" in render(told, {}, can, now=told.created_at + timedelta(hours=1)).body


def test_what_can_be_done_is_said_of_what_is_open() -> None:
    known = Background(hint=lambda _: ("To silence", "do so"))
    assert "To silence: do so" in render(notification(A), {}, Capabilities(), background=known).body
    assert "To silence" not in render(notification(over(A)), {}, Capabilities(), background=known).body
