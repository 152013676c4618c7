"""The heartbeat: after complete polls, in its failure form where the agent may be unable to tell itself."""

from __future__ import annotations

import http.server
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from monitor.clock import ManualClock
from monitor.errors import Reason
from monitor.heartbeat import Heartbeat, failure_form, heartbeat
from monitor.polling.poll import PollResult
from monitor.settings import Settings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "https://hc-ping.com/planted-secret"
MINUTE = timedelta(minutes=1)


class Heart:
    """A heart, the pings it sent, and what the agent knows."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.pings: list[tuple[str, str]] = []
        self.oldest: datetime | None = None
        self.answer = ""
        self.beating = Heartbeat(lambda: URL, self.clock, 5 * MINUTE, lambda: self.oldest, ping=self._take)

    def _take(self, url: str, text: str) -> str:
        self.pings.append((url, text))
        return self.answer

    def saw(self, reason: Reason | None = None, instance: str = "a", watched_by: str = "") -> None:
        self.beating.saw(PollResult(instance, NOON, 0.1, reason=reason, message="why", watched_by=watched_by))

    def beat(self) -> list[tuple[str, str]]:
        self.pings.clear()
        self.beating.beat()
        return list(self.pings)


@pytest.fixture
def heart() -> Heart:
    return Heart()


def test_it_is_called_once_for_what_was_read_since_the_last_time(heart: Heart) -> None:
    assert heart.beat() == [], "nothing was read yet"
    heart.saw()
    heart.saw(instance="b")
    assert heart.beat() == [(URL, "")]
    assert heart.beat() == [], "an agent that hangs falls silent"


def test_one_failed_poll_is_no_trouble_yet_and_no_sign_of_life(heart: Heart) -> None:
    heart.saw(Reason.NETWORK)
    assert heart.beat() == []


def test_an_instance_that_is_blind_is_said_though_others_are_read(heart: Heart) -> None:
    heart.saw(Reason.NETWORK)
    heart.clock.advance(5 * MINUTE)
    heart.saw(Reason.NETWORK)
    heart.saw(instance="b")
    text = "a could not be read since 2026-11-23 12:00 UTC (network: why)"
    assert heart.beat() == [(f"{URL}/fail", text)]
    heart.saw()
    assert heart.beat() == [(URL, "")]


@pytest.mark.parametrize(
    ("reason", "watched_by"), [(Reason.ASLEEP, ""), (None, "another agent")], ids=["asleep", "another's"]
)
def test_what_is_not_ours_to_read_is_no_trouble(heart: Heart, reason: Reason, watched_by: str) -> None:
    heart.saw(Reason.NETWORK)
    heart.clock.advance(5 * MINUTE)
    heart.saw(reason, watched_by=watched_by)
    assert all(text == "" for _, text in heart.beat())


def test_an_alert_that_nobody_takes_is_said(heart: Heart) -> None:
    heart.oldest = NOON
    heart.saw()
    heart.clock.advance(14 * MINUTE)
    assert heart.beat() == [(URL, "")]
    heart.clock.advance(MINUTE)
    assert heart.beat() == [
        (f"{URL}/fail", "an alert has not been taken by its target since 2026-11-23 12:00 UTC")
    ]


def test_a_service_that_refuses_is_logged_once_and_without_its_address(
    heart: Heart, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for answer in ("it answered 404", "it answered 404", "", ""):
        heart.answer = answer
        heart.saw()
        heart.beat()
    assert [record.message for record in caplog.records] == [
        "heartbeat_url: it answered 404; trying on at each poll",
        "heartbeat_url: taken again",
    ]


@pytest.mark.parametrize(
    ("url", "failed"),
    [
        (URL, f"{URL}/fail"),
        ("https://hc.example/ping/x/", "https://hc.example/ping/x/fail"),
        ("https://hc.example/ping/x?create=1", "https://hc.example/ping/x/fail?create=1"),
        (
            "https://uptime.betterstack.com/api/v1/heartbeat/x",
            "https://uptime.betterstack.com/api/v1/heartbeat/x/fail",
        ),
        ("https://cronitor.link/p/key/job?state=complete", "https://cronitor.link/p/key/job?state=fail"),
        (
            "https://up.example/api/push/x?status=up&msg=OK",
            "https://up.example/api/push/x?status=down&msg=OK",
        ),
        ("https://nosnch.in/x", "https://nosnch.in/x?s=1"),
    ],
)
def test_the_failure_form_of_a_service(url: str, failed: str) -> None:
    assert failure_form(url) == failed


class Service(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, body.decode()))  # type: ignore[attr-defined]
        self.send_response(302 if "moved" in self.path else 404 if "gone" in self.path else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Service)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("/x", [("POST", "/x", "")], []),
        ("/api/push/x", [("GET", "/api/push/x", "")], []),
        ("/gone", [("POST", "/gone", "")], ["heartbeat_url: it answered 404; trying on at each poll"]),
        ("/moved", [("POST", "/moved", "")], ["heartbeat_url: it answered 302; trying on at each poll"]),
    ],
)
def test_a_real_service_is_asked(
    service: http.server.HTTPServer,
    caplog: pytest.LogCaptureFixture,
    path: str,
    asked: list[tuple[str, str, str]],
    said: list[str],
) -> None:
    settings = Settings.model_validate({"heartbeat_url": f"http://127.0.0.1:{service.server_port}{path}"})
    beating = heartbeat(settings, ManualClock(NOON), lambda: None)
    beating.saw(PollResult("a", NOON, 0.1))
    beating.beat()
    assert service.asked == asked  # type: ignore[attr-defined]
    assert [record.message for record in caplog.records] == said


def test_a_service_that_is_away_is_said_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings.model_validate({"heartbeat_url": "http://127.0.0.1:9/planted-secret"})
    beating = heartbeat(settings, ManualClock(NOON), lambda: None)
    beating.saw(PollResult("a", NOON, 0.1))
    beating.beat()
    (said,) = [record.message for record in caplog.records if record.name == "monitor.heartbeat"]
    assert "could not be reached" in said
    assert "planted-secret" not in caplog.text


def test_without_an_address_nothing_is_called() -> None:
    beating = heartbeat(Settings(), ManualClock(NOON), lambda: None)
    beating.saw(PollResult("a", NOON, 0.1))
    beating.beat()
