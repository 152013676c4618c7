"""Stories of one night each, told to `replay` as other tools print executions, and every line that it says.

What is expected stands in `replay_cases.txt`, derived from what each condition means, on both sides of its
threshold.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.history.transfer import document
from tests.e2e.harness import command
from tests.monitor.detect.conftest import NIGHT, runs

CASES = Path(__file__).with_name("replay_cases.txt")
FRAME = "frame"
"""The job whose two runs of a second are the beginning and the end of what is covered."""


@dataclass
class Case:
    """tables: of the settings, by their names."""

    name: str
    instance: str
    tables: list[tuple[str, str]] = field(default_factory=list)
    runs: str = ""
    end: str = ""
    said: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        word, _, rest = line.partition(": ")
        if word == "runs":
            self.runs = rest
        elif word == "end":
            self.end = rest
        elif not line.startswith(" "):
            self.tables.append((word, rest))
        elif line.startswith("         "):
            self.runs += f" {line.strip()}"
        elif line.strip() != "nothing":
            self.said.append(line.strip())

    def settings(self) -> Iterator[str]:
        own = dict(self.tables).get("instances", "")
        kind = "" if "type = " in own else 'type = "production"'
        yield from ("[[instances]]", f'name = "{self.instance}"', f'server = "{self.instance}.example.com"')
        yield from ('client_id = "monitor"', 'client_secret = "of nobody"', kind, *own.split("; "))
        for table, fields in self.tables:
            if table != "instances":
                name = f'name = "of {self.instance}"' if table == "groups" else ""
                yield from (f"[[{table}]]", f'instance = "{self.instance}"', name, *fields.split("; "))

    def documents(self) -> Iterator[dict[str, Any]]:
        framed = f"{FRAME} 0:00-0:00:01, {self.runs}, {FRAME} {self.end}-{self.end}:01"
        return (document(replace(run, instance=self.instance)) for run in runs(framed))


def read() -> list[Case]:
    cases: list[Case] = []
    for line in CASES.read_text().splitlines():
        if line.startswith("== "):
            cases.append(Case(line.removeprefix("== "), f"case-{len(cases)}"))
        elif cases and line and not line.startswith("# "):
            cases[-1].take(line)
    return cases


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """By instance."""
    place = tmp_path_factory.mktemp("replay")
    settings, history = place / "monitor.toml", place / "history.jsonl"
    cases = read()
    settings.write_text("\n".join(line for case in cases for line in case.settings()))
    history.write_text(
        "".join(f"{json.dumps(one, default=str)}\n" for case in cases for one in case.documents())
    )
    arguments = ("--config", str(settings), "replay", "--from", str(history), "-o", "json")
    done = command({"HOME": str(place)}, *arguments)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        if line["jobs"] != [FRAME]:
            found[line["sfcc_instance"]].append(shown(line))
    return found


def shown(line: dict[str, Any]) -> str:
    job = line["job_id"] or "-"
    site = "" if line["scope"] in {"", "Organization"} else f"@{line['scope']}"
    said = f"{line['action']} {line['condition']} {line['severity']} {job}{site}"
    return f"{hours(line['at'])} {said} of {hours(line['since'])}"


def hours(instant: str) -> str:
    minutes, seconds = divmod(int((datetime.fromisoformat(instant) - NIGHT).total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in read()])
def test_what_is_said_of_a_night(told: dict[str, list[str]], case: Case) -> None:
    assert told.get(case.instance, []) == case.said
