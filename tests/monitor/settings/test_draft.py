"""The first settings file is one that the agent takes."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from monitor.settings import Settings
from monitor.settings.draft import Draft, toml_of

FIELDS: dict[str, str | bool] = {
    "server": "production-abcd-acme.demandware.net",
    "client_id": "me",
    "client_secret_file": "/run/secrets/sfcc",
    "timezone": "Europe/Berlin",
    "selfsigned": True,
}


def test_it_holds_the_answers_and_nothing_else() -> None:
    found = tomllib.loads(toml_of(Draft("production", FIELDS)))
    assert found == {"instances": [{"name": "production", **FIELDS}]}


def test_it_is_taken_as_settings() -> None:
    made = Settings.model_validate(tomllib.loads(toml_of(Draft("production", FIELDS, "/run/secrets/chat"))))
    assert [one.name for one in made.instances] == ["production"]
    assert [(one.name, str(one.url_file)) for one in made.targets] == [("ops", "/run/secrets/chat")]


@pytest.mark.parametrize("target", [None, "/run/secrets/chat"])
def test_what_it_offers_in_comments_is_taken_too(target: str | None) -> None:
    text = toml_of(Draft("production", FIELDS, target))
    offered = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if not line.startswith("# ") or line.startswith("# [[") or (" = " in line and ":" not in line[:20])
    )
    made = Settings.model_validate(tomllib.loads(offered))
    assert made.jobs
    assert made.groups
    assert [one.name for one in made.targets] == ["ops"]


@given(some.text(alphabet=some.characters(exclude_categories=["Cs"]), min_size=1))
def test_whatever_is_answered_is_read_as_it_was_given(answer: str) -> None:
    found = tomllib.loads(toml_of(Draft(answer, {"client_id": answer}, answer)))
    assert found["instances"] == [{"name": answer, "client_id": answer}]
    assert found["targets"][0]["url_file"] == answer
