"""When what an instance is logged in to with ends: certificates by themselves, secrets as the settings say.

Reads files, and not often: opening a certificate takes a while. One that cannot be read is no matter of
this room: whoever logs in with it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path

from cryptography import x509

from monitor.errors import SfccError
from monitor.settings import InstanceSettings
from monitor.settings.credentials import OWN_TABLES
from monitor.settings.model import Credentials
from monitor.sfcc.login.certificate import ClientCertificate

READ_AGAIN = 3600.0
"""Seconds."""


class Expiry:
    """Of one instance: name in the settings -> when it ends."""

    def __init__(self, instance: InstanceSettings, monotonic: Callable[[], float]) -> None:
        self._instance = instance
        self._monotonic = monotonic
        self._read_at: float | None = None
        self._known: dict[str, datetime] = {}

    def __call__(self) -> Mapping[str, datetime]:
        now = self._monotonic()
        if self._read_at is None or now - self._read_at >= READ_AGAIN:
            self._read_at = now
            self._known = dict(endings(self._instance))
        return self._known


def endings(instance: InstanceSettings) -> Iterator[tuple[str, datetime]]:
    yield from _of_table("", instance, f"certificate_passphrase of {instance.name}")
    for name in OWN_TABLES:
        yield from _of_table(f"{name}.", getattr(instance, name), f"certificate_passphrase of {name}")


def _of_table(place: str, table: Credentials, what: str) -> Iterator[tuple[str, datetime]]:
    if table.expires is not None:
        yield f"{place}secret", datetime.combine(table.expires, time(), UTC)
    if table.certificate is not None:
        shown = ClientCertificate(table.certificate, table.passphrase(what))
        if (ends := _of_pkcs12(shown)) is not None:
            yield f"{place}certificate", ends
    if table.jwt_cert is not None and (ends := _of_pem(table.jwt_cert)) is not None:
        yield f"{place}jwt_cert", ends


def _of_pkcs12(certificate: ClientCertificate) -> datetime | None:
    try:
        return certificate.ends()
    except SfccError:
        return None


def _of_pem(path: Path) -> datetime | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
