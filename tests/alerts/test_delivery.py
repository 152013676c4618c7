"""Stories of delivery: failures, files, leases, crashes. The clock is set by hand; nothing sleeps."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from alerts import attachments, outbox
from alerts.delivery import deliver_next
from alerts.model import Attachment, Capabilities, DeliveryReason, FetchFailed, Message
from alerts.outbox import RowState
from alerts.routing import Route
from alerts.schema import notifications
from alerts.testing import RecordingNotifier, ScriptedNotifier, finding

Desk = Any  # the fixture's class
R = DeliveryReason


@pytest.fixture
def queued(desk: Desk) -> Desk:
    """One alert with a log is due."""
    desk.poll(finding(attachments=["log"]))
    log = Attachment("log", "job.log", b"ERROR it broke\n", ("ERROR it broke",), "2 secrets masked")
    attachments.fetch_due(desk.engine, lambda _ref: log, desk.now)
    desk.wait(10)
    desk.dispatch()
    return desk


def states(desk: Desk) -> list[RowState]:
    with desk.engine.begin() as conn:
        return [row.state for row in outbox.listing(conn, states=list(RowState))]


def test_a_message_is_delivered_once_with_its_file(queued: Desk) -> None:
    target = RecordingNotifier("ops")
    queued.wait(2)

    assert [queued.deliver(target), queued.deliver(target)] == [R.SENT, None]

    (message,) = target.sent
    assert (message.files[0].name, message.files[0].content) == ("job.log", b"ERROR it broke\n")
    assert "ERROR it broke" in message.body
    assert states(queued) == [RowState.SENT]
    assert queued.counted == [("ops", R.SENT)]
    assert queued.observed == [12.0]


def test_another_targets_message_is_left_alone(queued: Desk) -> None:
    assert queued.deliver(RecordingNotifier("mail")) is None


def test_a_target_that_fails_once_is_tried_again_within_five_seconds(queued: Desk) -> None:
    target = ScriptedNotifier("ops", "down succeed")

    assert queued.deliver_for(target, 6) == [R.NETWORK, R.SENT]
    assert target.sent[0].files


def test_a_target_down_for_ten_minutes_gets_the_message_with_its_file_within_a_minute(queued: Desk) -> None:
    down = ScriptedNotifier("ops", "down")
    queued.deliver_for(down, 600)
    back = RecordingNotifier("ops")

    assert queued.deliver_for(back, 61) == [R.SENT]
    assert back.sent[0].files
    assert 10 < len(down.tried) < 20


def test_a_throttled_message_waits_as_long_as_it_is_asked_to(queued: Desk) -> None:
    target = ScriptedNotifier("ops", "throttle succeed")

    assert queued.deliver_for(target, 119) == [R.THROTTLED]
    assert queued.deliver_for(target, 2) == [R.SENT]


@pytest.mark.parametrize(
    ("script", "tries"),
    [
        pytest.param("no_files", 3, id="a file refused twice stays behind"),
        pytest.param("too_large", 2, id="one that is too large at once"),
    ],
)
def test_a_target_that_refuses_the_file_gets_the_text_saying_so(
    queued: Desk, script: str, tries: int
) -> None:
    target = ScriptedNotifier("ops", script)

    queued.deliver_for(target, 10)

    assert len(target.tried) == tries
    (message,) = target.sent
    assert message.files == ()
    assert "Log file: stayed behind: the target answered" in message.body
    assert "To get the log: show log log" in message.body
    assert "ERROR it broke" in message.body


def test_a_target_that_takes_neither_gets_the_file_again_when_it_recovers(queued: Desk) -> None:
    target = ScriptedNotifier("ops", "fail fail fail fail succeed")

    queued.deliver_for(target, 120)

    assert [bool(message.files) for message in target.tried] == [True, True, False, True, True]


def test_a_target_that_only_hangs_with_the_file_gets_the_text_in_the_end(queued: Desk) -> None:
    class Hangs(ScriptedNotifier):
        def send(self, message: Message) -> None:
            super().send(message) if message.files else self.sent.append(message)

    target = Hangs("ops", "hang")

    queued.deliver_for(target, 600)

    assert len(target.sent) == 1
    assert "did not answer in time" in target.sent[0].body


def test_a_target_that_takes_no_files_is_offered_none(queued: Desk) -> None:
    target = RecordingNotifier("ops", Capabilities(files=False))

    queued.deliver(target)

    assert target.sent[0].files == ()
    assert "ERROR it broke" in target.sent[0].body
    assert "Log file: this target takes none" in target.sent[0].body
    assert "To get the log: show log log" in target.sent[0].body


def test_a_message_whose_newest_log_is_not_there_carries_an_older_one_and_says_so(queued: Desk) -> None:
    queued.poll(finding(attachments=["new"], occurrences=["1", "2"], cause="step indexPrices: ERROR"))

    def fails(_ref: str) -> Attachment:
        raise FetchFailed("no log: the client may not read it", final=True)

    attachments.fetch_due(queued.engine, fails, queued.now)
    queued.wait(10)
    queued.dispatch()
    target = RecordingNotifier("ops")

    queued.deliver_for(target, 2)

    body, files = target.sent[1].body, target.sent[1].files
    assert [file.content for file in files] == [b"ERROR it broke\n"]
    assert "From the log job.log of run log:" in body
    assert "Newest log: not there: the client may not read it" in body
    assert "This log: is older, of run log" in body


def test_the_same_trouble_again_has_its_log_in_the_repetition(queued: Desk) -> None:
    queued.poll(finding(attachments=["new"], occurrences=["1", "2"]))
    newer = Attachment("new", "new.log", b"newer\n", ("newer",))
    assert attachments.fetch_due(queued.engine, lambda _ref: newer, queued.now) == 1
    queued.wait(4 * 3600)
    queued.dispatch()
    target = RecordingNotifier("ops")

    queued.deliver_for(target, 2)

    assert [[file.name for file in message.files] for message in target.sent] == [["job.log"], ["new.log"]]


def test_of_a_storm_only_the_logs_that_travel_are_read(desk: Desk) -> None:
    jobs = [finding(f"job-{number:02}", attachments=[f"log-{number:02}"]) for number in range(25)]
    desk.poll(*jobs)
    attachments.fetch_due(
        desk.engine, lambda ref: Attachment(ref, f"{ref}.log", b"x", (f"line of {ref}",)), desk.now
    )
    desk.wait(10)
    desk.dispatch()
    target = RecordingNotifier("ops")

    desk.deliver(target)

    (message,) = target.sent
    listing, *logs = message.files
    assert [file.name for file in logs] == ["log-00.log", "log-01.log", "log-02.log"]
    assert "attached are the logs of job-00, job-01, job-02." in message.body
    assert b"line of log-24" in listing.content
    assert b"To get the log: show log log-24" in listing.content


def test_a_log_that_arrives_after_dispatch_still_travels(desk: Desk) -> None:
    desk.poll(finding(attachments=["log"]))
    desk.wait(30)
    desk.dispatch()
    attachments.fetch_due(desk.engine, lambda ref: Attachment(ref, "job.log", b"x"), desk.now)
    target = RecordingNotifier("ops")

    desk.deliver(target)

    assert target.sent[0].files


def test_a_message_refused_for_good_is_given_up_loudly(
    queued: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    target = ScriptedNotifier("ops", "refuse", Capabilities(files=False))

    queued.deliver_for(target, 900)

    assert states(queued) == [RowState.DEAD]
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "given up: refused" in record.getMessage()
    assert "outbox retry 1" in record.getMessage()
    with queued.engine.begin() as conn:
        outbox.retry_now(conn, [1], queued.at)
    assert queued.deliver(RecordingNotifier("ops")) is R.SENT


def test_the_end_of_what_a_target_never_heard_of_is_not_sent_to_it(queued: Desk) -> None:
    queued.policy = replace(queued.policy, routes=(Route("default", ("ops", "mail"), ("job_id",)),))
    queued.deliver_for(ScriptedNotifier("ops", "refuse", Capabilities(files=False)), 900)
    queued.poll()
    queued.wait(10)
    queued.dispatch()
    silent, other = RecordingNotifier("ops"), RecordingNotifier("mail")

    assert (queued.deliver(silent), queued.deliver(other)) == (None, R.SENT)

    assert (silent.sent, [message.resolved for message in other.sent]) == ([], [True])
    with queued.engine.begin() as conn:
        newest = outbox.listing(conn, states=[RowState.DEAD])[0]
    assert newest.last_error == "not sent: the target was never told that it began"


def test_of_a_message_a_target_is_sent_what_concerns_it(desk: Desk) -> None:
    desk.policy = replace(desk.policy, routes=(Route("default", ("ops",), ()),))
    desk.poll(finding("a"))
    desk.wait(10)
    desk.dispatch()
    desk.deliver_for(ScriptedNotifier("ops", "refuse", Capabilities(files=False)), 900)
    desk.poll(finding("b"))  # and the end of a
    desk.wait(10)
    desk.dispatch()
    target = RecordingNotifier("ops")

    desk.deliver(target)

    assert [message.title for message in target.sent] == ["failed: b on production"]


def test_what_was_told_is_logged_with_its_target_and_title(
    queued: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "alerts.delivery"):
        queued.deliver(RecordingNotifier("ops"))

    assert caplog.messages == ["told ops: failed: import-prices on production"]


def test_a_message_that_was_taken_is_marked_as_soon_as_the_state_can_be_written(queued: Desk) -> None:
    state = Locked(queued)
    target = RecordingNotifier("ops")

    reason = deliver_next(
        queued.engine, state.sending(target), "me", queued.now, pause=state.pause_until(seconds=20)
    )

    assert (reason, len(target.sent), states(queued)) == (R.SENT, 1, [RowState.SENT])
    assert queued.deliver(target) is None


def test_a_state_that_stays_locked_for_longer_than_a_lease_is_an_error(queued: Desk) -> None:
    state = Locked(queued)

    with pytest.raises(SQLAlchemyError):
        deliver_next(
            queued.engine,
            state.sending(RecordingNotifier("ops")),
            "me",
            queued.now,
            pause=state.pause_until(seconds=60),
        )
    state.unlock()


class Locked:
    """A state that refuses to be written from the moment a message is taken."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._began = desk.at
        self._is_locked = False
        event.listen(desk.engine, "before_cursor_execute", self._refuse)

    def sending(self, target: RecordingNotifier) -> Any:
        return Then(target.name, then=self._lock, to=target)

    def pause_until(self, seconds: float) -> Callable[[float], object]:
        def pause(length: float) -> None:
            self._desk.wait(length)
            self._is_locked = self._desk.at < self._began + timedelta(seconds=seconds)

        return pause

    def unlock(self) -> None:
        self._is_locked = False

    def _lock(self) -> None:
        self._is_locked = True

    def _refuse(self, *_: object) -> None:
        if self._is_locked:
            raise OperationalError("UPDATE outbox", None, Exception("database is locked"))


@dataclass
class Then(RecordingNotifier):
    """Does something once the message was taken."""

    then: Callable[[], object] = lambda: None
    to: RecordingNotifier = field(default_factory=RecordingNotifier)

    def send(self, message: Message) -> None:
        self.to.send(message)
        self.then()


def test_a_setting_mended_within_ten_minutes_loses_nothing(queued: Desk) -> None:
    queued.deliver_for(ScriptedNotifier("ops", "refuse"), 590)

    assert queued.deliver_for(RecordingNotifier("ops"), 60) == [R.SENT]


@pytest.mark.parametrize("story", ["undecodable", "without its notification", "a notifier with a bug"])
def test_a_bad_row_is_put_off_and_does_not_stop_the_others(
    queued: Desk, story: str, caplog: pytest.LogCaptureFixture
) -> None:
    target: Any = RecordingNotifier("ops")
    with queued.engine.begin() as conn:
        if story == "undecodable":
            conn.execute(update(notifications).values(content={"incidents": [{}]}))
        elif story == "without its notification":
            conn.execute(delete(notifications))
        else:
            target = ScriptedNotifier("ops", "crash succeed")
    queued.poll(finding(attachments=["log"]), finding("other"))
    queued.wait(10)
    queued.dispatch()

    assert [queued.deliver(target), queued.deliver(target)] == [R.UNKNOWN, R.SENT]
    assert any(record.exc_info for record in caplog.records)


def test_messages_of_a_group_arrive_in_order_after_an_outage(desk: Desk) -> None:
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    desk.deliver_for(ScriptedNotifier("ops", "down"), 400)
    desk.poll()
    desk.wait(10)
    desk.dispatch()
    target = RecordingNotifier("ops")

    desk.deliver_for(target, 120)

    assert [message.resolved for message in target.sent] == [False, True]


def test_the_lease_is_renewed_while_a_slow_target_is_at_work(queued: Desk) -> None:
    renewed = threading.Event()

    @dataclass
    class Slow(RecordingNotifier):
        def send(self, message: Message) -> None:
            assert renewed.wait(10)
            super().send(message)

    def now() -> Any:
        # The second call that is made while sending comes from the renewal.
        if threading.current_thread().name.startswith("lease-"):
            renewed.set()
        return queued.at

    reason = deliver_next(queued.engine, Slow("ops"), "me", now, renew_every=timedelta(milliseconds=5))

    assert reason is R.SENT


class Killed(BaseException):
    """The process ends here, without any of its handlers."""


@dataclass
class Breakpoint:
    """Counts the steps of a delivery and kills it at one of them."""

    at: int
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed


@dataclass
class Watched(RecordingNotifier):
    """Kills before and after the target has taken the message."""

    breakpoint: Breakpoint = field(default_factory=lambda: Breakpoint(0))

    def send(self, message: Message) -> None:
        self.breakpoint.step()
        super().send(message)
        self.breakpoint.step()


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_at_any_step_the_message_still_arrives_and_twice_at_most(queued: Desk, step: int) -> None:
    """Steps: now (claim), [claimed], before send, after send, now (taken), counted, observed."""
    dying = Breakpoint(step)
    target = Watched("ops", breakpoint=dying)

    def now() -> Any:
        dying.step()
        return queued.at

    def note(*_: object) -> None:
        dying.step()

    with contextlib.suppress(Killed):
        deliver_next(queued.engine, target, "gone", now, count=note, observe=note)
    dying.at = 0
    with queued.engine.begin() as conn:
        outbox.void(conn, lambda owner: owner == "gone")
    queued.deliver_for(target, 60)

    assert 1 <= len(target.sent) <= 2
    assert states(queued) == [RowState.SENT]
    assert len({message.body for message in target.sent}) == 1
    assert "incident id-0001" in target.sent[0].body


def test_what_a_process_held_is_sent_after_its_lease_even_if_nobody_voids_it(queued: Desk) -> None:
    with pytest.raises(Killed):
        deliver_next(queued.engine, Watched("ops", breakpoint=Breakpoint(1)), "gone", queued.now)
    target = RecordingNotifier("ops")

    assert queued.deliver_for(target, 30) == []
    assert queued.deliver_for(target, 1) == [R.SENT]


def test_many_workers_on_one_state_send_each_message_once(
    desk_on: Callable[[Engine], Desk], state: Engine
) -> None:
    desk = desk_on(state)
    desk.poll(*(finding(f"job-{number}") for number in range(12)))
    desk.wait(10)
    desk.dispatch()
    target = RecordingNotifier("ops")

    def work(name: str) -> None:
        while deliver_next(desk.engine, target, name, desk.now) is not None:
            pass

    threads = [threading.Thread(target=work, args=(f"worker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(message.title for message in target.sent) == sorted(
        f"failed: job-{number} on production" for number in range(12)
    )


def given_up(desk: Desk, name: str, fallback: str) -> None:
    """Until a target that refuses everything is no longer tried."""
    target = ScriptedNotifier(name, "refuse")
    for _ in range(3600):
        desk.deliver(target, fallback=fallback)
        desk.wait(1)


def test_what_a_target_refuses_for_good_is_told_to_its_fallback_with_the_file(queued: Desk) -> None:
    given_up(queued, "ops", "mail")
    mail = RecordingNotifier("mail")

    assert queued.deliver(mail) is R.SENT

    (message,) = mail.sent
    assert message.body.startswith("Meant for ops, which did not take it.")
    assert [one.name for one in message.files] == ["job.log"]
    assert queued.deliver(mail) is None

    queued.poll()
    queued.wait(10)
    queued.dispatch()
    assert queued.deliver(RecordingNotifier("ops"), fallback="mail") is None, (
        "it never heard of the beginning"
    )
    assert queued.deliver(mail) is R.SENT
    assert [one.resolved for one in mail.sent] == [False, True]


def test_a_fallback_that_refuses_it_as_well_is_not_followed_by_another(queued: Desk) -> None:
    given_up(queued, "ops", "mail")
    given_up(queued, "mail", "ops")

    assert states(queued) == [RowState.DEAD, RowState.DEAD]


def test_a_fallback_that_has_the_message_anyway_gets_it_once(desk: Desk) -> None:
    desk.policy = replace(desk.policy, routes=(Route("default", ("ops", "mail")),))
    desk.poll(finding())
    desk.wait(10)
    desk.dispatch()
    given_up(desk, "ops", "mail")

    assert sorted(states(desk)) == [RowState.DEAD, RowState.PENDING]
