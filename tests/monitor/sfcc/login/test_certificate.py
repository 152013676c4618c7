"""A host that lets nobody in without a client certificate, as staging's does."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
    load_pem_private_key,
    pkcs12,
)

from monitor.errors import Reason, SfccError
from monitor.sfcc.connect import Connection
from monitor.sfcc.login.certificate import ClientCertificate
from monitor.sfcc.session import Sessions
from monitor.simulator import World

WORD = "word-of-the-certificate"
Bundle = Callable[..., ClientCertificate]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(tmp_path: Path, authority: trustme.CA) -> Bundle:
    """A PKCS#12 file for somebody, and what opens it."""

    def make(
        who: str = "monitor@example.com", passphrase: str | None = WORD, given: str | None = WORD
    ) -> ClientCertificate:
        issued = authority.issue_cert(who)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        chain = [x509.load_pem_x509_certificate(one.bytes()) for one in issued.cert_chain_pems]
        encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        path = tmp_path / "staging.p12"
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"", key, chain[0], chain[1:], encryption))  # type: ignore[arg-type] # of this kind
        return ClientCertificate(path, None if given is None else lambda: given)

    return make


@pytest.fixture
def ca_file(tmp_path: Path, authority: trustme.CA) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


class Staging:
    """Over TLS, and asks for a certificate; `subjects` is who showed which."""

    def __init__(self, authority: trustme.CA) -> None:
        self.subjects: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        subjects = self.subjects

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                shown = self.request.getpeercert()
                subjects.append(json.dumps(shown["subjectAltName"]))
                self.send_response_only(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Who shows no certificate is no event."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def staging(authority: trustme.CA) -> Iterator[Staging]:
    server = Staging(authority)
    yield server
    server.close()


@pytest.fixture
def sessions(ca_file: str) -> Iterator[Sessions]:
    made = Sessions(ca_file=ca_file, verify=True)
    yield made
    made.close()


@pytest.mark.parametrize("passphrase", [WORD, None])
def test_the_certificate_opens_the_host(
    sessions: Sessions, staging: Staging, bundle: Bundle, passphrase: str | None
) -> None:
    session = sessions.showing(bundle(passphrase=passphrase, given=passphrase))
    assert session.get(staging.url, timeout=5).status_code == 200
    assert "monitor@example.com" in staging.subjects[0]


def test_without_a_certificate_the_host_stays_shut(sessions: Sessions, staging: Staging) -> None:
    with pytest.raises(requests.RequestException):
        sessions.showing(None).get(staging.url, timeout=5)


def test_it_works_also_where_any_certificate_of_the_server_is_taken(
    staging: Staging, bundle: Bundle, recwarn: pytest.WarningsRecorder
) -> None:
    unverified = Sessions(ca_file=None, verify=False)
    assert unverified.showing(bundle()).get(staging.url, timeout=5, verify=False).status_code == 200
    unverified.close()
    assert not recwarn.list


def test_the_host_is_verified_as_ever(staging: Staging, bundle: Bundle) -> None:
    distrustful = Sessions(ca_file=None, verify=True)
    with pytest.raises(requests.exceptions.SSLError):
        distrustful.showing(bundle()).get(staging.url, timeout=5)
    distrustful.close()


def test_each_certificate_has_one_session_of_its_own(sessions: Sessions, bundle: Bundle) -> None:
    certificate = bundle()
    assert sessions.showing(certificate) is sessions.showing(certificate)
    assert sessions.showing(certificate) is not sessions.showing(None)


def test_a_new_certificate_is_shown_without_a_restart(
    sessions: Sessions, staging: Staging, bundle: Bundle
) -> None:
    session = sessions.showing(bundle("old@example.com"))
    for _ in range(2):
        session.get(staging.url, timeout=5)
    bundle("new@example.com")
    session.get(staging.url, timeout=5)
    assert ["old" in shown for shown in staging.subjects] == [True, True, False]


def test_nothing_is_left_of_the_key_on_disk(bundle: Bundle) -> None:
    watched: list[tuple[Path, int, bytes]] = []

    class Context(ssl.SSLContext):
        def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
            file = Path(certfile)
            watched.append((file, file.stat().st_mode & 0o777, file.read_bytes()))
            super().load_cert_chain(certfile, keyfile, password)

    bundle().contexts(lambda: Context(ssl.PROTOCOL_TLS_CLIENT))()
    ((file, mode, content),) = watched
    assert mode == 0o600
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert not file.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("wrong", "certificate_passphrase is not its passphrase", id="a wrong passphrase"),
        pytest.param(None, "it needs a certificate_passphrase", id="no passphrase"),
    ],
)
def test_a_certificate_that_cannot_be_opened_is_said(bundle: Bundle, given: str | None, said: str) -> None:
    (check,) = bundle(given=given).secrets
    with pytest.raises(SfccError) as caught:
        check()
    assert said in str(caught.value)
    assert caught.value.reason is Reason.CREDENTIALS


def test_a_certificate_that_is_gone_or_none_is_said(bundle: Bundle) -> None:
    certificate = bundle()
    assert certificate.ends() > datetime.now(UTC)
    certificate.path.write_bytes(b"nothing")
    with pytest.raises(SfccError, match="or it is no PKCS#12 file"):
        certificate.ends()
    certificate.path.unlink()
    with pytest.raises(SfccError, match="cannot be read: No such file"):
        certificate.ends()


def test_no_repr_shows_the_passphrase(bundle: Bundle) -> None:
    assert WORD not in repr(bundle())


def test_a_certificate_that_cannot_be_read_is_why_an_api_fails_and_no_other_one(
    world: World, connect_with: Callable[..., Connection], bundle: Bundle
) -> None:
    certificate = bundle(given="wrong")
    shut = "https://127.0.0.1:9"
    connection = connect_with(webdav_server=shut, certificates={"webdav": certificate})
    assert list(connection.jobs.recent(world.now(), {})) == []
    with pytest.raises(SfccError, match="certificate_passphrase is not its passphrase"):
        connection.logs.read("/LOGS/a.log", head_bytes=9, tail_bytes=9)
