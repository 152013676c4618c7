"""What is installed is the agent and nothing else, from locked versions; no file names anybody's machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from monitor import __version__

LOCKS = ("build", "dev", "runtime")

# Each expression is written so that it does not find itself.
REGISTRIES = re.compile(
    r"py[p]i\.(?:org|python)|pythonhosted\.[o]rg|registry\.(?:npmjs|yarnpkg|terraform)|anaconda\.[o]rg"
    r"|docker\.i[o]\b|\b(?:ghcr|quay|gcr)\.i[o]\b|\.(?:jfrog\.i[o]|pkg\.d[e]v)\b|\bgolang\.[o]rg|\bcrates\.i[o]\b"
    r"|repo\d?\.maven|--[e]xtra-index|--[i]ndex-url|--[t]rusted-host|--[f]ind-links|_[I]NDEX_URL",
    re.IGNORECASE,
)
MACHINE_PATHS = re.compile(r"(?<![\w.~*>-])/(?:work|home|root|Users|tmp|private|mnt)/[\w.-]")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as an installer would, but without asking anybody for the builder."""
    directory = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (file,) = directory.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


def pins(lock: str) -> list[str]:
    """The entries of a lock file: a requirement with the lines that belong to it."""
    plain = re.sub(r"^\s*#.*\n", "", lock, flags=re.MULTILINE)
    return [" ".join(entry.split()) for entry in plain.replace("\\\n", " ").splitlines() if entry.strip()]


def test_the_wheel_holds_the_two_packages_and_nothing_else(root: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(root)) for name in ("monitor", "alerts") for path in (root / name).rglob("*.py")
    }
    assert found == expected
    assert any(name.startswith("monitor/history/migrations/versions/0001") for name in found)


def test_the_wheel_says_what_it_is_in_its_own_words(root: Path, unpacked: Path) -> None:
    (about,) = unpacked.glob("*.dist-info")
    headers = HeaderParser().parsestr((about / "METADATA").read_text(encoding="utf-8"))
    assert (headers["Name"], headers["Version"]) == ("sfcc-job-monitor", __version__)
    assert headers["License-Expression"] == "Apache-2.0"
    assert "sfcc-job-monitor = monitor.cli:main" in (about / "entry_points.txt").read_text(encoding="utf-8")
    assert (about / "licenses" / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()


MAKE_A_STATE_AND_LOOK = """
import sys
import monitor
from monitor.cli import main
from monitor.history.engine import open_state, prepare

print(monitor.__file__)
engine = open_state(sys.argv[1])
prepare(engine)
engine.dispose()
main(["jobs", "-o", "json"])
"""


def test_what_is_in_the_wheel_runs_by_itself(unpacked: Path, tmp_path: Path) -> None:
    """Also the part of it that is found by path, not by import: the migrations make a new state."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SFCC_", "APPRISE_"))}
    state = f"sqlite:///{tmp_path / 'state.sqlite'}"
    found = subprocess.run(
        [sys.executable, "-P", "-c", MAKE_A_STATE_AND_LOOK, state],
        cwd=tmp_path,
        env=plain | {"PYTHONPATH": str(unpacked), "SFCC_MONITOR_STATE": state},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.stdout.splitlines() == [str(unpacked / "monitor" / "__init__.py"), "[]"], found.stderr


def test_the_version_stands_in_one_place(root: Path, texts: dict[str, str]) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    literal = re.compile(rf"(?<![\w.=]){re.escape(__version__)}(?![\w.])")
    may_say_it = {"monitor/__init__.py", "CHANGELOG.md"}
    said = {name for name, text in texts.items() if name not in LOCK_FILES and literal.search(text)}
    assert said - may_say_it == set()
    assert "monitor/__init__.py" in said


LOCK_FILES = {f"requirements/{name}.txt" for name in LOCKS}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_version_with_its_hashes(root: Path, name: str) -> None:
    entries = pins((root / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))
    assert entries
    form = re.compile(
        r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+( ; [\w ._'\"<>=!()]+?)?( --hash=sha256:[0-9a-f]{64})+"
    )
    assert [entry for entry in entries if not form.fullmatch(entry)] == []


def test_what_is_developed_with_is_what_is_run(root: Path) -> None:
    runtime, dev = (
        {
            entry.partition(" ")[0]
            for entry in pins((root / "requirements" / f"{name}.txt").read_text(encoding="utf-8"))
        }
        for name in ("runtime", "dev")
    )
    assert runtime - dev == set()


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(REGISTRIES, id="a package registry"),
        pytest.param(MACHINE_PATHS, id="a path of one machine"),
    ],
)
def test_no_file_names(pattern: re.Pattern[str], texts: dict[str, str]) -> None:
    named = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert named == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "https://pypi.{}/simple"),
        (REGISTRIES, "files.pythonhosted.{}"),
        (REGISTRIES, "pip install --index-{} x"),
        (MACHINE_PATHS, "see /{}/main"),
        (MACHINE_PATHS, '"/{}/x"'),
    ],
)
def test_what_is_looked_for_would_be_found(pattern: re.Pattern[str], line: str) -> None:
    assert any(pattern.search(line.format(word)) for word in ("org", "url", "home"))
