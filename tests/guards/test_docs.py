"""What can be used is written down, and what is written down can be used."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitor.cli import COMMANDS, cli
from monitor.metrics import AgentMetrics, StateCollector


class Leaf(NamedTuple):
    """A command that does something, by its words on the command line."""

    words: str
    command: click.Command


def leaves(group: click.Group, *above: str) -> Iterator[Leaf]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *above, name)
        else:
            yield Leaf(" ".join((*above, name)), command)


LEAVES = list(leaves(cli))
commands = pytest.mark.parametrize("leaf", LEAVES, ids=[one.words for one in LEAVES])

# -- commands --------------------------------------------------------------------------------------


def first_cells(table: str) -> Iterator[str]:
    """Of a Markdown table's rows, without its head."""
    yield from re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[1:]


def commands_named(cell: str) -> Iterator[str]:
    """`config check`, `show`: the second belongs to the first one's group; [ARGUMENTS] are left out."""
    group = ""
    for words in re.findall(r"`([^`]+)`", cell):
        plain = [word for word in words.split() if word.islower()]
        if plain[0] in COMMANDS:
            group = plain[0] if len(plain) > 1 else ""
        yield " ".join(plain if plain[0] in COMMANDS or not group else [group, *plain])


def section(text: str, title: str) -> str:
    """A chapter of a Markdown page, up to the next of its level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no chapter {title!r}"
    return found[1]


def test_the_readme_names_every_command_and_no_other(root: Path) -> None:
    table = section((root / "README.md").read_text(encoding="utf-8"), "Commands")
    named = [words for cell in first_cells(table) for words in commands_named(cell)]
    assert sorted(named) == sorted(leaf.words for leaf in LEAVES)


def test_the_overview_has_a_line_for_every_command() -> None:
    with cli.make_context("sfcc-job-monitor", ["jobs"], terminal_width=100) as context:
        overview = cli.get_help(context)
    for name, (_, _, line) in COMMANDS.items():
        assert re.search(rf"^  {re.escape(name)} +{re.escape(line)}$", overview, re.MULTILINE)


@commands
def test_every_command_says_what_it_does_and_shows_an_example_that_can_be_typed(
    leaf: Leaf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("history.jsonl", "jobs.xml"):  # what opens a file does so before it is run
        (tmp_path / name).touch()
    assert leaf.command.help
    example = leaf.command.epilog or ""
    assert example.startswith("Example")
    typed = shlex.split(example.rpartition(" sfcc-job-monitor ")[2].partition(" > ")[0])
    words = leaf.words.split()
    begin = typed.index(words[0])
    end = begin + len(words)
    assert typed[begin:end] == words
    with (
        cli.make_context("sfcc-job-monitor", typed) as above,  # its own options
        leaf.command.make_context(leaf.words, typed[end:], parent=above) as context,
    ):
        assert not context.args


# -- metrics ---------------------------------------------------------------------------------------


def test_every_metric_is_on_its_page_with_its_type_and_labels_and_no_other_is(root: Path) -> None:
    page = (root / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ?(.*?) ?\| .+ \|$", page, re.MULTILINE)
    assert len(rows) == page.count("\n| `"), "a row is not of the form name, type, labels, meaning"
    written = {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    labels = exported_labels(root)
    assert written == {name: (kind, labels[name]) for name, kind in exported_types().items()}


def exported_types() -> dict[str, str]:
    """Of all families an agent serves, whether they have series yet or not."""
    agent = AgentMetrics(StateCollector(lambda: datetime.now(UTC)), "1.2.3", ())
    page = generate_latest(agent.registry).decode()
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))


def exported_labels(root: Path) -> dict[str, frozenset[str]]:
    """By the reviewed page, on which every family has a series."""
    page = (root / "tests" / "golden" / "metrics.txt").read_text(encoding="utf-8")
    labels: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            name = re.sub("_(bucket|sum|count)$", "", sample.name)
            labels[name] = labels.get(name, frozenset()) | set(sample.labels) - {"le"}
    return labels


# -- links -----------------------------------------------------------------------------------------


def test_what_the_pages_link_to_is_there(root: Path, texts: dict[str, str]) -> None:
    pages = {name: text for name, text in texts.items() if name.endswith(".md")}
    assert "README.md" in pages
    broken = [
        f"{name}: {target}"
        for name, text in pages.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if "://" not in target and not (root / name).parent.joinpath(target.partition("#")[0]).exists()
    ]
    assert broken == []
