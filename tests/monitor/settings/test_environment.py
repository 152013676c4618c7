"""One instance, given in the environment by the names of the official command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from monitor.settings import Loaded

Read = Callable[..., Loaded]
Refused = Callable[..., list[str]]

CLIENT = {"SFCC_CLIENT_ID": "id", "SFCC_CLIENT_SECRET": "top-secret"}
SERVER = {"SFCC_SERVER": "production-realm-customer.demandware.net", **CLIENT}
HOST = "write a host name such as production-realm-customer.demandware.net"
FILE = """
[[instances]]
name = "of-the-file"
server = "a.example"
client_id = "id"
client_secret = "x"
"""


def test_every_name_of_the_command_line_is_a_field(read: Read) -> None:
    environ = {
        **SERVER,
        "SFCC_WEBDAV_SERVER": "cert.staging-realm-customer.demandware.net",
        "SFCC_USERNAME": "user@customer.example",
        "SFCC_PASSWORD": "access-key",
        "SFCC_SHORTCODE": "kv7kzm78",
        "SFCC_TENANT_ID": "realm_prd",
        "SFCC_ACCOUNT_MANAGER_HOST": "account-pod5.demandware.net",
        "SFCC_SCAPI_SERVER": "scapi.example",
        "SFCC_TOKEN_ENDPOINT_AUTH_METHOD": "client_secret_post",
        "SFCC_SEARCH_FIELD_STYLE": "camel",
        "SFCC_JWT_CERT": "/etc/ssl/cert.pem",
        "SFCC_JWT_KEY": "/etc/ssl/key.pem",
        "SFCC_JWT_PASSPHRASE": "top-secret",
        "SFCC_CERTIFICATE": "/etc/ssl/staging.p12",
        "SFCC_CERTIFICATE_PASSPHRASE": "top-secret",
        "SFCC_API_BACKEND": "ocapi",
        "SFCC_SELFSIGNED": "true",
        "SFCC_CA_FILE": "/etc/ssl/own.pem",
    }
    (instance,) = read(None, environ).settings.instances
    shown = instance.model_dump(mode="json", exclude_defaults=True)
    assert shown == {
        "name": "production-realm-customer",
        "server": "production-realm-customer.demandware.net",
        "webdav_server": "cert.staging-realm-customer.demandware.net",
        "client_id": "id",
        "client_secret": "**********",
        "username": "user@customer.example",
        "password": "**********",
        "shortcode": "kv7kzm78",
        "tenant_id": "realm_prd",
        "account_manager_host": "account-pod5.demandware.net",
        "scapi_server": "scapi.example",
        "token_endpoint_auth_method": "client_secret_post",
        "search_field_style": "camel",
        "jwt_cert": "/etc/ssl/cert.pem",
        "jwt_key": "/etc/ssl/key.pem",
        "jwt_passphrase": "**********",
        "certificate": "/etc/ssl/staging.p12",
        "certificate_passphrase": "**********",
        "api_backend": "ocapi",
        "selfsigned": True,
        "ca_file": "/etc/ssl/own.pem",
    }
    assert instance.client_secret is not None
    assert instance.client_secret.get_secret_value() == "top-secret"


def test_secrets_may_be_in_files(read: Read) -> None:
    environ = {
        "SFCC_SERVER": "a.example",
        "SFCC_CLIENT_ID": "id",
        "SFCC_CLIENT_SECRET_FILE": "/run/secrets/client",
        "SFCC_USERNAME": "user@customer.example",
        "SFCC_PASSWORD_FILE": "/run/secrets/key",
    }
    (instance,) = read(None, environ).settings.instances
    assert (str(instance.client_secret_file), str(instance.password_file)) == (
        "/run/secrets/client",
        "/run/secrets/key",
    )


@pytest.mark.parametrize(
    ("server", "name"),
    [
        pytest.param("production-realm-customer.demandware.net", "production-realm-customer", id="a host"),
        pytest.param("zzzz-001.dx.commercecloud.salesforce.com:443", "zzzz-001", id="with a port"),
        pytest.param("https://staging.example/", "staging", id="an address"),
        pytest.param("http://127.0.0.1:8080", "127.0.0.1", id="an IP address"),
        pytest.param("http://[::1]:8080", "::1", id="an IPv6 address"),
        pytest.param("localhost", "localhost", id="a name without dots"),
    ],
)
def test_the_instance_is_named_by_its_host(read: Read, server: str, name: str) -> None:
    (instance,) = read(None, {**CLIENT, "SFCC_SERVER": server}).settings.instances
    assert instance.name == name


def test_the_instance_is_named_as_told(read: Read) -> None:
    (instance,) = read(None, {**SERVER, "SFCC_INSTANCE": "shop"}).settings.instances
    assert instance.name == "shop"


def test_the_file_may_hold_the_rest(read: Read) -> None:
    loaded = read('poll_interval = "5m"', SERVER)
    assert len(loaded.settings.instances) == 1
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("file", "environ", "warning"),
    [
        pytest.param(
            FILE,
            SERVER,
            "SFCC_SERVER, SFCC_CLIENT_ID, SFCC_CLIENT_SECRET are set but ignored: "
            "the settings name their instances themselves",
            id="all",
        ),
        pytest.param(
            FILE,
            {"SFCC_CLIENT_SECRET": "top-secret"},
            "SFCC_CLIENT_SECRET is set but ignored: the settings name their instances themselves",
            id="a secret meant for the instance of the file",
        ),
        pytest.param(
            None,
            {
                **SERVER,
                "SFCC_MONITOR_INSTANCES": '[{"name": "of-the-file", "server": "a.example", '
                '"client_id": "id", "client_secret": "x"}]',
            },
            "SFCC_SERVER, SFCC_CLIENT_ID, SFCC_CLIENT_SECRET are set but ignored: "
            "the settings name their instances themselves",
            id="instances of the environment's own settings",
        ),
    ],
)
def test_settings_with_instances_ignore_it_and_warn(
    read: Read, file: str | None, environ: Mapping[str, str], warning: str
) -> None:
    loaded = read(file, environ)
    assert [instance.name for instance in loaded.settings.instances] == ["of-the-file"]
    assert loaded.warnings == (warning,)


def test_without_a_server_there_is_no_instance_and_a_warning(read: Read) -> None:
    loaded = read(None, CLIENT)
    assert loaded.settings.instances == []
    names = "SFCC_CLIENT_ID, SFCC_CLIENT_SECRET"
    assert loaded.warnings == (f"{names} are set but ignored: without SFCC_SERVER they describe no instance",)


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        pytest.param(
            {"SFCC_SERVER": "a.example"},
            [
                "the environment: SFCC_CLIENT_ID is missing: the API client made in Account Manager",
                "the environment: SFCC_CLIENT_SECRET, SFCC_CLIENT_SECRET_FILE, "  # noqa: ISC004 - one line
                "or SFCC_JWT_CERT with SFCC_JWT_KEY is missing",
            ],
            id="no client",
        ),
        pytest.param(
            {**SERVER, "SFCC_PASSWORD": "x", "SFCC_PASSWORD_FILE": "/y"},
            ["the environment: give SFCC_PASSWORD or SFCC_PASSWORD_FILE, not both"],
            id="a key twice",
        ),
        pytest.param(
            {**CLIENT, "SFCC_SERVER": "http://a.b"},
            ["SFCC_SERVER = 'http://a.b': http:// would send secrets readable for all to a.b; use https://"],
            id="plain http",
        ),
        pytest.param(
            {**SERVER, "SFCC_SELFSIGNED": "perhaps"},
            ["SFCC_SELFSIGNED = 'perhaps': Input should be a valid boolean, unable to interpret input"],
            id="neither yes nor no",
        ),
        pytest.param(
            {**SERVER, "SFCC_API_BACKEND": "soap"},
            ["SFCC_API_BACKEND = 'soap': Input should be 'auto', 'scapi' or 'ocapi'"],
            id="an unknown backend",
        ),
        pytest.param(
            {**SERVER, "SFCC_INSTANCE": "x" * 101},
            [f"SFCC_INSTANCE = '{'x' * 79}…: String should have at most 100 characters"],
            id="a name too long for a label",
        ),
        pytest.param(
            {**CLIENT, "SFCC_SERVER": "://"},
            [
                f"SFCC_SERVER = '://': :// is not known here; {HOST}",
            ],
            id="no host at all",
        ),
    ],
)
def test_what_is_wrong_is_told_by_the_names_of_the_command_line(
    refused: Refused, environ: Mapping[str, str], lines: list[str]
) -> None:
    assert refused(None, environ) == lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("true", True), ("YES", True), ("0", False), ("false", False), ("", False)],
)
def test_selfsigned_is_yes_or_no(read: Read, text: str, *, expected: bool) -> None:
    environ: dict[str, Any] = {**SERVER, "SFCC_SELFSIGNED": text}
    assert read(None, environ).settings.instances[0].selfsigned is expected
