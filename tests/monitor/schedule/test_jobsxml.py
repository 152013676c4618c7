"""The triggers of an export as schedules, what is named because it is not understood, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.schedule import Schedule
from monitor.schedule.jobsxml import DEEPEST, LONGEST, Export, JobsXmlError, Times, parse

NAMESPACE = "http://www.demandware.com/xml/impex/jobs/2015-07-01"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n' + f'<jobs xmlns="{NAMESPACE}">'
NOW = datetime(2026, 11, 23, tzinfo=UTC)
BERLIN = "Europe/Berlin"
NOTHING_ELSE = """<description>x</description><parameters/>
  <flow><context site-id="RefArch"/><step step-id="s" type="t">
  <parameters><parameter name="triggers">1d</parameter></parameters>
  </step></flow><rules><on-exit status="ERROR"><stop-job/></on-exit></rules>"""


def recurring(
    interval: str = "1d",
    at: str = "02:00:00.000Z",
    start: str = "2025-01-01",
    days: str = "",
    enabled: str = 'enabled="true"',
    more: str = "",
) -> str:
    weekdays = "".join(f"<weekday>{day}</weekday>" for day in days.split())
    listed = f"<day-of-week>{weekdays}</day-of-week>" if days else ""
    every = f"<interval>{interval}</interval>" if interval else ""
    return (
        f"<run-recurring {enabled}><recurrence><date-from>{start}</date-from>{more}"
        f"<start-time>{at}</start-time>{every}{listed}</recurrence></run-recurring>"
    )


def once(on: str = "2027-01-01", at: str = "00:00:00.000Z", enabled: str = "true") -> str:
    return f'<run-once enabled="{enabled}"><date>{on}</date><time>{at}</time></run-once>'


def document(*triggers: str, job: str = 'job-id="feed" priority="0"') -> bytes:
    body = f"<job {job}>{NOTHING_ELSE}<triggers>{''.join(triggers)}</triggers></job>"
    return f"{HEAD}{body}</jobs>".encode()


def read(*triggers: str, timezone: str = "UTC", times: Times = Times.INSTANCE) -> Export:
    return parse([document(*triggers)], timezone, times)


def text_of(found: Export) -> str:
    return "; ".join(one.text for one in found.schedules.get("feed", ()))


@pytest.mark.parametrize(
    ("trigger", "text"),
    [
        pytest.param(recurring(), "every 1d at 02:00", id="daily"),
        pytest.param(
            recurring(days="Monday Wednesday Friday"), "every 1d at 02:00 on mon, wed, fri", id="on some days"
        ),
        pytest.param(
            recurring(days="Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
            "every 1d at 02:00",
            id="on all days",
        ),
        pytest.param(recurring("30m", "00:10:00.000Z"), "every 30m at 00:10", id="every half hour"),
        pytest.param(recurring("1h", "00:05:00"), "every 1h at 00:05", id="hourly, without a zone"),
        pytest.param(recurring("7h"), "every 7h at 02:00", id="every seven hours"),
        pytest.param(recurring("2d"), "every 2d at 02:00", id="every other day"),
        pytest.param(recurring("1w"), "every 7d at 02:00", id="weekly"),
        pytest.param(recurring("1w", days="Sunday"), "every 7d at 02:00 on sun", id="weekly on a day"),
        pytest.param(recurring("1M", start="2025-01-15"), "0 2 15 * *", id="monthly"),
        pytest.param(recurring("3M", start="2025-02-01"), "0 2 1 2,5,8,11 *", id="quarterly"),
        pytest.param(recurring("1y", start="2025-02-01Z"), "0 2 1 2 *", id="yearly"),
        pytest.param(recurring(enabled=""), "every 1d at 02:00", id="no flag"),
        pytest.param(once(), "once at 2027-01-01 00:00", id="once"),
        pytest.param(
            recurring() + recurring("1d", "14:30:00.000Z"),
            "every 1d at 02:00; every 1d at 14:30",
            id="two triggers",
        ),
        pytest.param(recurring() + recurring(), "every 1d at 02:00", id="the same trigger twice"),
        pytest.param(
            recurring() + recurring("1h", enabled='enabled="false"'),
            "every 1d at 02:00",
            id="one of them switched off",
        ),
    ],
)
def test_a_trigger_is_a_schedule(trigger: str, text: str) -> None:
    found = read(trigger)
    assert (text_of(found), found.problems, found.disabled) == (text, (), ())


@pytest.mark.parametrize(
    ("trigger", "element", "said"),
    [
        pytest.param(recurring("1x"), "interval", "'1x'", id="an unknown unit"),
        pytest.param(recurring("0m"), "interval", "'0m'", id="no interval at all"),
        pytest.param(recurring(""), "interval", "''", id="the interval is missing"),
        pytest.param(recurring("999999d"), "interval", "longer than a year", id="longer than a year"),
        pytest.param(recurring("5M"), "interval", "5M", id="months that do not divide a year"),
        pytest.param(recurring("1M", start="2025-01-31"), "interval", "28th", id="the last of a month"),
        pytest.param(recurring("1w", days="Monday Friday"), "interval", "several", id="weekly on two days"),
        pytest.param(recurring(days="Someday"), "weekday", "'Someday'", id="no weekday"),
        pytest.param(recurring(at="25:00:00Z"), "start-time", "'25:00:00Z'", id="no time"),
        pytest.param(recurring(at="02:00:00+99:00"), "start-time", "+99:00", id="no offset"),
        pytest.param(recurring(start="2025-13-01"), "date-from", "'2025-13-01'", id="no date"),
        pytest.param(recurring(start="0001-01-01"), "date-from", "0001", id="a year out of range"),
        pytest.param(recurring(more="<date-to>later</date-to>"), "date-to", "'later'", id="no last date"),
        pytest.param(recurring(more="<except>x</except>"), "except", "recurrence", id="an unknown element"),
        pytest.param(recurring(enabled='enabled="perhaps"'), "run-recurring", "'perhaps'", id="no flag"),
        pytest.param("<run-recurring enabled='true'/>", "run-recurring", "0 <recurrence>", id="empty"),
        pytest.param("<run-after job-id='x'/>", "run-after", "no trigger", id="an unknown trigger"),
        pytest.param(once(on="soon"), "date", "'soon'", id="once, some day"),
        pytest.param(once(at=""), "time", "''", id="once, at no time"),
    ],
)
def test_what_is_not_understood_is_named_and_gives_no_schedule(trigger: str, element: str, said: str) -> None:
    found = read(trigger)
    (problem,) = found.problems
    assert (problem.job_id, problem.element, found.schedules) == ("feed", element, {})
    assert said in problem.text
    assert str(problem).startswith(f"feed: <{element}> ")
    assert found.disabled == ()


def test_one_trigger_that_is_not_understood_takes_no_other_with_it() -> None:
    found = read(recurring("1x"), recurring())
    assert (text_of(found), len(found.problems)) == ("every 1d at 02:00", 1)


def test_jobs_that_are_switched_off_or_have_no_trigger_are_known() -> None:
    body = "".join(
        f'<job job-id="{name}"><triggers>{trigger}</triggers></job>'
        for name, trigger in [("off", once(enabled="false")), ("none", ""), ("on", recurring())]
    )
    found = parse([f"{HEAD}{body}<other/></jobs>".encode()], "UTC")
    assert (found.jobs, found.disabled, [*found.schedules]) == (("off", "none", "on"), ("off",), ["on"])


def test_jobs_without_an_id_and_jobs_that_are_there_twice_are_named() -> None:
    found = parse([document(recurring(), job="")], "UTC")
    assert (found.jobs, [one.element for one in found.problems]) == ((), ["job"])
    both = document(recurring()).replace(b"</jobs>", b"") + document(recurring("1h"))[len(HEAD) :]
    found = parse([both], "UTC")
    assert text_of(found) == "every 1d at 02:00; every 1h at 02:00"
    assert [one.text for one in found.problems] == ["is there twice; the triggers of both are taken"]


@pytest.mark.parametrize(
    ("times", "written", "winter", "summer"),
    [
        pytest.param(Times.INSTANCE, "01:00:00.000Z", 1, 0, id="comes back as the clock showed it"),
        pytest.param(Times.UTC, "01:00:00.000Z", 1, 1, id="is UTC all year"),
        pytest.param(Times.WRITTEN, "01:00:00.000Z", 0, 23, id="is what the clock shows"),
        pytest.param(Times.INSTANCE, "01:00:00", 0, 23, id="has no zone"),
        pytest.param(Times.INSTANCE, "03:00:00+02:00", 1, 0, id="has another offset"),
    ],
)
def test_a_time_with_a_zone(times: Times, written: str, winter: int, summer: int) -> None:
    found = read(recurring(at=written), timezone=BERLIN, times=times)
    (schedule,) = found.schedules["feed"]
    for month, hour in ((1, winter), (7, summer)):
        slot = schedule.next_slot(datetime(2026, month, 10, tzinfo=UTC))
        assert slot is not None
        assert slot.hour == hour


def test_nothing_is_due_before_the_first_time_or_after_the_last_day() -> None:
    found = read(recurring("1h", start="2026-11-20", more="<date-to>2026-11-20</date-to>"))
    (schedule,) = found.schedules["feed"]
    slots = [*schedule.slots(NOW - timedelta(days=9), NOW + timedelta(days=9))]
    assert (slots[0], slots[-1]) == (
        datetime(2026, 11, 20, 2, tzinfo=UTC),
        datetime(2026, 11, 20, 23, tzinfo=UTC),
    )


def test_what_runs_once_has_one_slot() -> None:
    (schedule,) = read(once()).schedules["feed"]
    assert [*schedule.slots(NOW, NOW + timedelta(days=999))] == [datetime(2027, 1, 1, tzinfo=UTC)]


def test_it_does_not_matter_how_the_document_is_cut_into_pieces() -> None:
    whole = document(recurring(), recurring("1x"))
    assert parse((whole[number : number + 1] for number in range(len(whole))), "UTC") == parse([whole], "UTC")


LAUGHS = (
    '<!DOCTYPE jobs [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<jobs><job job-id="&b;"><triggers/></job></jobs>'
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(LAUGHS, "DOCTYPE or an entity", id="entities that grow"),
        pytest.param(
            '<!DOCTYPE jobs SYSTEM "file:///etc/passwd"><jobs/>',
            "DOCTYPE or an entity",
            id="a file elsewhere",
        ),
        pytest.param("<!DOCTYPE jobs><jobs/>", "DOCTYPE or an entity", id="a document type that is empty"),
        pytest.param("<jobs>&what;</jobs>", "undefined entity", id="an entity nobody declared"),
        pytest.param("<jobs>", "line 1", id="an end that is missing"),
        pytest.param("", "no element found", id="nothing"),
        pytest.param('{"jobs": []}', "not well-formed", id="JSON"),
        pytest.param("<catalog/>", "<catalog>, not <jobs>", id="another export"),
        pytest.param("<jobs>" + "<a>" * DEEPEST, "too deeply", id="nested without end"),
        pytest.param('<?xml version="1.0" encoding="nonsense"?><jobs/>', "encoding", id="no encoding"),
    ],
)
def test_what_may_harm_or_is_no_export_is_refused(content: str, said: str) -> None:
    with pytest.raises(JobsXmlError, match=r".") as refused:
        parse([content.encode()], "UTC")
    assert said in str(refused.value)


def test_a_document_without_end_is_refused() -> None:
    with pytest.raises(JobsXmlError, match="larger than"):
        parse((b" " * (LONGEST // 4) for _ in range(5)), "UTC")


def test_long_text_in_a_trigger_is_not_held() -> None:
    found = read(recurring("x" * 100_000))
    assert len(found.problems[0].text) < 1000


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_it(interval: str, at: str, start: str) -> None:
    def escaped(text: str) -> str:
        return "".join(char for char in text if char.isalnum() or char in " :-+.")

    found = read(recurring(escaped(interval), escaped(at), escaped(start)))
    assert len(found.problems) + len(found.schedules) == 1
    assert all(isinstance(one, Schedule) for some in found.schedules.values() for one in some)
