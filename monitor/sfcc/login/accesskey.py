"""A user with a WebDAV access key, which the platform locks after six wrong tries.

So a key that was refused is tried no more, by nobody, until it is another one; and before it has proven good,
one reader at a time uses it. What is remembered of a refused key is a slow salted hash, so that it may be
kept where others can read it; where it is kept is the caller's (`RefusedKeys`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.login.authorization import BasicAuth
from monitor.sfcc.login.secret import Secret, fingerprint, read_secret

COST, BLOCK, LANES = 2**15, 8, 1  # of scrypt: a tenth of a second and 32 MB for each guess
MEMORY = 64 * 1024 * 1024
HASH = "scrypt"


class RefusedKeys(Protocol):
    """Remembers for each user which key was refused last: in memory, or in the state."""

    def load(self, user: str) -> str | None:
        """What was saved last; None where nothing was, or it cannot be read."""
        ...

    def save(self, user: str, mark: str) -> None:
        """Does not raise: what cannot be kept is remembered by who asks for as long as that runs."""
        ...


class InMemory:
    """For those who have no state."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def load(self, user: str) -> str | None:
        return self._marks.get(user)

    def save(self, user: str, mark: str) -> None:
        self._marks[user] = mark


class PasswordLogin:
    """One for each user of an instance, shared by threads."""

    def __init__(self, user: str, password: Secret, refused_keys: RefusedKeys | None = None) -> None:
        self.user = user
        self._password = password
        self._kept: RefusedKeys = InMemory() if refused_keys is None else refused_keys
        self._salt = secrets.token_bytes(16)
        self._refused: bytes | None = None
        self._allowed: bytes | None = None
        self._proven: bytes | None = None
        self._first = threading.Lock()

    def auth(self) -> BasicAuth:
        key = self._key()
        mark = self._mark(key)
        if mark not in {self._refused, self._allowed}:
            was_refused = is_of(self._kept.load(self.user), key)
            self._refused, self._allowed = (mark, None) if was_refused else (None, mark)
        if mark == self._refused:
            raise SfccError(
                Reason.CREDENTIALS,
                f"the access key of {self.user} was refused and is not tried again, because six wrong tries "
                "lock it: set a new one (password), made in Business Manager under the user's access keys",
            )
        return BasicAuth(self.user, key)

    def accepted(self, auth: AuthBase) -> None:
        del auth
        self._proven = self._allowed

    def refused(self, auth: AuthBase, *, has_ended: bool = False) -> bool:
        """Whether the key was replaced while it was tried: then the new one has a try of its own."""
        del has_ended  # no server tells a wrong key from one that has ended
        key = self._key()
        if not isinstance(auth, BasicAuth) or not auth.is_of(self.user, key):
            return True
        self._refused, self._proven = self._mark(key), None
        self._kept.save(self.user, mark_of(key))
        return False

    @contextmanager
    def turn(self) -> Iterator[None]:
        if self._proven is not None and self._proven == self._allowed:
            yield
            return
        with self._first:
            yield

    def _key(self) -> str:
        return read_secret(self._password, "WebDAV access key")

    def _mark(self, key: str) -> bytes:
        return fingerprint(self._salt, key.encode())


def mark_of(key: str) -> str:
    """What may be kept of a key: enough to know it again, and slow to guess it by."""
    salt = secrets.token_bytes(16)
    return f"{HASH}${salt.hex()}${_slow(key, salt).hex()}"


def is_of(mark: str | None, key: str) -> bool:
    """Whether that was made of this key; no where it cannot be read."""
    kind, _, rest = (mark or "").partition("$")
    salt, _, digest = rest.partition("$")
    try:
        known = bytes.fromhex(digest)
        return kind == HASH and hmac.compare_digest(known, _slow(key, bytes.fromhex(salt)))
    except ValueError:
        return False


def _slow(key: str, salt: bytes) -> bytes:
    return hashlib.scrypt(key.encode(), salt=salt, n=COST, r=BLOCK, p=LANES, maxmem=MEMORY, dklen=32)
