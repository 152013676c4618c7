"""A real chat server that takes files: a Matrix homeserver, asked afterwards what is in the room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from alerts.channels.library import build
from alerts.model import Attachment, BodyFormat, DeliveryError, DeliveryReason, Notification, NotificationKind
from alerts.render import render
from alerts.testing import incident
from tests.alerts.channels.alertmanager import free_port, wait_for
from tests.alerts.channels.conftest import NOON, Telling

PYTHON = os.environ.get("MATRIX_HOMESERVER", "")
"""Of an environment that has the package matrix-synapse, as .ci/run makes one."""

pytestmark = pytest.mark.skipif(not PYTHON, reason="MATRIX_HOMESERVER names no Python with matrix-synapse")

_FREE = "{per_second: 1000, burst_count: 1000}"
_SETTINGS = """
server_name: localhost
pid_file: {folder}/pid
listeners:
  - port: {port}
    type: http
    bind_addresses: [127.0.0.1]
    resources: [{{names: [client, media]}}]
database: {{name: sqlite3, args: {{database: ":memory:"}}}}
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
report_stats: false
registration_shared_secret: planted
trusted_key_servers: []
suppress_key_server_warning: true
rc_message: {free}
rc_login: {{address: {free}, account: {free}, failed_attempts: {free}}}
"""


@dataclass
class Room:
    """As a member of it sees it."""

    server: str
    id: str
    token: str

    @property
    def address(self) -> str:
        return f"matrix://bot:pw@{self.server.removeprefix('http://')}/%23alerts:localhost"

    def events(self) -> list[dict[str, Any]]:
        """What was said, oldest first."""
        url = f"{self.server}/_matrix/client/v3/rooms/{self.id}/messages?dir=b&limit=100"
        answer = requests.get(url, headers=self._login, timeout=10)
        answer.raise_for_status()
        found = [one["content"] for one in answer.json()["chunk"] if one["type"] == "m.room.message"]
        return found[::-1]

    def file(self, event: dict[str, Any]) -> bytes:
        where = event["url"].removeprefix("mxc://")
        url = f"{self.server}/_matrix/client/v1/media/download/{where}"
        answer = requests.get(url, headers=self._login, timeout=10)
        answer.raise_for_status()
        return answer.content

    @property
    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("matrix"), free_port()
    config = folder / "homeserver.yaml"
    config.write_text(_SETTINGS.format(folder=folder, port=port, free=_FREE))
    command = [PYTHON, "-m", "synapse.app.homeserver", "-c", str(config)]
    subprocess.run([*command, "--generate-keys"], check=True, capture_output=True)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/_matrix/client/versions", folder / "log")
        register = Path(PYTHON).with_name("register_new_matrix_user")
        words = ["-u", "bot", "-p", "pw", "--no-admin", "-k", "planted", url]
        subprocess.run([str(register), *words], check=True, capture_output=True)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def room(server: str) -> Room:
    who = {"type": "m.id.user", "user": "bot"}
    login = {"type": "m.login.password", "identifier": who, "password": "pw"}
    token = _posted(f"{server}/_matrix/client/v3/login", login)["access_token"]
    made = _posted(f"{server}/_matrix/client/v3/createRoom", {"room_alias_name": "alerts"}, token)
    return Room(server, made["room_id"], token)


def _posted(url: str, document: dict[str, Any], token: str = "") -> Any:
    answer = requests.post(url, json=document, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_an_alert_arrives_with_its_log_and_looks_right(room: Room, telling: Telling) -> None:
    target = build("chat", room.address)
    one = replace(incident("3-Import <prices> *x* `y`"), attachments=("log",))
    before = len(room.events())
    target.send(telling(target.capabilities, one))

    events = room.events()[before:]
    (file,) = [event for event in events if event["msgtype"] == "m.file"]
    assert file["body"] == "Job-1.log"
    assert room.file(file) == b"[2026-11-23 11:59:58.123 GMT] ERROR the feed is broken at row 7"
    (text,) = [event for event in events if event["msgtype"] == "m.text"]
    html = text["formatted_body"]
    assert "<pre>[2026-11-23 11:59:58.123 GMT] ERROR the feed is broken at row 7</pre>" in html
    assert "3-Import &lt;prices&gt; *x* `y`" in html
    assert "ERROR the feed is broken at row 7" in text["body"]


def test_the_longest_text_that_is_sent_is_taken(room: Room) -> None:
    target = build("chat", room.address)
    line = "ERROR \N{PILE OF POO} " * 3_000
    log = Attachment("log", "long.log", line.encode(), lines=(line,) * 12)
    one = replace(incident("long"), attachments=("log",), summary="s" * 40_000)
    notification = Notification("id", "k", NotificationKind.FIRST, NOON, NOON, (one,), (one.id,))
    message = render(notification, {"log": log}, target.capabilities)
    assert len(message.body.encode()) > 23_000
    before = len(room.events())
    target.send(message)
    assert [event["msgtype"] for event in room.events()[before:]].count("m.text") == 1


def test_a_wrong_password_is_said_to_be_one(room: Room, telling: Telling) -> None:
    target = build("chat", room.address.replace("bot:pw", "bot:wr0ng"))
    with pytest.raises(DeliveryError) as caught:
        target.send(telling(target.capabilities, incident()))
    assert caught.value.reason is DeliveryReason.CREDENTIALS


def test_whoever_wants_plain_text_gets_it(room: Room) -> None:
    assert build("chat", room.address).capabilities.format is BodyFormat.HTML
    assert build("chat", f"{room.address}?format=text").capabilities.format is BodyFormat.TEXT
