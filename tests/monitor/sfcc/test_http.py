from __future__ import annotations

import gzip
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from monitor.errors import Reason, SfccError
from monitor.sfcc.connect import Connection
from monitor.sfcc.http import Http, Incoming, Outgoing, Timeouts
from monitor.sfcc.login.authorization import BearerAuth
from monitor.sfcc.retry import Pace
from monitor.sfcc.session import new_session
from monitor.simulator import DEMO_CLIENT_SECRET, Faults, Simulator, World

Connect = Callable[..., Connection]
Counted = Counter[tuple[str, str]]

HASTY = Timeouts(connect=1.0, read=0.2, total=0.3)


@pytest.fixture
def poll(connection: Connection, world: World) -> Callable[[], int]:
    """Reads the one run there is; returns how many were found."""
    world.start("import")

    def read() -> int:
        return sum(len(page.executions) for page in connection.jobs.recent(world.now(), {}))

    return read


@pytest.mark.parametrize(
    ("strike", "reason", "waits"),
    [
        pytest.param(lambda f: f.throttle("search", retry_after=5), "throttled", [5.5], id="429, 5 seconds"),
        pytest.param(lambda f: f.throttle("search", retry_after=None), "throttled", [1.0], id="429, unsaid"),
        pytest.param(lambda f: f.unavailable("search", load=95), "throttled", [1.0], id="503, load is shed"),
        pytest.param(
            lambda f: f.unavailable("search", retry_after=3), "throttled", [3.5], id="503, 3 seconds"
        ),
        pytest.param(lambda f: f.unavailable("search"), "server", [1.0], id="503 and no more"),
        pytest.param(lambda f: f.gateway_timeout("search"), "server", [1.0], id="504"),
        pytest.param(lambda f: f.server_error("search"), "server", [1.0], id="500 with a page"),
        pytest.param(lambda f: f.html("search"), "protocol", [1.0], id="a page where JSON was due"),
        pytest.param(lambda f: f.empty("search"), "protocol", [1.0], id="nothing"),
        pytest.param(lambda f: f.truncated("search"), "protocol", [1.0], id="half of the document"),
        pytest.param(lambda f: f.cut("search"), "network", [1.0], id="closed half-way"),
        pytest.param(lambda f: f.reset("search"), "network", [1.0], id="reset"),
        pytest.param(lambda f: f.throttle("token", retry_after=2), "", [2.5], id="429 for the token"),
        pytest.param(lambda f: f.html("token"), "", [1.0], id="a page instead of a token"),
    ],
)
def test_what_a_second_try_mends(
    strike: Callable[[Faults], None],
    reason: str,
    waits: list[float],
    world: World,
    poll: Callable[[], int],
    slept: list[float],
    counted: Counted,
) -> None:
    strike(world.faults)
    assert poll() == 1
    assert slept == waits
    assert counted["ocapi", "ok"] == 1
    assert counted["ocapi", reason] == (1 if reason else 0)


@pytest.mark.parametrize(
    ("strike", "reason", "text"),
    [
        pytest.param(
            lambda f: f.throttle("search", retry_after=None, n=None),
            Reason.THROTTLED,
            "asks for fewer requests (429)",
            id="429 again and again",
        ),
        pytest.param(
            lambda f: f.server_error("search", n=None),
            Reason.SERVER,
            'has trouble of its own (500, page "Internal Server Error")',
            id="500 again and again",
        ),
        pytest.param(
            lambda f: f.html("search", n=None),
            Reason.PROTOCOL,
            'sent a page "Site under maintenance" where JSON was due',
            id="a page again and again",
        ),
        pytest.param(lambda f: f.empty("search", n=None), Reason.PROTOCOL, "sent nothing", id="nothing"),
        pytest.param(
            lambda f: f.truncated("search", n=None), Reason.PROTOCOL, "cannot be read", id="half a document"
        ),
        pytest.param(
            lambda f: f.reset("search", n=None), Reason.NETWORK, "Connection reset by peer", id="reset"
        ),
        pytest.param(lambda f: f.cut("search", n=None), Reason.NETWORK, "ended amid an answer", id="cut"),
    ],
)
def test_what_stays_is_given_up_after_three_tries(
    strike: Callable[[Faults], None],
    reason: Reason,
    text: str,
    world: World,
    poll: Callable[[], int],
    slept: list[float],
    counted: Counted,
) -> None:
    strike(world.faults)
    with pytest.raises(SfccError) as caught:
        poll()
    assert caught.value.reason is reason
    assert caught.value.retryable
    assert text in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert slept == [1.0, 2.0]
    assert counted["ocapi", reason.value] == 3


def test_a_server_that_asks_for_an_hour_is_left_alone(
    world: World, poll: Callable[[], int], slept: list[float]
) -> None:
    world.faults.throttle("search", retry_after=3600)
    with pytest.raises(SfccError, match="come back in 3600 s") as caught:
        poll()
    assert caught.value.retry_after == 3600
    assert slept == []


def test_the_time_to_come_back_may_be_a_date(
    world: World, poll: Callable[[], int], slept: list[float]
) -> None:
    world.quirks.clock_skew = timedelta(hours=2)
    world.faults.throttle("search", retry_after=world.now() + timedelta(seconds=12))
    assert poll() == 1
    assert slept == [12.5]


def test_a_date_in_the_past_means_now(world: World, poll: Callable[[], int], slept: list[float]) -> None:
    world.faults.throttle("search", retry_after=world.now() - timedelta(hours=1))
    assert poll() == 1
    assert slept == [0.5]


def test_an_answer_that_stops_coming_is_a_timeout(world: World, connect_with: Connect) -> None:
    world.faults.stall("search", n=None)
    with pytest.raises(SfccError, match="did not answer in time") as caught:
        list(connect_with(timeouts=HASTY).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.TIMEOUT


def test_an_answer_that_only_drips_is_ended(world: World, connect_with: Connect) -> None:
    world.faults.drip("search", pause=0.02, n=None)
    with pytest.raises(SfccError, match="sends its answer too slowly") as caught:
        list(connect_with(timeouts=HASTY).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.TIMEOUT


def test_a_host_that_refuses_connections_is_named(connect_with: Connect, world: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    jobs = connect_with(server=f"http://127.0.0.1:{port}").jobs
    with pytest.raises(SfccError, match=f"no connection to 127.0.0.1:{port}: Connection refused") as caught:
        list(jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.NETWORK


@pytest.mark.parametrize(
    ("server", "text"),
    [
        ("https://shop.invalid", "the name shop.invalid cannot be resolved"),
        ("https://x-001.dx.commercecloud.salesforce.com.invalid", "a deleted sandbox has no name any more"),
    ],
)
def test_a_name_without_an_address_is_named(
    server: str, text: str, connect_with: Connect, world: World
) -> None:
    with pytest.raises(SfccError, match=text):
        list(connect_with(server=server).jobs.recent(world.now(), {}))


def test_a_redirect_is_told_and_not_followed(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    reached: list[Any] = []

    def elsewhere(asked: Any) -> Any:
        reached.append(asked)
        return 200, b"{}", {}

    target = scripted(elsewhere)
    server = scripted(lambda _asked: (302, b"", {"Location": f"{target}/login?token=x"}))
    with pytest.raises(SfccError, match=r"redirects to 127\.0\.0\.1 instead of answering") as caught:
        list(connect_with(server=server).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.PROTOCOL
    assert reached == []
    assert "token" not in str(caught.value)


def test_an_answer_without_end_is_cut_off(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    body = b'{"hits": "' + b"x" * (17 << 20)
    with pytest.raises(SfccError, match="more than 16 MB") as caught:
        list(connect_with(server=scripted(lambda _asked: (200, body, {}))).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.PROTOCOL


def test_a_compressed_answer_is_read_and_a_bomb_is_not(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    small = gzip.compress(json.dumps({"hits": [{"id": "1", "job_id": "a"}], "total": 1}).encode())
    bomb = gzip.compress(b'{"hits": "' + b"x" * (64 << 20))
    bodies = [small, bomb]
    server = scripted(lambda _asked: (200, bodies.pop(0), {"Content-Encoding": "gzip"}))
    jobs = connect_with(server=server).jobs
    (page,) = jobs.recent(world.now(), {})
    assert page.executions[0].job_id == "a"
    with pytest.raises(SfccError, match="more than 16 MB"):
        list(jobs.recent(world.now(), {}))


def test_a_body_that_is_not_compressed_as_it_says_is_an_error(
    connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    server = scripted(lambda _asked: (200, b'{"hits": []}', {"Content-Encoding": "gzip"}))
    with pytest.raises(SfccError, match="not compressed as it says") as caught:
        list(connect_with(server=server).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe{}", b'"text"', b"[]", b"null", b"{"])
def test_bodies_that_are_no_document(
    body: bytes, connect_with: Connect, scripted: Callable[..., str], world: World
) -> None:
    server = scripted(lambda _asked: (200, body, {}))
    with pytest.raises(SfccError, match="where JSON was due"):
        list(connect_with(server=server).jobs.recent(world.now(), {}))


def test_a_netrc_file_does_not_replace_the_token(
    world: World, poll: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert poll() == 1
    assert [record.status for record in world.requests] == [200, 200]


def test_cookies_are_not_kept(connect_with: Connect, scripted: Callable[..., str], world: World) -> None:
    cookies: list[str | None] = []

    def script(asked: Any) -> Any:
        cookies.append(asked.headers.get("Cookie"))
        return 200, b'{"hits": [], "total": 0}', {"Set-Cookie": "dwsid=x; Path=/"}

    jobs = connect_with(server=scripted(script)).jobs
    for _ in range(2):
        list(jobs.recent(world.now(), {}))
    assert cookies == [None, None]


def test_https_is_verified_against_the_named_authority(
    world: World, connect_with: Connect, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    with Simulator(world, https_port=0) as secure:
        ca_file.write_bytes(secure.ca_pem)
        with pytest.raises(SfccError, match="name its authority in ca_file") as caught:
            list(connect_with(server=secure.https_url).jobs.recent(world.now(), {}))
        assert caught.value.reason is Reason.NETWORK
        assert not caught.value.retryable
        trusting = connect_with(server=secure.https_url, ca_file=str(ca_file))
        assert list(trusting.jobs.recent(world.now(), {})) == []
        careless = connect_with(server=secure.https_url, verify=False)
        assert list(careless.jobs.recent(world.now(), {})) == []
        for connection in (trusting, careless):
            connection.close()


def test_verification_switched_off_stays_off_whatever_the_environment_says(
    world: World, connect_with: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with Simulator(world, https_port=0) as secure:
        careless = connect_with(server=secure.https_url, verify=False)
        assert list(careless.jobs.recent(world.now(), {})) == []
        careless.close()


@pytest.mark.parametrize("text", ["no certificate", ""])
def test_a_ca_file_without_certificates_is_refused_at_once(
    text: str, connect_with: Connect, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(text)
    with pytest.raises(ValueError, match="holds no certificate"):
        connect_with(ca_file=str(ca_file))
    with pytest.raises(ValueError, match="holds no certificate"):
        connect_with(ca_file=str(tmp_path / "missing.pem"))


class Slow:
    """A clock on which each look takes `step` seconds."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.time = 0.0

    def __call__(self) -> float:
        self.time += self.step
        return self.time


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with new_session(ca_file=None, verify=True) as opened:
        yield opened


@pytest.mark.parametrize(
    ("took", "status", "headers", "offset"),
    [
        pytest.param(5.0, 200, {}, timedelta(seconds=90), id="an answer in time tells the clock"),
        pytest.param(5.1, 200, {}, None, id="a slow one tells nothing"),
        pytest.param(1.0, 404, {}, timedelta(seconds=90), id="a refusal tells it too"),
        pytest.param(
            1.0,
            403,
            {"Content-Type": "application/problem+json"},
            timedelta(seconds=90),
            id="a refusal of SCAPI as well",
        ),
        pytest.param(1.0, 502, {}, None, id="an error may come from a proxy with a clock of its own"),
        pytest.param(1.0, 301, {}, None, id="and so may a redirect"),
        pytest.param(1.0, 403, {"Content-Type": "text/html; charset=utf-8"}, None, id="and a page"),
        pytest.param(1.0, 200, {"Age": "1"}, None, id="and what a cache has kept, which is of its time"),
        pytest.param(1.0, 200, {"Age": "0"}, timedelta(seconds=90), id="but not what it has just fetched"),
    ],
)
def test_which_answers_tell_the_time(
    took: float,
    status: int,
    headers: dict[str, str],
    offset: timedelta | None,
    session: requests.Session,
    scripted: Callable[..., str],
) -> None:
    at = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    url = scripted(lambda _asked: (status, b"", {"Date": format_datetime(at, usegmt=True), **headers}))
    ours = at - timedelta(seconds=90)
    pace = Pace(lambda: ours, Slow(took), lambda _seconds: None, lambda: 0.5)
    http = Http("ocapi", session, pace, lambda _api, _outcome: None)
    http.ask(Outgoing("GET", url), BearerAuth("x"), lambda incoming: incoming.status)
    assert http.clock_offset == (offset)


def test_no_secret_is_in_any_error(
    world: World, connect_with: Connect, poll: Callable[[], int], scripted: Callable[..., str]
) -> None:
    assert poll() == 1
    tokens: set[str] = set()

    def script(asked: Any) -> Any:
        authorization = asked.headers.get("Authorization", "")
        tokens.add(authorization.rpartition(" ")[2])
        echo = f"<html><title>Refused {authorization}</title></html>".encode()
        fault = json.dumps({"fault": {"type": "Odd", "message": f"got {authorization}"}}).encode()
        return (400, fault, {}) if asked.method == "GET" else (500, echo, {})

    connection = connect_with(server=scripted(script))
    errors = (
        error_of(lambda: list(connection.jobs.recent(world.now(), {}))),
        error_of(lambda: connection.jobs.execution("import", "1")),
        error_of(lambda: connection.logs.read("/Sites/LOGS/a.log", head_bytes=9, tail_bytes=9)),
    )
    for error in errors:
        assert all(token not in str(error) for token in tokens)
        assert DEMO_CLIENT_SECRET not in str(error)


def error_of(call: Callable[[], object]) -> SfccError:
    with pytest.raises(SfccError) as caught:
        call()
    return caught.value


def test_a_connection_gives_up_in_real_time_too(
    session: requests.Session, scripted: Callable[..., str]
) -> None:
    """The deadline of the whole request counts when single packets come in time."""
    url = scripted(lambda _asked: (200, b"x" * 500_000, {}))
    pace = Pace(lambda: datetime.now(UTC), Slow(20.0), lambda _seconds: time.sleep(0), lambda: 0.5)
    http = Http("webdav", session, pace, lambda _api, _outcome: None)

    def read(incoming: Incoming) -> bytes:
        return incoming.body()

    with pytest.raises(SfccError, match="too slowly"):
        http.ask(Outgoing("GET", url), BearerAuth("x"), read)
