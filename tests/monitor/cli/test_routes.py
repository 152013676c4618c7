"""`routes test`: where an alert would go, why not elsewhere, and which instance can reach which target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.monitor.cli.conftest import Say

SETTINGS = """
[[instances]]
name = "acme"
server = "production-realm-acme.demandware.net"
client_id = "id"
client_secret = "secret"
labels = { customer = "acme" }

[[instances]]
name = "zeta"
server = "production-realm-zeta.demandware.net"
client_id = "id"
client_secret = "secret"
labels = { customer = "zeta" }

[[jobs]]
match = "3-*"
owner = "pim-team"

[[targets]]
name = "acme-chat"
url = "json://127.0.0.1:9/a"

[[targets]]
name = "zeta-chat"
url = "json://127.0.0.1:9/z"

[[targets]]
name = "pim"
url = "json://127.0.0.1:9/p"

[[routes]]
match = { owner = "pim-team", instance = "acme" }
targets = ["pim"]
continue = true

[[routes]]
match = { customer = "acme" }
targets = ["acme-chat"]

[[routes]]
name = "zeta's criticals"
match = { customer = "zeta", severity = "critical" }
targets = ["zeta-chat"]

[[routes]]
name = "nobody"
targets = []
"""


@pytest.fixture
def settings(bare: Path) -> Path:
    path = bare / "sfcc-job-monitor.toml"
    path.write_text(SETTINGS)
    return path


@pytest.mark.usefixtures("settings")
def test_every_route_says_whether_it_takes_it_and_why(say: Say) -> None:
    found = say("routes", "test", "--job", "3-1-1 Import", "--instance", "acme", "-o", "json")
    answer = json.loads(found.out)
    assert found.code == 0
    assert answer["known"]["owner"] == ["pim-team"]
    assert [(one["route"], one["takes"], one["targets"]) for one in answer["routes"]] == [
        ("pim", True, ["pim"]),
        ("acme-chat", True, ["acme-chat"]),
        ("zeta's criticals", False, ["zeta-chat"]),
        ("nobody", False, []),
        ("default", False, ["acme-chat", "zeta-chat", "pim"]),
    ]
    assert answer["routes"][2]["why"] == "a route above took it, and does not continue"


@pytest.mark.usefixtures("settings")
def test_a_person_reads_who_is_told(say: Say) -> None:
    found = say("routes", "test", "--job", "3-1-1 Import", "--instance", "acme")
    assert found.out.endswith("\ntold: pim, acme-chat\n")


@pytest.mark.usefixtures("settings")
def test_that_nobody_is_told_is_not_well(say: Say) -> None:
    found = say("routes", "test", "--instance", "zeta", "--condition", "slow", "--severity", "warning")
    assert found.code == 1
    assert "severity does not match" in " ".join(found.out.split())
    assert found.out.endswith("\ntold: nobody\n")


@pytest.mark.usefixtures("settings")
def test_the_matrix_says_which_instance_reaches_which_target(say: Say) -> None:
    found = say("routes", "test", "--matrix", "-o", "json")
    assert (found.code, json.loads(found.out)) == (0, {"acme": ["pim", "acme-chat"], "zeta": ["zeta-chat"]})


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("--job x", "several instances are set (acme, zeta): choose with --instance"),
        ("--instance beta", "there is no instance 'beta' (--instance); known are acme, zeta"),
        ("--instance acme --condition fail", "there is no condition 'fail' (--condition); known are"),
    ],
)
def test_a_wrong_question_is_answered_with_the_right_ones(say: Say, words: str, error: str) -> None:
    found = say("routes", "test", *words.split())
    assert found.code == 2
    assert found.err.startswith(f"error: {error}")


def test_with_isolate_by_no_target_may_hear_of_two(say: Say, settings: Path) -> None:
    settings.write_text('isolate_by = "customer"\n' + SETTINGS)
    assert say("routes", "test", "--matrix").code == 0
    assert say("config", "check").code == 0

    mixed = SETTINGS.replace('name = "nobody"\ntargets = []', 'targets = ["pim"]')
    settings.write_text('isolate_by = "customer"\n' + mixed)
    for command in ("routes test --matrix", "config check"):
        found = say(*command.split())
        assert found.code in {1, 2}
        assert (
            "target pim: isolate_by = 'customer', and it could hear of acme (customer acme) and of "
            "zeta (customer zeta); narrow the match of its routes"
        ) in found.out + found.err


def test_with_isolate_by_every_instance_needs_the_label(say: Say, settings: Path) -> None:
    settings.write_text('isolate_by = "customer"\n' + SETTINGS.replace('labels = { customer = "zeta" }', ""))
    found = say("routes", "test", "--matrix")
    assert found.code == 2
    assert "instance zeta: isolate_by = 'customer' needs labels.customer" in found.err
