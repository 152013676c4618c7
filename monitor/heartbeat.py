"""Tells something outside that the agent lives, so that its silence is noticed. Knows ping services only.

The address is called after complete polls; its failure form when the agent sees trouble that it may be unable
to tell itself: an instance it cannot read, a message that nobody takes. Called by a thread of its own: a
service that hangs delays nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests

from monitor.clock import Clock
from monitor.detect.watching.blind import INTERVALS
from monitor.errors import Reason, SfccError
from monitor.polling.poll import PollResult
from monitor.settings import Settings
from monitor.settings.secrets import SecretSource, secret_source

log = logging.getLogger(__name__)

Ping = Callable[[str, str], str]
"""Calls an address with a text; answers what was wrong, nothing where it was taken."""

TIMEOUT_SECONDS = 10.0
BEAT_SECONDS = 30.0
"""Between two looks whether there is something to say; polls are rarely closer to each other than that."""

UNDELIVERED = timedelta(minutes=15)
"""A message that nobody took for so long is trouble."""

LONGEST_TEXT = 1000


class Heartbeat:
    def __init__(
        self,
        url: SecretSource | None,
        clock: Clock,
        blind_after: timedelta,
        oldest: Callable[[], datetime | None],
        ping: Ping | None = None,
    ) -> None:
        """url: None where nothing is called. blind_after: for how long an instance may fail.

        oldest: since when a message is not taken.
        """
        self._url = url
        self._clock = clock
        self._blind_after = blind_after
        self._oldest = oldest
        self._ping = ping or _post
        self._lock = threading.Lock()
        self._failing: dict[str, tuple[datetime, str]] = {}
        self._is_fresh = False
        self._was_refused = False

    @property
    def is_on(self) -> bool:
        return self._url is not None

    def saw(self, result: PollResult) -> None:
        """What came of a poll."""
        with self._lock:
            if result.watched_by:
                self._failing.pop(result.instance, None)
            elif result.complete or result.reason is Reason.ASLEEP:
                self._failing.pop(result.instance, None)
                self._is_fresh = True
            elif result.reason is not Reason.STOPPING:
                since, _ = self._failing.get(result.instance, (self._clock.now(), ""))
                self._failing[result.instance] = since, f"{result.reason}: {result.message}"

    def beat(self) -> None:
        """Calls the address, unless nothing was read since the last time and nothing is known to be wrong."""
        if self._url is None:
            return
        now = self._clock.now()
        with self._lock:
            is_fresh, self._is_fresh = self._is_fresh, False
            failing = dict(self._failing)
        text = trouble(failing, self._oldest(), self._blind_after, now)
        if not text and not is_fresh:
            return
        refused = self._call(self._url, text)
        if refused and not self._was_refused:
            log.warning("heartbeat_url: %s; trying on at each poll", refused)
        elif self._was_refused and not refused:
            log.info("heartbeat_url: taken again")
        self._was_refused = bool(refused)

    def _call(self, source: SecretSource, text: str) -> str:
        try:
            url = source()
        except SfccError as error:
            return str(error)
        return self._ping(failure_form(url) if text else url, text[:LONGEST_TEXT])


def heartbeat(settings: Settings, clock: Clock, oldest: Callable[[], datetime | None]) -> Heartbeat:
    url = secret_source("heartbeat_url", settings.heartbeat_url, settings.heartbeat_url_file)
    blind_after = max(settings.detection.blind_after, INTERVALS * settings.idle_interval)
    return Heartbeat(url, clock, blind_after, oldest)


def trouble(
    failing: Mapping[str, tuple[datetime, str]],
    oldest: datetime | None,
    blind_after: timedelta,
    now: datetime,
) -> str:
    """What somebody outside should hear of; empty when all is well."""
    lines = [
        f"{name} could not be read since {since:%Y-%m-%d %H:%M} UTC ({why})"
        for name, (since, why) in sorted(failing.items())
        if now - since >= blind_after
    ]
    if oldest is not None and now - oldest >= UNDELIVERED:
        lines.append(f"an alert has not been taken by its target since {oldest:%Y-%m-%d %H:%M} UTC")
    return "\n".join(lines)


def failure_form(url: str) -> str:
    """Of the address of a ping service, as its documents have it.

    Cronitor: state=fail. Uptime Kuma (/api/push/): status=down. Dead Man's Snitch (nosnch.in): s=1. All
    others as Healthchecks and Better Stack have it.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in {"cronitor.link", "cronitor.io"}:
        changed = {"state": "fail"}
    elif "/api/push/" in parts.path:
        changed = {"status": "down"}
    elif host == "nosnch.in":
        changed = {"s": "1"}
    else:
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **changed}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _post(url: str, text: str) -> str:
    """Uptime Kuma takes GET alone; the others take either, and show the body of a POST."""
    is_get = "/api/push/" in urlsplit(url).path
    try:
        with requests.request(
            "GET" if is_get else "POST",
            url,
            data=None if is_get else text.encode(),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as answer:
            return "" if answer.ok and not answer.is_redirect else f"it answered {answer.status_code}"
    except requests.Timeout:
        return "it did not answer in time"
    except requests.RequestException as error:
        return f"it could not be reached ({type(error).__name__})"  # the text of the error has the address
