"""The official command line's dw.json, read as that reads it; the environment wins over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.settings import Loaded
from monitor.settings.outside import found_outside

Read = Callable[..., Loaded]
Refused = Callable[..., list[str]]

ONE = {
    "hostname": "zzxy-001.dx.commercecloud.salesforce.com",
    "client-id": "id",
    "client-secret": "top-secret",
}
DEV = {"name": "dev", "hostname": "dev.example", "client-id": "dev-id", "client-secret": "a"}
STAGING = {"name": "staging", "hostname": "staging.example", "client-id": "staging-id", "client-secret": "b"}
BROKEN = "not valid JSON: Expecting property name enclosed in double quotes (line 1)"
INSTANCES = '[[instances]]\nname = "x"\nserver = "a.example"\nclient_id = "id"\nclient_secret = "y"\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(content: Any, name: str = "dw.json") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def shown(loaded: Loaded) -> dict[str, Any]:
    (instance,) = loaded.settings.instances
    return instance.model_dump(mode="json", exclude_defaults=True)


@pytest.mark.parametrize("style", ["kebab", "camel"])
def test_every_field_of_use_is_read_in_both_spellings(read: Read, write: Any, style: str) -> None:
    fields = {
        "name": "shop",
        "hostname": "production-realm-customer.demandware.net",
        "webdav-hostname": "logs.example",
        "client-id": "id",
        "jwt-cert-path": "./cert.pem",
        "jwt-key-path": "./key.pem",
        "jwt-passphrase": "top-secret",
        "certificate": "staging.p12",
        "certificate-passphrase": "top-secret",
        "username": "user@customer.example",
        "password": "access-key",
        "account-manager-host": "account-pod5.demandware.net",
        "short-code": "kv7kzm78",
        "tenant-id": "realm_prd",
        "api-backend": "scapi",
    }
    if style == "camel":
        first, *_ = fields
        fields = {
            "".join(word if index == 0 else word.title() for index, word in enumerate(name.split("-"))): value
            for name, value in fields.items()
        }
        assert first == "name"
    write(fields)
    loaded = read()
    assert shown(loaded) == {
        "name": "shop",
        "server": "production-realm-customer.demandware.net",
        "webdav_server": "logs.example",
        "client_id": "id",
        "jwt_cert": "cert.pem",
        "jwt_key": "key.pem",
        "jwt_passphrase": "**********",
        "certificate": "staging.p12",
        "certificate_passphrase": "**********",
        "username": "user@customer.example",
        "password": "**********",
        "account_manager_host": "account-pod5.demandware.net",
        "shortcode": "kv7kzm78",
        "tenant_id": "realm_prd",
        "api_backend": "scapi",
    }
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("webdav-server", "webdav_server", "a.example"),
        ("secure-server", "webdav_server", "a.example"),
        ("secureHostname", "webdav_server", "a.example"),
        ("scapi-shortcode", "shortcode", "kv7kzm78"),
        ("shortCode", "shortcode", "kv7kzm78"),
        ("selfsigned", "selfsigned", True),
        ("self-signed", "selfsigned", True),
    ],
)
def test_older_names_are_known(read: Read, write: Any, key: str, field: str, value: object) -> None:
    write(ONE | {key: value})
    loaded = read()
    assert shown(loaded)[field] == value
    assert not [one for one in loaded.warnings if key in one]


def test_server_is_another_name_of_hostname_and_the_first_of_two_counts(read: Read, write: Any) -> None:
    write({"server": "first.example", **ONE})
    assert shown(read())["server"] == "first.example"


@pytest.mark.parametrize(
    ("file", "wanted", "found"),
    [
        pytest.param(ONE, "", "zzxy-001", id="one instance, named by its host"),
        pytest.param(ONE, "shop", "shop", id="one instance, named by whoever asks"),
        pytest.param({"configs": [DEV, STAGING | {"active": True}]}, "", "staging", id="the active one"),
        pytest.param({"configs": [DEV | {"active": True}, STAGING]}, "staging", "staging", id="by its name"),
        pytest.param({**DEV, "configs": [STAGING]}, "", "dev", id="none is active: the file's own"),
        pytest.param({**DEV, "configs": [STAGING]}, "dev", "dev", id="the file's own by its name"),
        pytest.param(
            {**DEV, "active": True, "configs": [STAGING | {"active": True}]},
            "",
            "staging",
            id="an active one of configs before the file's own",
        ),
        pytest.param({**DEV, "configs": []}, "", "dev", id="an empty list"),
    ],
)
def test_which_instance_of_the_file_is_taken(
    read: Read, write: Any, file: Mapping[str, Any], wanted: str, found: str
) -> None:
    write(file)
    assert shown(read(None, {"SFCC_INSTANCE": wanted}))["name"] == found


def test_the_file_may_be_elsewhere(read: Read, write: Any) -> None:
    write(ONE, "mine.json")
    assert shown(read(None, {"SFCC_CONFIG": "mine.json"}))["client_id"] == "id"
    assert read().settings.instances == []


def test_the_environment_wins_field_by_field(read: Read, write: Any) -> None:
    write(ONE | {"short-code": "aaaa", "tenant-id": "realm_prd"})
    loaded = read(None, {"SFCC_SHORTCODE": "bbbb", "SFCC_CLIENT_SECRET_FILE": "/run/secrets/x"})
    values = shown(loaded)
    assert (values["shortcode"], values["tenant_id"]) == ("bbbb", "realm_prd")
    assert (values["client_secret_file"], values.get("client_secret")) == ("/run/secrets/x", None)


@pytest.mark.parametrize(
    ("file", "environ", "warning"),
    [
        pytest.param(
            ONE,
            {"SFCC_SERVER": "a.example", "SFCC_CLIENT_ID": "id", "SFCC_CLIENT_SECRET": "x"},
            "dw.json is not used: its hostname is not the instance of SFCC_SERVER",
            id="another host",
        ),
        pytest.param(
            ONE | {"jwt-cert-path": "c", "jwt-key-path": "k"},
            {"SFCC_CLIENT_ID": "other"},
            "dw.json: client-secret is not used: SFCC_CLIENT_ID names another client",
            id="another client",
        ),
        pytest.param(
            ONE | {"username": "jdoe"},
            {},
            "dw.json: username is not used: WebDAV wants username and password",
            id="a user without a key",
        ),
        pytest.param(
            ONE | {"code-version": "v1", "cartridges": "a:b", "oauthScopes": []},
            {},
            "dw.json: of no use here: code-version, cartridges, oauthScopes",
            id="fields of the command line alone",
        ),
        pytest.param(
            ONE | {"acount-manager-host": "a.example"},
            {},
            "dw.json: acount-manager-host: there is no such field; did you mean account-manager-host?",
            id="a misspelt field",
        ),
        pytest.param(
            "{",
            {"SFCC_SERVER": "a.example", "SFCC_CLIENT_ID": "id", "SFCC_CLIENT_SECRET": "x"},
            f"dw.json: {BROKEN}; it is not used",
            id="a broken file that nobody needs",
        ),
        pytest.param({"client-id": "id"}, {}, "dw.json is not used: it has no hostname", id="no host"),
    ],
)
def test_what_is_not_used_is_said(
    read: Read, write: Any, tmp_path: Path, file: Any, environ: Mapping[str, str], warning: str
) -> None:
    write(file)
    loaded = read(None, environ)
    assert [one.replace(f"{tmp_path}/", "") for one in loaded.warnings] == [warning]
    for instance in loaded.settings.instances:
        secret = instance.client_secret
        assert secret is None or "SFCC_CLIENT_ID" not in environ or secret.get_secret_value() == "x"


def test_settings_with_instances_ignore_it_and_warn(read: Read, write: Any) -> None:
    path = write("{")
    loaded = read(INSTANCES)
    assert loaded.warnings == (f"{path} is set but ignored: the settings name their instances themselves",)


@pytest.mark.parametrize(
    ("file", "environ", "line"),
    [
        pytest.param(
            "{",
            {},
            "dw.json: not valid JSON: Expecting property name enclosed in double quotes (line 1)",
            id="broken",
        ),
        pytest.param([], {}, "dw.json: a JSON object is wanted here", id="a list"),
        pytest.param(
            {"configs": [1]}, {}, "dw.json: configs[0]: a JSON object is wanted here", id="a number"
        ),
        pytest.param(
            {"configs": [DEV, STAGING]},
            {},
            "dw.json: none of its instances is active: name one in SFCC_INSTANCE; it has dev, staging",
            id="none chosen",
        ),
        pytest.param(
            {"configs": [DEV, STAGING]},
            {"SFCC_INSTANCE": "prod"},
            "SFCC_INSTANCE = 'prod': dw.json has no instance of this name; it has dev, staging",
            id="an unknown name",
        ),
        pytest.param(
            ONE | {"account-manager-host": "http://a.b"},
            {},
            "dw.json: account-manager-host = 'http://a.b': "
            "http:// would send secrets readable for all to a.b; use https://",
            id="a wrong value",
        ),
        pytest.param(
            ONE | {"client-secret": 4711},
            {},
            "dw.json: client-secret: Input should be a valid string",
            id="secret",
        ),
        pytest.param(
            {"hostname": "a.example", "clientId": "id"},
            {},
            "dw.json: SFCC_CLIENT_SECRET, SFCC_CLIENT_SECRET_FILE, "
            "or SFCC_JWT_CERT with SFCC_JWT_KEY is missing",
            id="a missing secret",
        ),
        pytest.param(
            ONE | {"jwtKeyPath": "k"},
            {},
            "dw.json: SFCC_JWT_CERT is missing: jwtKeyPath alone does not log in",
            id="half a key",
        ),
        pytest.param(
            {}, {"SFCC_CONFIG": "no.json"}, "no.json: cannot be read: No such file or directory", id="none"
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(
    refused: Refused, write: Any, file: Any, environ: Mapping[str, str], line: str
) -> None:
    write(file)
    assert refused(None, environ) == [line]


def test_whoever_writes_settings_can_have_the_instance_as_it_is(write: Any, tmp_path: Path) -> None:
    write(ONE)
    outside = found_outside({"SFCC_SHORTCODE": "kv7kzm78"}, tmp_path)
    instance, warnings = outside.instance, outside.warnings
    assert instance == {
        "name": "zzxy-001",
        "server": ONE["hostname"],
        "client_id": "id",
        "client_secret": "top-secret",
        "shortcode": "kv7kzm78",
    }
    assert warnings == ()


def test_where_the_settings_come_from_is_said(read: Read, write: Any) -> None:
    path = write(ONE)
    assert read().origin == str(path)
    assert read(None, {"SFCC_SHORTCODE": "kv7kzm78"}).origin == f"{path} and the environment"
    assert read('poll_interval = "5m"').origin.endswith("settings.toml")


def test_no_secret_of_the_file_is_shown(read: Read, write: Any) -> None:
    write(ONE)
    loaded = read()
    assert "top-secret" not in repr(loaded)
    assert loaded.settings.instances[0].client_secret is not None
