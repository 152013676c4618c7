"""A secret is read when it is needed, and is nowhere to be seen otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from monitor.errors import Reason, SfccError
from monitor.settings import Loaded
from monitor.settings.secrets import secret_source

Read = Callable[..., Loaded]

PLANTED = "planted-secret"
FULL = f"""
state = "postgresql+psycopg://user:{PLANTED}@db.example/monitor?sslpassword={PLANTED}&sslmode=require"
apprise_urls = ["json://{PLANTED}@a.example"]

[[instances]]
name = "production"
server = "production-realm-customer.demandware.net"
client_id = "id"
client_secret = "{PLANTED}"
password = "{PLANTED}"
[instances.ocapi]
client_id = "other"
client_secret = "{PLANTED}"
[instances.webdav]
username = "user"
password = "{PLANTED}"

[[targets]]
name = "ops"
url = "slack://{PLANTED}"
"""


def test_no_secret_is_in_anything_that_shows_settings(read: Read) -> None:
    loaded = read(FULL)
    settings = loaded.settings
    shown = [
        repr(loaded),
        str(settings),
        repr(settings.instances[0]),
        str(settings.model_dump()),
        str(settings.model_dump(mode="json")),
        settings.model_dump_json(),
    ]
    assert [text for text in shown if PLANTED in text] == []


def test_who_needs_a_secret_gets_it(read: Read) -> None:
    settings = read(FULL).settings
    assert settings.state.startswith(f"postgresql+psycopg://user:{PLANTED}@db.example")
    instance = settings.instances[0]
    for source in (
        instance.secret("client secret"),
        instance.access_key("access key"),
        instance.ocapi.secret("client secret"),
        instance.webdav.access_key("access key"),
    ):
        assert source is not None
        assert source() == PLANTED
    assert instance.webdav.secret("client secret") is None


def test_the_state_is_shown_without_its_password(read: Read) -> None:
    assert (
        read(FULL).settings.model_dump()["state"]
        == "postgresql+psycopg://user:***@db.example/monitor?sslmode=require"
    )
    assert (
        read('state = "sqlite:////var/x.sqlite"').settings.model_dump()["state"] == "sqlite:////var/x.sqlite"
    )


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old\n", encoding="utf-8")
    source = secret_source("client secret of production", None, path)
    assert source is not None
    assert source() == "old"
    path.write_text("new", encoding="utf-8")
    assert source() == "new"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            None,
            "the client secret of production cannot be read from {path}: No such file or directory; "
            "mend the file or its permissions",
            id="no file",
        ),
        pytest.param(
            b"\xff",
            "the client secret of production cannot be read from {path}: it is not UTF-8 text; "
            "mend the file or its permissions",
            id="not text",
        ),
        pytest.param(b" \n", "the client secret of production in {path} is empty", id="empty"),
    ],
)
def test_a_secret_that_cannot_be_read_makes_its_instance_blind_for_now(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    source = secret_source("client secret of production", None, path)
    assert source is not None
    with pytest.raises(SfccError) as caught:
        source()
    assert str(caught.value) == message.format(path=path)
    assert (caught.value.reason, caught.value.retryable) == (Reason.CREDENTIALS, True)


def test_no_secret_is_no_source() -> None:
    assert secret_source("client secret", None, None) is None
    given = secret_source("client secret", SecretStr(PLANTED), None)
    assert given is not None
    assert given() == PLANTED
