"""Mail over a real SMTP server: STARTTLS, a login, the file, and what mail programs put together by."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from alerts import attachments
from alerts.channels.library import build
from alerts.model import (
    Attachment,
    DeliveryError,
    DeliveryReason,
    Message,
    MessageFile,
    NotificationKind,
    Severity,
)
from alerts.testing import finding, incident
from tests.alerts.channels.conftest import NOON, Telling

USER, PASSWORD = "monitor", "pass word/1"
AUTHORITY = trustme.CA(organization_name="an authority of our own")
FAILED = Message(
    "failed: a < b",
    "<p>It <b>broke</b> &amp; burnt.</p>",
    Severity.CRITICAL,
    files=(MessageFile("job.log", b"ERROR it broke\n"),),
)


@dataclass
class Mailbox:
    """What the server has taken, and whether each mail came over TLS and from whom."""

    mails: list[EmailMessage] = field(default_factory=list)
    sessions: list[tuple[bool, bool]] = field(default_factory=list)

    async def handle_DATA(self, _server: object, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.sessions.append((session.ssl is not None, bool(session.authenticated)))
        return "250 OK"


@contextmanager
def smtp(*, limit: int = 1_000_000, secure: bool = False) -> Iterator[tuple[Mailbox, str]]:
    """secure: takes mail over TLS alone, and from who has logged in."""
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more: dict[str, Any] = {}
    login = ""
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
        more = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": _authenticated,
        }
        login = f"{USER}:{quote(PASSWORD, safe='')}@"
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, data_size_limit=limit, **more)
    controller.start()
    mode = "starttls" if secure else "insecure"
    scheme = "mailtos" if secure else "mailto"
    try:
        yield (
            mailbox,
            f"{scheme}://{login}127.0.0.1:{port}?from=monitor@example.com&to=ops@example.com&mode={mode}",
        )
    finally:
        controller.stop()


def _authenticated(_server: object, _session: object, _envelope: object, _how: str, data: Any) -> AuthResult:
    return AuthResult(
        success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False
    )


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a company's own authority is named to all programs."""
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def test_a_mail_arrives_with_its_file_as_html_and_text() -> None:
    with smtp() as (mailbox, url):
        build("mail", url).send(FAILED)

    (mail,) = mailbox.mails
    assert mail["Subject"] == "failed: a < b"
    html, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert "<b>broke</b> &amp; burnt" in html.get_content()
    assert "broke & burnt" in plain.get_content()
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("job.log", "text/plain")
    assert file.get_payload(decode=True) == b"ERROR it broke\n"


@pytest.mark.usefixtures("trusted")
def test_it_goes_over_tls_and_after_a_login() -> None:
    with smtp(secure=True) as (mailbox, url):
        build("mail", url).send(FAILED)
    assert mailbox.sessions == [(True, True)]
    (file,) = mailbox.mails[0].iter_attachments()
    assert file.get_payload(decode=True) == b"ERROR it broke\n"


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_said_to_be_one_and_not_shown() -> None:
    with smtp(secure=True) as (mailbox, url):
        notifier = build("mail", url.replace(quote(PASSWORD, safe=""), "wr0ngwr0ng"))
        with pytest.raises(DeliveryError) as caught:
            notifier.send(FAILED)
    assert mailbox.mails == []
    assert (caught.value.reason, caught.value.permanent) == (DeliveryReason.CREDENTIALS, True)
    assert str(caught.value) == "the mail server answered 535 (user or password wrong)"


def test_a_server_that_nobody_vouches_for_gets_no_password() -> None:
    refused = pytest.raises(DeliveryError, match=r"its certificate is not accepted \(TLS\)")
    with smtp(secure=True) as (mailbox, url), refused as caught:
        build("mail", url).send(FAILED)
    assert mailbox.mails == []
    assert caught.value.reason is DeliveryReason.NETWORK


def test_what_is_about_one_incident_is_one_conversation(telling: Telling) -> None:
    a = incident("import-prices")
    over = replace(a, ends_at=NOON + timedelta(minutes=5), resolution="run 2 ended ok")
    with smtp() as (mailbox, url):
        # A fresh one for each, because the library waits some seconds between two mails.
        for told, kind in [((a,), NotificationKind.FIRST), ((over,), NotificationKind.RESOLVED)]:
            notifier = build("mail", url)
            notifier.send(telling(notifier.capabilities, *told, kind=kind))

    first, last = mailbox.mails
    assert first["References"] == first["In-Reply-To"] == last["References"]
    assert first["References"] == f"<{a.id}@sfcc-job-monitor.invalid>"
    assert first["Message-ID"] != last["Message-ID"]
    assert (first["Importance"], last["Importance"]) == ("high", None)
    assert {mail["Auto-Submitted"] for mail in mailbox.mails} == {"auto-generated"}


def test_headers_of_the_address_are_the_users() -> None:
    with smtp() as (mailbox, url):
        build("mail", f"{url}&+Importance=low&+X-Team=shop").send(FAILED)
    assert (mailbox.mails[0]["Importance"], mailbox.mails[0]["X-Team"]) == ("low", "shop")


def test_a_subject_of_many_lines_begins_no_header(telling: Telling) -> None:
    wild = replace(incident("a\r\nBcc: everybody@example.com\r\n\r\nb"), id="incident-1")
    with smtp() as (mailbox, url):
        notifier = build("mail", url)
        notifier.send(telling(notifier.capabilities, wild))
    assert mailbox.mails[0]["Bcc"] is None
    assert "Bcc: everybody@example.com" in mailbox.mails[0]["Subject"]


def test_a_mail_server_that_takes_no_large_mails_gets_the_text_without_the_file(desk: Any) -> None:
    noise = Attachment("log", "job.log", b"x" * 60_000, ("ERROR it broke",))
    desk.poll(finding(attachments=["log"]))
    attachments.fetch_due(desk.engine, lambda _ref: noise, desk.now)
    desk.wait(10)
    desk.dispatch()
    with smtp(limit=40_000) as (mailbox, url):
        # A fresh one for each try, because the library waits some seconds between two mails.
        reasons = [desk.deliver(build("ops", url)), desk.deliver(build("ops", url))]

    assert reasons == [DeliveryReason.FILE_REFUSED, DeliveryReason.SENT]
    (mail,) = mailbox.mails
    assert list(mail.iter_attachments()) == []
    body = mail.get_body(("plain",))
    assert body is not None
    assert "message too large" in body.get_content()
    assert "ERROR it broke" in body.get_content()
