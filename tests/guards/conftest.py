"""The tree as it stands: its root, and the files that belong to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """The text files of the repository by their path in it: those tracked, and those that soon will be."""
    try:
        listed = subprocess.run(
            # Whoever runs the tests need not be who owns the checkout.
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NO GIT CHECKOUT: the files of the repository were not looked through ({error})")
    found = {name: _text(ROOT / name) for name in listed.split("\0") if name}
    return {name: text for name, text in found.items() if text is not None}


def _text(path: Path) -> str | None:
    """None for a file that is gone, or is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        return None
