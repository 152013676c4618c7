"""Apprise against real servers of our own: what arrives, what is refused, and that no secret gets out."""

from __future__ import annotations

import base64
import json
import logging
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.library import build, plugin_for
from alerts.model import (
    BodyFormat,
    Capabilities,
    DeliveryError,
    DeliveryReason,
    Message,
    MessageFile,
    Severity,
)
from alerts.notifier import Notifier
from alerts.testing import RecordingNotifier, ScriptedNotifier

SECRET = "s3cr3tT0kenAbC"
R = DeliveryReason


@dataclass
class Receiver:
    """An HTTP target: answers with `answer(request number)` and keeps what it was sent."""

    answer: Callable[[int], int] = lambda _number: 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    port: int = 0
    silent: bool = False
    text: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def url(self, extra: str = "") -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}/path?+X-Token={SECRET}{extra}"


@contextmanager
def serving(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.methods.append(self.command)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_json = body.startswith(b"{")
            receiver.bodies.append(json.loads(body) if is_json else {"raw": body} if body else {})
            if receiver.silent:
                receiver.done.wait(10)
                return
            code = receiver.answer(len(receiver.methods))
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.send_header("Content-Length", str(len(receiver.text)))
            self.end_headers()
            self.wfile.write(receiver.text.encode())

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.done.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as receiver:
        yield receiver


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that a handler of ours would write. Not caplog: it listens to loggers that were cut off as well."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root, handler = logging.getLogger(), Keep(1)
    before = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


def message(*, file: bytes | None = b"ERROR it broke\n", resolved: bool = False) -> Message:
    files = () if file is None else (MessageFile("job.log", file),)
    return Message("failed: job on production", "It broke.", Severity.CRITICAL, resolved, files)


def refusal(notifier: Notifier, text: Message) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        notifier.send(text)
    return caught.value


def test_text_and_file_arrive(receiver: Receiver) -> None:
    build("ops", receiver.url()).send(message())

    (body,) = receiver.bodies
    assert (body["title"], body["message"], body["type"]) == (
        "failed: job on production",
        "It broke.",
        "failure",
    )
    (file,) = body["attachments"]
    assert (file["filename"], file["mimetype"]) == ("job.log", "text/plain")
    assert base64.b64decode(file["base64"]) == b"ERROR it broke\n"


def test_what_is_over_is_said_to_be_a_success(receiver: Receiver) -> None:
    build("ops", receiver.url()).send(message(resolved=True))

    assert receiver.bodies[0]["type"] == "success"


def test_an_empty_file_does_not_stop_the_text(receiver: Receiver) -> None:
    build("ops", receiver.url()).send(message(file=b""))

    assert receiver.bodies[0]["attachments"] == []


@pytest.mark.parametrize(
    ("code", "reason", "permanent", "answered"),
    [
        (413, R.FILE_REFUSED, False, True),
        (500, R.SERVER, False, True),
        (503, R.SERVER, False, False),
        (429, R.THROTTLED, False, True),
        (401, R.CREDENTIALS, True, True),
        (404, R.REFUSED, True, True),
        (302, R.REFUSED, True, True),
        (307, R.REFUSED, True, True),
    ],
)
def test_what_the_target_answers(
    receiver: Receiver, code: int, reason: DeliveryReason, *, permanent: bool, answered: bool
) -> None:
    receiver.answer = lambda _number: code

    error = refusal(build("ops", receiver.url()), message())

    assert (error.reason, error.permanent, error.answered) == (reason, permanent, answered)
    assert str(code) in str(error)
    assert receiver.methods == ["POST"]  # once, and a redirect is not followed


def test_a_failure_that_the_address_calls_optional_is_a_failure(receiver: Receiver) -> None:
    receiver.answer = lambda _number: 500

    assert refusal(build("ops", receiver.url("&optional=yes")), message()).reason is R.SERVER


def test_a_target_that_is_away() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        error = refusal(build("ops", f"json://127.0.0.1:{taken.getsockname()[1]}"), message())

    assert (error.reason, error.answered) == (R.NETWORK, False)
    assert str(error) == "the target could not be reached: the connection was refused"


def test_a_target_whose_name_is_wrong() -> None:
    error = refusal(build("ops", "json://nobody.invalid"), message())

    assert (error.reason, str(error)) == (
        R.NETWORK,
        "the target could not be reached: its name was not found",
    )


def test_a_target_that_speaks_no_tls(receiver: Receiver) -> None:
    error = refusal(build("ops", f"jsons://127.0.0.1:{receiver.port}"), message())

    assert (error.reason, str(error)) == (
        R.NETWORK,
        "the target could not be reached: no TLS connection came about",
    )


def test_a_target_that_does_not_answer(receiver: Receiver) -> None:
    receiver.silent = True

    error = refusal(build("ops", receiver.url("&rto=0.2")), message())

    assert (error.reason, error.answered) == (R.TIMEOUT, False)


def test_a_secret_of_the_address_is_nowhere(
    receiver: Receiver, logged: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    seen = logged
    for code in (200, 404, 500, 302):
        receiver.answer = lambda _number, code=code: code  # type: ignore[misc]
        notifier = build("ops", receiver.url())
        seen += [repr(notifier), str(notifier)]
        try:
            notifier.send(message())
        except DeliveryError as error:
            seen += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    with pytest.raises(ValueError, match="ops") as caught:
        build("ops", f"nosuchservice://{SECRET}/x")
    seen += [str(caught.value), repr(caught.value.__context__)]
    seen += list(capfd.readouterr())

    assert not [text for text in seen if SECRET in text]


def test_what_others_log_while_nothing_is_sent_is_left_alone(receiver: Receiver, logged: list[str]) -> None:
    build("ops", receiver.url()).send(message())

    logging.getLogger("urllib3.connectionpool").debug("somebody else's request")

    assert logged == ["somebody else's request"]


@pytest.mark.parametrize(
    "url",
    ["", "nosuch://x", "json://", "slack://only-one-part", f"https://example.com/{SECRET}", "not an address"],
)
def test_an_unusable_address_is_refused_at_once_by_the_targets_name(url: str) -> None:
    with pytest.raises(ValueError, match="target 'ops'") as caught:
        build("ops", url)

    assert SECRET not in str(caught.value)


SLACK_HOOK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/#ops"
PUSHOVER = "pover://a2345678901234567890123456789a@b2345678901234567890123456789b"
SLACK_BOT = "slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/#ops"


@pytest.mark.parametrize(
    ("url", "form", "title_max", "body_max", "files"),
    [
        ("json://host", BodyFormat.TEXT, 250, 32768, True),
        ("mailto://u:p@example.com?to=a@b.de", BodyFormat.HTML, 250, 32768, True),
        (SLACK_BOT, BodyFormat.SLACK, 250, 32768, True),
        (SLACK_HOOK, BodyFormat.SLACK, 250, 32768, False),
        (f"{SLACK_HOOK}?format=text", BodyFormat.TEXT, 250, 32768, False),
        ("discord://1234567890/abcdefghijk", BodyFormat.MARKDOWN, 250, 2000, True),
        ("tgram://123456789:abcdefg_hijklmnop/123456", BodyFormat.HTML, 0, 4096, True),
        ("workflows://host:443/workflow1a/signature/", BodyFormat.MARKDOWN, 250, 15000, False),
        ("gchat://workspace/key/token", BodyFormat.MARKDOWN, 0, 4000, False),
        ("mmost://host/3ccdd113474722377935511fc85d3dd4", BodyFormat.MARKDOWN, 0, 4000, False),
        (PUSHOVER, BodyFormat.TEXT, 250, 1024, False),
        ("ntfy://topic", BodyFormat.TEXT, 200, 7800, True),
    ],
)  # fmt: skip
def test_what_targets_can_take(
    url: str, form: BodyFormat, title_max: int, body_max: int, *, files: bool
) -> None:
    can = build("ops", url).capabilities

    assert (can.format, can.title_max, can.body_max_bytes, can.files) == (form, title_max, body_max, files)


@pytest.mark.parametrize("blocks", ["no", "yes"], ids=["as it always was", "in blocks"])
def test_slack_is_sent_its_own_markup_as_it_is(receiver: Receiver, blocks: str) -> None:
    notifier = build("chat", f"{SLACK_HOOK}?blocks={blocks}")
    service: Any = next(iter(notifier._apprise))
    service.webhook_url = f"http://127.0.0.1:{receiver.port}"
    text = "*Error:* a_b *.xml &lt;!channel&gt; &amp; \\n [x](y) `c`"
    receiver.text = "ok"

    notifier.send(Message("failed: a < b", text, Severity.CRITICAL))

    (attachment,) = receiver.bodies[0]["attachments"]
    sent = attachment["blocks"][1]["text"]["text"] if blocks == "yes" else attachment["text"]
    assert sent == text


@pytest.mark.parametrize("build_one", ["apprise", "recording", "scripted"])
def test_every_notifier_keeps_the_contract(build_one: str, receiver: Receiver) -> None:
    notifiers: dict[str, Notifier] = {
        "apprise": build("ops", receiver.url()),
        "recording": RecordingNotifier("ops"),
        "scripted": ScriptedNotifier("ops", "succeed"),
    }
    notifier = notifiers[build_one]

    assert notifier.name == "ops"
    assert isinstance(notifier.capabilities, Capabilities)
    notifier.send(message())
    notifier.send(message(file=None))


@pytest.mark.parametrize("word", ["fail", "down", "hang", "throttle", "refuse", "no_files", "too_large"])
def test_a_scripted_notifier_fails_as_targets_do(word: str) -> None:
    notifier = ScriptedNotifier("ops", f"{word} succeed")

    refusal(notifier, message())
    notifier.send(message())

    assert (len(notifier.tried), len(notifier.sent)) == (2, 1)


def test_a_plug_in_that_reads_its_files_from_disk_finds_them_there(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    form = build("ops", f"form://127.0.0.1:{receiver.port}/x")
    form.send(message())
    (body,) = receiver.bodies
    assert b"ERROR it broke" in body["raw"]
    assert not list(tmp_path.iterdir()), "nothing stays behind"


def test_a_file_is_written_to_disk_for_nobody_else(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    build("ops", receiver.url()).send(message())
    assert receiver.bodies[0]["attachments"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
def test_each_scheme_leads_to_the_librarys_own_plug_in() -> None:
    from apprise.plugins import N_MGR

    schemes: list[str] = N_MGR.schemas(include_disabled=True)  # type: ignore[no-untyped-call]
    assert len(schemes) > 200
    assert {scheme: plugin_for(scheme) for scheme in schemes} == {scheme: N_MGR[scheme] for scheme in schemes}


@pytest.mark.parametrize("scheme", ["", "https", "nonesuch", '"', "../x"])
def test_a_scheme_of_no_plug_in_leads_to_none(scheme: str) -> None:
    assert plugin_for(scheme) is None


def test_a_target_costs_the_memory_of_its_own_plug_in_alone() -> None:
    program = """
import sys
from alerts.channels.library import build
for url in ("json://127.0.0.1/x", "mailto://a:b@example.com", "slack://aaaaaaaaa/bbbbbbbbb/cccccccccccccccccccccccc/#x"):
    build("ops", url)
print(sum(name.startswith("apprise.plugins.") for name in sys.modules))
"""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True, text=True
    )
    assert int(answer.stdout) < 40, "of 180"


def test_an_address_copied_from_the_service_is_understood() -> None:
    slack = build("ops", "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert slack.capabilities.format is BodyFormat.SLACK
