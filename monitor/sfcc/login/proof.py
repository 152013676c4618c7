"""How an API client proves who it is to Account Manager: by a secret, or by a key it signs with.

Knows the forms of both and what may be tried when one is refused; sends nothing. Another try is made only
where something differs: the secret was replaced under us, the client may be set to take it in the body, or
the server's clock proved to be another.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote_plus
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.login.authorization import BasicAuth, BodyAuth
from monitor.sfcc.login.secret import Secret, fingerprint, read_secret

SecretPlace = Literal["header", "body"]
"""`client_secret_basic` and `client_secret_post`, in Account Manager's words."""

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = 60  # seconds; as the official command line has it
CLOCKS_DIFFER = timedelta(seconds=20)  # of an assertion's life, which the server judges by its own clock
BEGINNING = datetime.min.replace(tzinfo=UTC)
API_CLIENT = "in Account Manager > API Client"


class Proof(Protocol):
    """Two ways: `BySecret` and `ByKey`. Not to be used by two threads at once."""

    def auth(self, token_url: str, now: datetime) -> AuthBase:
        """For the next try; `now` by the server's clock. Raises `SfccError`."""
        ...

    def refused(self, now: datetime) -> bool:
        """Told that the last try was: whether another would be a different one."""
        ...

    def remedy(self, now: datetime) -> str:
        """What to check when it was refused for good."""
        ...


class BySecret:
    """place: where the client is set to take its secret from; None: found out."""

    def __init__(self, client_id: str, secret: Secret, place: SecretPlace | None = None) -> None:
        self._client_id = client_id
        self._secret = secret
        self._is_open = place is None
        self._place: SecretPlace = place or "header"
        self._in_vain: set[SecretPlace] = set()
        self._salt = secrets.token_bytes(16)
        self._mark = b""

    def auth(self, token_url: str, now: datetime) -> AuthBase:  # noqa: ARG002 - a secret is good anywhere
        secret, mark = self._read()
        if mark != self._mark:
            self._mark = mark
            self._in_vain.clear()
        if self._place == "body":
            return BodyAuth({"client_id": self._client_id, "client_secret": secret})
        # RFC 6749 2.3.1: each part is form-encoded first; a secret with + or % fails otherwise.
        return BasicAuth(quote_plus(self._client_id), quote_plus(secret))

    def refused(self, now: datetime) -> bool:  # noqa: ARG002 - as above
        if self._read()[1] != self._mark:
            return True
        if not self._is_open:
            return False
        self._in_vain.add(self._place)
        self._place = "body" if self._place == "header" else "header"
        return self._place not in self._in_vain

    def remedy(self, now: datetime) -> str:  # noqa: ARG002 - as above
        method = "client_secret_post" if self._place == "body" else "client_secret_basic"
        if self._is_open:
            method = "client_secret_basic or client_secret_post"
        return (
            f"check client_id and client_secret, and {API_CLIENT} that it is enabled, has this secret, and "
            f"its Token Endpoint Auth Method is {method}"
        )

    def _read(self) -> tuple[str, bytes]:
        secret = read_secret(self._secret, "client secret")
        return secret, fingerprint(self._salt, secret.encode())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the certificate that Account Manager has of it, as PEM files; read when needed."""

    key: Path
    certificate: Path
    passphrase: Secret | None = field(default=None, repr=False)

    def read(self) -> tuple[RSAPrivateKey, bytes]:
        """The key, and the file's content for comparison; raises `SfccError`."""
        data = _content(self.key, "jwt_key")
        word = read_secret(self.passphrase, "jwt_passphrase") if self.passphrase else ""
        key = self._parsed(data, word)
        if not isinstance(key, RSAPrivateKey):
            raise _unusable(f"the jwt_key {self.key} is no RSA key: Account Manager takes RS256")
        return key, data

    def check(self) -> None:
        """Raises `SfccError` where key and certificate cannot be used, as far as that shows here."""
        if trouble := self.trouble(BEGINNING):
            raise _unusable(trouble)

    def trouble(self, now: datetime) -> str:
        """What is wrong with the certificate, as a sentence; empty when nothing shows."""
        key, _ = self.read()
        try:
            found = x509.load_pem_x509_certificate(_content(self.certificate, "jwt_cert"))
        except ValueError:
            return f"the jwt_cert {self.certificate} is no certificate (PEM, BEGIN CERTIFICATE)"
        if found.public_key() != key.public_key():
            return f"the jwt_cert {self.certificate} is not that of the jwt_key {self.key}"
        if found.not_valid_after_utc <= now:
            return f"the jwt_cert {self.certificate} ended on {found.not_valid_after_utc:%Y-%m-%d}"
        return ""

    def _parsed(self, data: bytes, word: str) -> object:
        try:
            return load_pem_private_key(data, word.encode() or None)
        except TypeError as error:
            if word:  # given for a key that needs none
                return self._parsed(data, "")
            text = f"the jwt_key {self.key} is encrypted: give jwt_passphrase or jwt_passphrase_file"
            raise _unusable(text) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            why = "jwt_passphrase is not its passphrase, or it is" if word else "it is"
            text = f"the jwt_key {self.key} cannot be used: {why} no private key (PEM, BEGIN PRIVATE KEY)"
            raise _unusable(text) from error


class ByKey:
    """By an assertion of its own, signed: RFC 7523, `private_key_jwt`."""

    def __init__(self, client_id: str, key: SigningKey) -> None:
        self._client_id = client_id
        self._key = key
        self._tried: tuple[bytes, datetime] | None = None

    def auth(self, token_url: str, now: datetime) -> AuthBase:
        key, data = self._key.read()
        self._tried = data, now
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": token_url,
            "exp": int(now.timestamp()) + ASSERTION_LIFE,
            "jti": uuid4().hex,
        }
        assertion = jwt.encode(claims, key, algorithm="RS256")
        return BodyAuth({"client_assertion_type": ASSERTION, "client_assertion": assertion})

    def refused(self, now: datetime) -> bool:
        data, then = self._tried or (b"", now)
        return abs(now - then) > CLOCKS_DIFFER or self._key.read()[1] != data

    def remedy(self, now: datetime) -> str:
        trouble = self._key.trouble(now)
        return (f"{trouble}; " if trouble else "") + (
            f"check client_id and jwt_key, and {API_CLIENT} that it is enabled, its Token Endpoint Auth "
            "Method is private_key_jwt and jwt_cert is among its certificates"
        )


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(f"the {what} {path} cannot be read: {error.strerror}") from error


def _unusable(text: str) -> SfccError:
    return SfccError(Reason.CREDENTIALS, text)
