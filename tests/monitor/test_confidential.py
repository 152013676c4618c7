from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from monitor.access import access, masking_by
from monitor.confidential import concealing, secrets_of
from monitor.settings import Settings
from monitor.settings.load import settings_from

INSTANCE = {
    "name": "production",
    "server": "example.com",
    "client_id": "x",
    "client_secret": "planted-secret",
}


def settings(environ: Mapping[str, str] | None = None, **values: Any) -> Settings:
    return settings_from({"instances": [INSTANCE]} | values, environ or {}, "a test").settings


@pytest.mark.parametrize(
    ("values", "secret"),
    [
        pytest.param({}, "planted-secret", id="of an instance"),
        pytest.param(
            {"instances": [INSTANCE | {"webdav": {"username": "u", "password": "planted-key"}}]},
            "planted-key",
            id="of a table below it",
        ),
        pytest.param(
            {"instances": [INSTANCE | {"jwt_cert": "c", "jwt_key": "k", "jwt_passphrase": "planted-word"}]},
            "planted-word",
            id="of a signing key",
        ),
        pytest.param(
            {"instances": [INSTANCE | {"certificate": "c", "certificate_passphrase": "planted-word"}]},
            "planted-word",
            id="of a certificate",
        ),
        pytest.param({"apprise_urls": "json://u:planted-pass@example.com"}, "planted-pass", id="a password"),
        pytest.param(
            {"apprise_urls": "json://u:planted%2Fpass@example.com"}, "planted/pass", id="a quoted one"
        ),
        pytest.param(
            {"apprise_urls": "slack://T1JJ3T3L2abc/A1BRTD4JD/x"}, "T1JJ3T3L2abc", id="in a host's place"
        ),
        pytest.param(
            {"apprise_urls": "json://h/hook/planted-token-012"}, "planted-token-012", id="in a path"
        ),
        pytest.param(
            {"apprise_urls": "json://h/?+X-T=planted-token-012"}, "planted-token-012", id="in a header"
        ),
        pytest.param(
            {"state": "postgresql+psycopg://u:planted-state@db/jobs"}, "planted-state", id="of the state"
        ),
    ],
)
def test_every_secret_of_the_settings_is_known(values: dict[str, Any], secret: str) -> None:
    assert secret in secrets_of(settings(**values), {})


def test_what_is_no_secret_is_not_masked() -> None:
    found = secrets_of(
        settings(apprise_urls="json://user@hooks1.example.com/services/production?x=short"), {}
    )
    for word in ("user", "hooks1.example.com", "services", "production", "short"):
        assert word not in found


def test_secrets_in_files_variables_and_proxies_are_known(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("planted-in-a-file\n")
    instance = {key: value for key, value in INSTANCE.items() if key != "client_secret"}
    found = secrets_of(
        settings(
            instances=[instance | {"client_secret_file": str(file), "ca_file": str(file)}],
            targets=[{"name": "a", "url_env": "CHAT"}, {"name": "b", "url_file": str(tmp_path / "gone")}],
        ),
        {"CHAT": "json://u:planted-in-a-variable@h", "https_proxy": "http://u:planted-of-a-proxy@h:1"},
    )
    assert {"planted-in-a-file", "planted-in-a-variable", "planted-of-a-proxy"} <= found


def test_a_secret_is_known_in_all_its_spellings() -> None:
    secret = 'planted +/="ü'
    found = secrets_of(settings(instances=[INSTANCE | {"client_secret": secret}]), {})
    for spelt in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
        assert spelt in found


@pytest.mark.parametrize(
    ("secret", "masked"),
    [pytest.param("12345", False, id="too short"), pytest.param("123456", True, id="just long enough")],
)
def test_a_word_too_short_would_mask_prose(secret: str, masked: bool) -> None:  # noqa: FBT001 - of the table
    found = secrets_of(settings(instances=[INSTANCE | {"client_secret": secret}]), {})
    assert (secret in found) is masked


def test_a_sentence_of_ours_loses_its_secrets_and_nothing_else() -> None:
    conceal = concealing(settings(), {})
    assert conceal("token: check planted-secret of a@b.example") == "token: check *** of a@b.example"


def test_a_secret_that_was_replaced_in_its_file_is_concealed_too(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the-first-one")
    instance = {key: value for key, value in INSTANCE.items() if key != "client_secret"}
    conceal = concealing(settings(instances=[instance | {"client_secret_file": str(file)}]), {})
    file.write_text("the-second-one")
    assert conceal("the-second-one") == "***"


def test_texts_of_the_platform_are_masked_by_the_users_expressions_and_by_known_secrets() -> None:
    mask = masking_by(settings(redact={"patterns": [r"ACME-\d+", "x*"]}))
    assert mask("order ACME-42 for planted-secret") == ("order *** for ***", 2)


def test_nothing_shows_a_secret_in_its_repr() -> None:
    found = settings(
        apprise_urls="json://u:planted-pass@h", state="postgresql+psycopg://u:planted-state@db/jobs"
    )
    shown = f"{found!r} {found} {access(found.instances[0])!r}"
    assert "example.com" in shown
    assert "planted" not in shown
