"""Secrets: given in place or in a file, read when they are needed, hidden everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from monitor.errors import Reason, SfccError

SecretSource = Callable[[], str]


def secret_source(what: str, value: SecretStr | None, path: Path | None) -> SecretSource | None:
    """A function that gives the secret; it raises `SfccError` when the file cannot be read.

    A file is read anew at each call: whoever rotates secrets replaces files under running programs.
    Those of the same value or file are equal.
    """
    if path is not None:
        return _FileOfSecret(what, path)
    if value is not None:
        return value.get_secret_value
    return None


@dataclass(frozen=True, slots=True)
class _FileOfSecret:
    what: str
    path: Path

    def __call__(self) -> str:
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SfccError(
                Reason.CREDENTIALS,
                f"the {self.what} cannot be read from {self.path}: {reason}; "
                "mend the file or its permissions",
                retryable=True,
            ) from error
        if not text:
            raise SfccError(Reason.CREDENTIALS, f"the {self.what} in {self.path} is empty", retryable=True)
        return text
