"""Secrets as this room gets them: functions that give them, called when they are needed.

Whether one has changed is told by a salted hash: nothing keeps a secret to compare it with.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from monitor.errors import Reason, SfccError

Secret = Callable[[], str]


def read_secret(secret: Secret, what: str) -> str:
    """A secret that may come from a file, which may be gone; raises `SfccError`."""
    try:
        return secret()
    except OSError as error:
        raise SfccError(Reason.CREDENTIALS, f"the {what} cannot be read: {error.strerror}") from error


def fingerprint(salt: bytes, *parts: bytes) -> bytes:
    """The same for the same parts and salt, and of no use to anybody else. `salt`: 16 bytes."""
    hashed = blake2b(key=salt, digest_size=16)
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.digest()
