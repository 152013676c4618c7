"""Which failures are a sandbox that sleeps; the same of production is trouble."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from monitor.errors import Reason, SfccError
from monitor.sfcc.connect import Connection
from monitor.sfcc.http import Timeouts
from monitor.sfcc.sandbox import asleep, asleep_behind_gateway
from monitor.simulator import Simulator, World

Connect = Callable[..., Connection]
Serve = Callable[..., str]

PAGE = b"<html><title>Sandbox stopped</title></html>"
FAULT = json.dumps({"fault": {"type": "Odd", "message": "no"}}).encode()


def nobody() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def full() -> Iterator[str]:
    """A server that takes no connection, as behind a firewall that drops what it does not like."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def failure(connect_with: Connect, world: World, server: str, *, is_sandbox: bool) -> SfccError:
    jobs = connect_with(server=server, is_sandbox=is_sandbox, timeouts=Timeouts(connect=0.2)).jobs
    with pytest.raises(SfccError) as caught:
        list(jobs.recent(world.now(), {}))
    return caught.value


@pytest.mark.parametrize(
    ("status", "headers", "otherwise"),
    [
        pytest.param(413, {}, Reason.REFUSED, id="413, as stopped ones answer"),
        pytest.param(503, {}, Reason.SERVER, id="503"),
        pytest.param(521, {}, Reason.SERVER, id="521, nothing behind the network in front"),
    ],
)
def test_a_sandbox_that_says_it_is_stopped_is_asleep_and_production_is_in_trouble(
    status: int,
    headers: dict[str, str],
    otherwise: Reason,
    connect_with: Connect,
    scripted: Serve,
    world: World,
    slept: list[float],
) -> None:
    server = scripted(lambda _asked: (status, PAGE, headers))
    found = failure(connect_with, world, server, is_sandbox=True)
    assert found.reason is Reason.ASLEEP
    assert str(found) == (
        f"{server.removeprefix('http://')}: the sandbox is asleep (stopped, being reset, or deleted; it "
        f"answers {status}): start it, or take it out of the settings if it is gone"
    )
    assert found.status == status
    assert slept == [], "one try is enough"
    assert failure(connect_with, world, server, is_sandbox=False).reason is otherwise


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        pytest.param(503, PAGE, {"sfdc_load": "95"}, Reason.THROTTLED, id="load is shed"),
        pytest.param(503, PAGE, {"Retry-After": "1"}, Reason.THROTTLED, id="it asks for a pause"),
        pytest.param(500, PAGE, {}, Reason.SERVER, id="an error of its own"),
        pytest.param(403, FAULT, {}, Reason.PERMISSION, id="a right is missing"),
        pytest.param(404, PAGE, {}, Reason.NOT_FOUND, id="no such address"),
    ],
)
def test_a_sandbox_that_is_awake_and_in_trouble_says_so(
    status: int,
    body: bytes,
    headers: dict[str, str],
    reason: Reason,
    connect_with: Connect,
    scripted: Serve,
    world: World,
) -> None:
    server = scripted(lambda _asked: (status, body, headers))
    assert failure(connect_with, world, server, is_sandbox=True).reason is reason


def test_a_sandbox_that_takes_no_connection_is_asleep(connect_with: Connect, world: World) -> None:
    found = failure(connect_with, world, nobody(), is_sandbox=True)
    assert found.reason is Reason.ASLEEP
    assert "it cannot be reached" in str(found)
    assert failure(connect_with, world, nobody(), is_sandbox=False).reason is Reason.NETWORK


def test_one_that_lets_no_connection_through_too(connect_with: Connect, world: World, full: str) -> None:
    found = failure(connect_with, world, full, is_sandbox=True)
    assert found.reason is Reason.ASLEEP
    assert failure(connect_with, world, full, is_sandbox=False).reason is Reason.NETWORK


def test_a_sandbox_without_a_name_is_asleep(connect_with: Connect, world: World) -> None:
    found = failure(connect_with, world, "https://sandbox.invalid", is_sandbox=True)
    assert found.reason is Reason.ASLEEP


def test_a_connection_that_breaks_is_not_sleep(connect_with: Connect, world: World) -> None:
    world.faults.reset("search", n=None)
    with pytest.raises(SfccError) as caught:
        list(connect_with(is_sandbox=True).jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.NETWORK


def test_a_certificate_that_is_not_trusted_is_not_sleep(connect_with: Connect, world: World) -> None:
    with Simulator(world, https_port=0) as secure:
        found = failure(connect_with, world, secure.https_url, is_sandbox=True)
    assert found.reason is Reason.NETWORK


def test_an_account_manager_out_of_reach_says_nothing_of_the_sandbox(
    connect_with: Connect, world: World
) -> None:
    jobs = connect_with(account_manager_host=nobody(), is_sandbox=True).jobs
    with pytest.raises(SfccError) as caught:
        list(jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.NETWORK


def test_logs_of_a_sleeping_sandbox_say_so_too(connect_with: Connect) -> None:
    logs = connect_with(webdav_server=nobody(), is_sandbox=True).logs
    with pytest.raises(SfccError, match="asleep") as caught:
        logs.read("/Sites/LOGS/jobs/a/a.log", head_bytes=9, tail_bytes=9)
    assert caught.value.reason is Reason.ASLEEP


def test_a_gateway_for_many_tells_by_its_answers_alone() -> None:
    refused = SfccError(Reason.NETWORK, "no connection")
    refused.__cause__ = ConnectionRefusedError()
    assert asleep(refused, "host").reason is Reason.ASLEEP
    assert asleep_behind_gateway(refused, "host") is refused
    stopped = SfccError(Reason.SERVER, "503", status=503)
    assert asleep_behind_gateway(stopped, "host").reason is Reason.ASLEEP


def test_a_proxy_that_refuses_says_nothing_of_the_sandbox(
    connect_with: Connect, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect_with(server="https://sandbox.invalid", is_sandbox=True)
    monkeypatch.setenv("HTTPS_PROXY", nobody())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(SfccError, match="the proxy does not let requests through") as caught:
        list(connection.jobs.recent(world.now(), {}))
    assert caught.value.reason is Reason.NETWORK
