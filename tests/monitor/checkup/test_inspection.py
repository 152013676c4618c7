"""Several instances side by side, once and until all is well; and nothing secret in what is said."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from monitor.checkup.inspection import Inspection, side_by_side, until_well
from monitor.checkup.model import Outcome, Step, What
from monitor.simulator import DEMO_CLIENT_SECRET, World
from tests.monitor.checkup.conftest import Inspect

SECRETS = ("planted+client/secret", "planted-access-key-1", "planted-proxy-password")


def failures(steps: list[Step]) -> list[What]:
    return [step.what for step in steps if step.outcome is Outcome.FAILED]


def test_instances_are_told_in_their_order_whoever_is_done_first(inspect: Inspect) -> None:
    names = [f"instance-{number}" for number in range(12)]
    found = side_by_side({name: inspect(name=name) for name in names})
    assert list(found) == names
    assert {step.instance for step in found["instance-7"]} == {"instance-7"}
    assert all(failures(steps) == [] for steps in found.values())


def test_what_is_wrong_with_one_is_not_said_of_another(inspect: Inspect) -> None:
    found = side_by_side({"good": inspect(name="good"), "bad": inspect(name="bad", client_secret="wrong")})
    assert failures(found["good"]) == []
    assert failures(found["bad"]) == [What.TOKEN]


def test_a_mistake_of_ours_in_a_thread_is_raised_not_swallowed(inspect: Inspect) -> None:
    class Broken(Inspection):
        def look(self) -> list[Step]:
            raise ZeroDivisionError("ours")

    broken = inspect()
    broken.__class__ = Broken
    with pytest.raises(ZeroDivisionError, match="ours"):
        side_by_side({"good": inspect(), "broken": broken})


def test_waiting_goes_on_until_the_last_right_is_there(inspect: Inspect, world: World) -> None:
    world.permissions.search = world.permissions.webdav = False
    grants = iter(["search", "webdav"])
    told: list[Mapping[str, list[What]]] = []

    def grant() -> None:
        setattr(world.permissions, next(grants), True)

    found = until_well(
        {"production": inspect()},
        lambda _done: None,
        lambda lacking: told.append({name: failures(steps) for name, steps in lacking.items()}),
        grant,
    )
    assert told == [{"production": [What.SEARCH, What.LOG]}, {"production": [What.LOG]}]
    assert failures(found["production"]) == []


def test_waiting_looks_again_only_where_something_is_missing(inspect: Inspect, world: World) -> None:
    world.webdav_users.add("reader", "right-key")
    world.permissions.webdav = False  # of API clients: who reads as a user lacks nothing
    inspections = {
        "good": inspect(name="good", username="reader", password="right-key"),
        "waiting": inspect(name="waiting"),
    }
    lacked: list[list[str]] = []
    sent: list[int] = []

    def grant() -> None:
        sent.append(len(world.requests))
        world.permissions.webdav = True

    found = until_well(inspections, lambda _done: None, lambda names: lacked.append(list(names)), grant)
    assert lacked == [["waiting"]]
    assert [failures(steps) for steps in found.values()] == [[], []]
    again = list(world.requests)[sent[0] :]
    assert sum(one.api == "search" for one in again) == 1


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that quotes what it was sent, in a fault, an OAuth error and a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            word = self.headers.get("Authorization", "").partition(" ")[2]
            said = f"{word} {base64.b64decode(word + '==').decode('latin-1')} {' '.join(SECRETS)}"
            if self.path.endswith("access_token"):
                body = json.dumps({"error": "invalid_client", "error_description": said})
            elif self.path.endswith(".log"):
                body = f"<title>{said}</title>"
            else:
                body = json.dumps({"fault": {"type": said, "message": said}})
            self.send_response(400)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PROPFIND = do_POST  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_job_named_after_a_secret_is_told_without_it(inspect: Inspect, world: World) -> None:
    world.start(f"import-{DEMO_CLIENT_SECRET}").finish()
    said = str(inspect().look())
    assert "of import-***" in said
    assert DEMO_CLIENT_SECRET not in said


@pytest.mark.parametrize("quoting", ["account_manager_host", "server", "webdav_server"])
def test_no_secret_is_in_any_step_whatever_a_server_quotes(
    quoting: str, inspect: Inspect, echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://agent:{SECRETS[2]}@127.0.0.1:9")
    world.account_manager.add_client("planted-client", SECRETS[0])
    file = tmp_path / "key"
    file.write_text(SECRETS[1])
    fields = {"client_id": "planted-client", "client_secret": SECRETS[0], "username": "reader"}
    steps = inspect(**fields, password_file=str(file), **{quoting: echo}).look()
    assert failures(steps)
    said = str(steps)
    for secret in SECRETS:
        assert secret not in said
    for login in (f"planted-client:{SECRETS[0]}", f"reader:{SECRETS[1]}"):
        assert base64.b64encode(login.encode()).decode() not in said
