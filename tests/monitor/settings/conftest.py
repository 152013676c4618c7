"""Settings as they are read: a file in a directory of its own, and an environment that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from monitor.errors import SettingsError
from monitor.settings import Loaded, load

Read = Callable[..., Loaded]
Refused = Callable[..., list[str]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The settings of a file's text and an environment; without a text there is no file."""

    def read(text: str | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
        if text is not None:
            (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        return load(None if text is None else "settings.toml", environ or {}, tmp_path)

    return read


@pytest.fixture
def refused(read: Read, tmp_path: Path) -> Refused:
    """The lines that are printed instead, without the directory of the file."""

    def refused(text: str | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            read(text, environ)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return refused
