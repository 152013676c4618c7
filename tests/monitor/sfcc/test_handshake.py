"""Names and certificates, before any login."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from monitor.errors import Reason, SfccError
from monitor.sfcc.handshake import Trust, greet, proxied, resolve
from monitor.sfcc.login.certificate import ClientCertificate
from monitor.simulator import ManualClock, Simulator, World

AUTHORITY = trustme.CA(organization_name="planted authority")

Serve = Callable[[trustme.LeafCert], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Takes one connection after another and says nothing."""
    listening: list[socket.socket] = []

    def start(leaf: trustme.LeafCert) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        threading.Thread(target=_shake, args=(server, context), daemon=True).start()
        return f"https://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in listening:
        server.close()


def _shake(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = server.accept()
            with plain, context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(1)
        except ssl.SSLError:
            continue  # who does not trust it hangs up
        except OSError:
            return


def trusted(tmp_path: Path) -> Trust:
    file = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return Trust(str(file))


def refusal(url: str, trust: Trust) -> str:
    with pytest.raises(SfccError) as caught:
        greet(url, trust)
    assert caught.value.reason is Reason.NETWORK
    return str(caught.value)


def test_a_certificate_of_a_named_authority_is_taken_and_its_issuer_said(
    serve: Serve, tmp_path: Path
) -> None:
    greeting = greet(serve(AUTHORITY.issue_cert("127.0.0.1")), trusted(tmp_path))
    assert greeting.version.startswith("TLSv1.")
    assert "planted authority" in greeting.issuer
    assert not greeting.self_signed


def test_an_authority_nobody_named_is_said_by_name(serve: Serve) -> None:
    said = refusal(serve(AUTHORITY.issue_cert("127.0.0.1")), Trust())
    assert 'issued by "planted authority", whom this machine does not trust' in said
    assert "ca_file" in said


def test_a_certificate_for_another_name_is_said_so(serve: Serve, tmp_path: Path) -> None:
    said = refusal(serve(AUTHORITY.issue_cert("shop.example")), trusted(tmp_path))
    assert "is for another name: check the server's name" in said


def test_a_certificate_whose_time_is_over_is_said_so(serve: Serve, tmp_path: Path) -> None:
    day_before = datetime.now(UTC) - timedelta(days=1)
    leaf = AUTHORITY.issue_cert("127.0.0.1", not_before=day_before - timedelta(days=1), not_after=day_before)
    assert "is not valid today: check this machine's clock" in refusal(serve(leaf), trusted(tmp_path))


def test_a_server_that_wants_a_certificate_of_ours_is_said_to(tmp_path: Path) -> None:
    with Simulator(World(ManualClock(datetime(2026, 11, 22, tzinfo=UTC))), mtls_port=0) as simulator:
        authority, own = tmp_path / "authority.pem", tmp_path / "own.p12"
        authority.write_bytes(simulator.ca_pem)
        own.write_bytes(simulator.client_certificate("word"))
        assert "it may want a client certificate" in refusal(simulator.mtls_url, Trust(str(authority)))
        shown = ClientCertificate(own, lambda: "word")
        assert greet(simulator.mtls_url, Trust(str(authority), certificate=shown)).version


def test_asked_to_take_any_certificate_it_takes_it(serve: Serve) -> None:
    greeting = greet(serve(AUTHORITY.issue_cert("shop.example")), Trust(verify=False))
    assert "planted authority" in greeting.issuer


def test_a_server_that_speaks_no_tls_is_no_matter_of_trust() -> None:
    def answer(server: socket.socket) -> None:
        with server.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-somebody else\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        other = threading.Thread(target=answer, args=(server,))
        other.start()
        said = refusal(f"https://127.0.0.1:{server.getsockname()[1]}", Trust())
        other.join()
    assert "not trust" not in said


def test_a_port_nobody_listens_on() -> None:
    assert "refused" in refusal("https://127.0.0.1:9", Trust())


def test_an_authority_that_cannot_be_read(serve: Serve, tmp_path: Path) -> None:
    said = refusal(serve(AUTHORITY.issue_cert("127.0.0.1")), Trust(str(tmp_path / "none.pem")))
    assert "check ca_file" in said


def test_the_bundle_of_the_environment_counts_as_it_does_for_requests(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted(tmp_path).ca_file or "")
    assert greet(serve(AUTHORITY.issue_cert("127.0.0.1")), Trust()).version


def test_names() -> None:
    assert resolve("https://127.0.0.1:8443") == ("127.0.0.1",)
    with pytest.raises(SfccError, match="cannot be resolved"):
        resolve("https://no-such-instance.invalid")


def test_what_goes_through_a_proxy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert not proxied("https://shop.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", ".internal.example")
    assert proxied("https://shop.example")
    assert not proxied("http://shop.example")
    assert not proxied("https://a.internal.example:8443")
