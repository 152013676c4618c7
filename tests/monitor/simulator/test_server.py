"""The simulator on real ports: HTTP, HTTPS, keep-alive, threads, and what goes wrong on the wire."""

import http.client
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from monitor.simulator import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    GeneratedLog,
    JobSpec,
    Simulator,
    World,
)

ALL: dict[str, Any] = {"query": {"match_all_query": {}}}


class Client:
    def __init__(self, url: str, *, verify: bool | str = True) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False  # neither proxies nor another trust store
        self.session.verify = verify
        token = self.session.post(
            url + "/dwsso/oauth2/access_token",
            data={"grant_type": "client_credentials"},
            auth=(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET),
            timeout=5,
        ).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def search(self, timeout: float = 5) -> requests.Response:
        return self.session.post(
            self.url + "/s/-/dw/data/v25_6/job_execution_search", json=ALL, timeout=timeout
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=5, **options)


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    made = Client(simulator.url)
    yield made
    made.session.close()


def test_a_client_gets_a_token_and_searches(world: World, client: Client) -> None:
    world.start("j", user_login="jdoe")
    assert client.search().json()["hits"][0]["user_login"] == "jdoe"


def test_it_listens_on_loopback(simulator: Simulator) -> None:
    assert simulator.url.startswith("http://127.0.0.1:")


def test_https_is_trusted_with_the_certificate_it_gives_and_not_without(world: World, tmp_path: Path) -> None:
    with Simulator(world, https_port=0) as simulator:
        authority = tmp_path / "ca.pem"
        authority.write_bytes(simulator.ca_pem)
        client = Client(simulator.https_url, verify=str(authority))
        assert client.search().status_code == 200
        client.session.close()
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(simulator.https_url, timeout=5)


def test_a_connection_is_kept(simulator: Simulator) -> None:
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=5)
    connection.connect()
    held = connection.sock
    for _ in range(5):
        connection.request("GET", "/")
        assert connection.getresponse().read()
        assert connection.sock is held
    connection.close()


def test_paths_stay_encoded_and_blanks_arrive(world: World, client: Client) -> None:
    run = world.start("3-1-1 Akeneo é%")
    path = quote("3-1-1 Akeneo é%", safe="")
    assert client.get(f"/s/-/dw/data/v25_6/jobs/{path}/executions/{run.id}").json()["id"] == run.id
    log = quote(run.log_path)
    assert client.get(f"/on/demandware.servlet/webdav{log}").status_code == 200


def test_a_large_log_streams(world: World, client: Client) -> None:
    run = world.start("j", log=GeneratedLog(20_000_000))
    with client.get(f"/on/demandware.servlet/webdav{run.log_path}", stream=True) as response:
        assert sum(len(piece) for piece in response.iter_content(65_536)) == 20_000_000
    response = client.get(f"/on/demandware.servlet/webdav{run.log_path}", headers={"Range": "bytes=-256"})
    assert (response.status_code, len(response.content)) == (206, 256)


def test_a_refused_head_has_no_body_and_the_connection_lives_on(client: Client) -> None:
    response = client.session.head(client.url + "/on/demandware.servlet/webdav/Sites/LOGS/x", timeout=5)
    assert (response.status_code, response.content) == (403, b"")
    assert client.search().status_code == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param("reset", requests.exceptions.ConnectionError, id="reset"),
        pytest.param("cut", requests.exceptions.ChunkedEncodingError, id="cut"),
        pytest.param("stall", requests.exceptions.ConnectionError, id="stall"),
    ],
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_mishaps_reach_the_client_and_it_can_go_on(
    world: World,
    tmp_path: Path,
    fault: str,
    error: type[Exception],
    secure: bool,  # noqa: FBT001 - a column of the table
) -> None:
    with Simulator(world, https_port=0) as simulator:
        authority = tmp_path / "ca.pem"
        authority.write_bytes(simulator.ca_pem)
        client = Client(simulator.https_url if secure else simulator.url, verify=str(authority))
        getattr(world.faults, fault)("search")
        with pytest.raises(error):
            client.search(timeout=0.3)
        assert client.search().status_code == 200
        client.session.close()


def test_a_dripping_body_arrives_in_the_end(world: World, client: Client) -> None:
    world.faults.drip("search", pause=0.0001)
    assert client.search().json()["total"] == 0


def test_a_stalled_body_may_be_given_up_by_the_server(world: World, client: Client) -> None:
    world.faults.stall("search", silence=0.02)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.search(timeout=30)
    assert client.search().status_code == 200


def test_stopping_does_not_wait_for_a_stalled_body(world: World) -> None:
    simulator = Simulator(world)
    simulator.start()
    client = Client(simulator.url)
    world.faults.stall("search")
    failed = threading.Event()

    def wait_for_ever() -> None:
        try:
            client.search(timeout=60)
        except requests.exceptions.RequestException:
            failed.set()

    waiting = threading.Thread(target=wait_for_ever)
    waiting.start()
    while not world.faults.done:
        threading.Event().wait(0.01)
    simulator.stop()
    waiting.join(5)
    client.session.close()
    assert failed.is_set()


def test_stopping_hangs_up_on_clients_that_keep_their_connection(world: World) -> None:
    with Simulator(world) as simulator:
        connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
    assert connection.sock.recv(1) == b""
    connection.close()


def test_a_stopped_simulator_is_gone_and_can_be_started_again(world: World) -> None:
    simulator = Simulator(world)
    simulator.start()
    url = simulator.url
    simulator.stop()
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=1)
    with simulator:
        assert requests.get(simulator.url, timeout=5).status_code == 404


def test_an_address_is_known_only_while_it_listens(world: World) -> None:
    simulator = Simulator(world)
    with pytest.raises(RuntimeError, match="start it"):
        _ = simulator.url
    with pytest.raises(RuntimeError, match="https_port"):
        _ = simulator.ca_pem


def test_threads_and_a_test_share_a_world(world: World, simulator: Simulator) -> None:
    world.add_job(JobSpec("j", every=timedelta(minutes=1)))
    seen: list[int] = []

    def read() -> None:
        client = Client(simulator.url)
        seen.extend(client.search().status_code for _ in range(20))
        client.session.close()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(50):
        world.start(f"j-{number}").finish()
    for reader in readers:
        reader.join(20)
    assert seen == [200] * 80


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Transfer-Encoding": "chunked"}, 411, id="no length"),
        pytest.param({"Content-Length": "5242881"}, 413, id="above 5 MB"),
    ],
)
def test_bodies_have_a_length_and_a_limit(simulator: Simulator, headers: dict[str, str], status: int) -> None:
    request = requests.Request("POST", simulator.url + "/x", headers=headers).prepare()
    request.headers.update(headers)
    if "Transfer-Encoding" in headers:
        request.headers.pop("Content-Length", None)
    with requests.Session() as session:
        assert session.send(request, timeout=5).status_code == status


def test_a_door_for_known_clients_opens_to_a_certificate_and_to_nobody_else(
    world: World, tmp_path: Path
) -> None:
    with Simulator(world, https_port=0, mtls_port=0) as simulator:
        trusted = ssl.create_default_context(cadata=simulator.ca_pem.decode())
        with pytest.raises(OSError, match=r"(?i)certificate required|reset|EOF|closed"):
            knock(simulator.mtls_url, trusted)
        identify(trusted, simulator.client_certificate("pass phrase"), b"pass phrase", tmp_path)
        assert knock(simulator.mtls_url, trusted) == 404
        stranger = ssl.create_default_context(cadata=simulator.ca_pem.decode())
        with Simulator(World(world.clock), mtls_port=0) as another:
            identify(stranger, another.client_certificate("x"), b"x", tmp_path)
        with pytest.raises(OSError, match=r"(?i)unknown ca|reset|EOF|closed|decrypt"):
            knock(simulator.mtls_url, stranger)
        assert knock(simulator.https_url, ssl.create_default_context(cadata=simulator.ca_pem.decode())) == 404


def test_a_certificate_is_sealed_by_its_passphrase(world: World) -> None:
    with Simulator(world, mtls_port=0) as simulator:
        sealed = simulator.client_certificate("right")
        with pytest.raises(ValueError, match="password"):
            pkcs12.load_key_and_certificates(sealed, b"wrong")
        with pytest.raises(RuntimeError, match="does not listen"):
            _ = simulator.https_url


def knock(url: str, context: ssl.SSLContext) -> int:
    host, _, port = url.removeprefix("https://").partition(":")
    connection = HTTPSConnection(host, int(port), context=context, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def identify(context: ssl.SSLContext, sealed: bytes, passphrase: bytes, directory: Path) -> None:
    key, certificate, chain = pkcs12.load_key_and_certificates(sealed, passphrase)
    assert key is not None
    assert certificate is not None
    pem = [
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        *(each.public_bytes(Encoding.PEM) for each in (certificate, *chain)),
    ]
    file = directory / "client.pem"
    file.write_bytes(b"".join(pem))
    context.load_cert_chain(file)
