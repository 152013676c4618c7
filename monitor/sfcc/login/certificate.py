"""A certificate of this side, for hosts that let nobody in without one: staging's, for instance.

Knows PKCS#12 and TLS contexts; knows no host. The one trap: the TLS library takes a key from a file only.
What is written there is encrypted with a word nobody else knows, readable by this user alone, and gone at
once.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)

from monitor.errors import Reason, SfccError
from monitor.sfcc.login.secret import Secret, fingerprint, read_secret


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A PKCS#12 file (.p12, .pfx) with its key. Both are read when they are needed."""

    path: Path
    passphrase: Secret | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[Callable[[], object], ...]:
        return (self.ends,)

    def ends(self) -> datetime:
        """When it does; raises `SfccError`."""
        _, chain = self._parsed(*self._read())
        return chain[0].not_valid_after_utc

    def contexts(self, new: Callable[[], ssl.SSLContext]) -> Callable[[], ssl.SSLContext]:
        """Gives a context with the certificate: the same one until the file or its passphrase changes.

        new: a context without it. Raises `SfccError`.
        """
        made: dict[bytes, ssl.SSLContext] = {}
        salt = secrets.token_bytes(16)

        def current() -> ssl.SSLContext:
            data, passphrase = self._read()
            mark = fingerprint(salt, data, passphrase.encode())
            if mark not in made:
                context = new()
                _load(context, *self._parsed(data, passphrase))
                made.clear()
                made[mark] = context
            return made[mark]

        return current

    def _read(self) -> tuple[bytes, str]:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise _unusable(f"the client certificate {self.path} cannot be read: {error.strerror}") from error
        passphrase = read_secret(self.passphrase, "certificate_passphrase") if self.passphrase else ""
        return data, passphrase

    def _parsed(self, data: bytes, passphrase: str) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
        try:
            found = pkcs12.load_pkcs12(data, passphrase.encode() or None)
        except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
            why = "certificate_passphrase is not its passphrase, or it is no PKCS#12 file (.p12, .pfx)"
            if not passphrase:
                why = "it needs a certificate_passphrase, or is no PKCS#12 file (.p12, .pfx)"
            raise _unusable(f"the client certificate {self.path} cannot be opened: {why}") from error
        if found.key is None or found.cert is None:
            raise _unusable(
                f"the client certificate {self.path} lacks its key or its certificate: export both together"
            )
        return found.key, [found.cert.certificate, *(one.certificate for one in found.additional_certs)]


def _load(context: ssl.SSLContext, key: PrivateKeyTypes, chain: list[x509.Certificate]) -> None:
    word = secrets.token_hex(32)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(word.encode()))
    pem += b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    handle, name = tempfile.mkstemp(prefix="sfcc-job-monitor-")  # made with 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        context.load_cert_chain(name, password=word)
    finally:
        Path(name).unlink(missing_ok=True)


def _unusable(text: str) -> SfccError:
    return SfccError(Reason.CREDENTIALS, text)
