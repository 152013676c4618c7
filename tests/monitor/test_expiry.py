from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from monitor.expiry import READ_AGAIN, Expiry, endings
from monitor.settings import InstanceSettings
from monitor.settings.model import Credentials


def instance(**fields: Any) -> InstanceSettings:
    known: dict[str, Any] = {"name": "production", "server": "a.example", "client_id": "c"}
    return InstanceSettings(**known | {"client_secret": SecretStr("s")} | fields)


def test_a_secret_ends_when_the_settings_say_each_in_its_table() -> None:
    own = Credentials(client_id="w", client_secret=SecretStr("t"), expires=date(2027, 1, 31))
    found = dict(endings(instance(expires=date(2027, 6, 30), webdav=own)))
    assert found == {
        "secret": datetime(2027, 6, 30, tzinfo=UTC),
        "webdav.secret": datetime(2027, 1, 31, tzinfo=UTC),
    }


def test_of_a_certificate_that_cannot_be_read_no_end_is_known(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    settings = instance(certificate=tmp_path / "gone.p12", jwt_cert=broken, jwt_key=broken)
    assert dict(endings(settings)) == {}


def test_files_are_read_once_an_hour(tmp_path: Path) -> None:
    now = 0.0
    expiry = Expiry(instance(certificate=tmp_path / "gone.p12"), lambda: now)
    first = expiry()
    now = READ_AGAIN - 1
    assert expiry() is first
    now = READ_AGAIN
    assert expiry() is not first
