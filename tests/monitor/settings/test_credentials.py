"""Who logs in where, as users write it: what is missing or cannot be meant is said at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.access import access
from monitor.settings import Loaded
from monitor.sfcc.connect import Access
from monitor.sfcc.login.logins import ApiClient, WebDavUser

Read = Callable[..., Loaded]
Refused = Callable[..., list[str]]

SERVER = '[[instances]]\nname = "p"\nserver = "a.example"\n'
ONE = f'{SERVER}client_id = "id"\nclient_secret = "one"\n'
SCAPI = 'tenant_id = "zzxy_prd"\nshortcode = "kv7kzm78"\n'
OWN = 'client_id = "{0}"\nclient_secret = "of {0}"\n'
NO_PROOF = "client_secret, client_secret_file, or jwt_cert with jwt_key is missing"
PAGE = "Business Manager > Administration > Site Development > Salesforce Commerce API Settings shows it"


def table(name: str, fields: str | None = None) -> str:
    return f"[instances.{name}]\n{OWN.format(name) if fields is None else fields}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(
            SERVER, ["client_id is missing: the API client made in Account Manager", NO_PROOF], id="none"
        ),
        pytest.param(
            ONE + 'api_backend = "scapi"',
            [
                f"tenant_id is missing, without which there is no SCAPI: {PAGE}",
                f"shortcode is missing, without which there is no SCAPI: {PAGE}",
            ],
            id="SCAPI alone, which nobody can find",
        ),
        pytest.param(
            ONE + 'tenant_id = "zzxy_prd"\n' + table("scapi"),
            [f"shortcode is missing, without which there is no SCAPI: {PAGE}"],
            id="a client for SCAPI that would never be used",
        ),
        pytest.param(
            ONE + table("trigger", 'client_id = "other"'), [f"trigger: {NO_PROOF}"], id="another's secret"
        ),
        pytest.param(
            ONE + table("webdav", 'client_secret = "x"'),
            ["webdav: client_secret is given without client_id: name the client it belongs to"],
            id="a secret of nobody",
        ),
        pytest.param(
            f'{SERVER}client_id = "id"\njwt_key = "key.pem"',
            ["jwt_cert is missing: jwt_key alone does not log in"],
            id="a key without its certificate",
        ),
        pytest.param(
            f'{SERVER}client_id = "id"\njwt_cert = "cert.pem"',
            ["jwt_key is missing: jwt_cert alone does not log in"],
            id="a certificate without its key",
        ),
        pytest.param(
            ONE + 'token_endpoint_auth_method = "private_key_jwt"',
            ["token_endpoint_auth_method is private_key_jwt, which needs jwt_cert and jwt_key"],
            id="a method without what it needs",
        ),
        pytest.param(
            f'{SERVER}client_id = "id"\njwt_cert = "c"\njwt_key = "k"\n'
            'token_endpoint_auth_method = "client_secret_post"',
            [
                "token_endpoint_auth_method is client_secret_post, "  # noqa: ISC004 - one line of the output
                "which needs client_secret or client_secret_file"
            ],
            id="a method for a secret that is none",
        ),
        pytest.param(
            ONE + 'certificate_passphrase = "x"\njwt_passphrase_file = "y"',
            [
                "jwt_passphrase is of no use without jwt_key",
                "certificate_passphrase is of no use without certificate",
            ],
            id="passphrases of nothing",
        ),
        pytest.param(
            ONE + 'username = "jdoe"',
            ["username has no password or password_file: its WebDAV access key"],
            id="user",
        ),
        pytest.param(
            ONE + "[instances.webdav]\n" + 'client_secret = "x"\nclient_secret_file = "y"\n',
            [
                "give client_secret or client_secret_file, not both",
                "webdav: client_secret is given without client_id: name the client it belongs to",
            ],
            id="several at once",
        ),
    ],
)
def test_what_is_missing_or_cannot_be_meant(refused: Refused, text: str, lines: list[str]) -> None:
    assert [line.partition(": ")[2].partition(": ")[2] for line in refused(text)] == lines


def granted(read: Read, text: str) -> Access:
    return access(read(text).settings.instances[0])


def ids(found: Access) -> dict[str, str | None]:
    who = {"ocapi": found.ocapi, "scapi": found.scapi, "trigger": found.trigger, "webdav": found.webdav}
    return {
        api: one.name if isinstance(one, WebDavUser) else None if one is None else one.client_id
        for api, one in who.items()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(ONE, "id id - id", id="one client for all"),
        pytest.param(ONE + table("ocapi"), "ocapi id - id", id="an own one for OCAPI"),
        pytest.param(SERVER + table("ocapi"), "ocapi - - -", id="only OCAPI"),
        pytest.param(SERVER + SCAPI + table("scapi"), "- scapi - -", id="only SCAPI"),
        pytest.param(
            SERVER + SCAPI + table("ocapi") + table("scapi"), "ocapi scapi - -", id="both, and no other"
        ),
        pytest.param(ONE + table("trigger"), "id id trigger id", id="who starts jobs"),
        pytest.param(ONE + table("webdav"), "id id - webdav", id="who reads logs"),
        pytest.param(ONE + 'username = "jdoe"\npassword = "k"', "id id - jdoe", id="a user for WebDAV"),
        pytest.param(
            ONE + 'username = "jdoe"\npassword = "k"\n' + table("webdav"),
            "id id - webdav",
            id="an own client for WebDAV before the instance's user",
        ),
        pytest.param(
            ONE + table("webdav", 'username = "logs"\npassword = "k"'), "id id - logs", id="an own user"
        ),
    ],
)
def test_who_logs_in_where(read: Read, text: str, expected: str) -> None:
    assert " ".join(one or "-" for one in ids(granted(read, text)).values()) == expected


def secret_of(client: object) -> str:
    assert isinstance(client, ApiClient)
    assert client.secret is not None
    return client.secret()


def test_a_table_that_names_a_client_brings_its_secret_and_no_other(read: Read) -> None:
    found = granted(read, ONE + table("ocapi") + table("webdav", 'client_id = "id"'))
    assert secret_of(found.ocapi) == "of ocapi"
    assert secret_of(found.webdav) == "one"
    own = granted(read, ONE + SCAPI + table("scapi", 'client_id = "id"\nclient_secret = "own"'))
    assert (secret_of(own.ocapi), secret_of(own.scapi)) == ("one", "own")


def test_apis_with_the_same_client_are_equal_so_that_they_share_its_tokens(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("x")
    for secret in ('client_secret = "x"', f'client_secret_file = "{tmp_path / "secret"}"'):
        found = granted(read, f'{SERVER}client_id = "id"\n{secret}\n{SCAPI}')
        assert found.ocapi == found.scapi == found.webdav
        assert hash(found.ocapi) == hash(found.scapi)


def test_an_api_may_have_another_account_manager(read: Read) -> None:
    found = granted(read, f"{ONE}[instances.scapi]\naccount_manager_host = 'account-pod5.demandware.net'")
    assert found.scapi is not None
    assert found.ocapi is not None
    assert found.scapi.account_manager_host == "account-pod5.demandware.net"
    assert found.ocapi.account_manager_host == "account.demandware.com"
    assert secret_of(found.scapi) == "one"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", {}, id="none"),
        pytest.param(
            'certificate = "own.p12"', {"ocapi": "own.p12", "webdav": "own.p12"}, id="the instance's"
        ),
        pytest.param(
            'certificate = "own.p12"\n[instances.webdav]\ncertificate = "logs.p12"',
            {"ocapi": "own.p12", "webdav": "logs.p12"},
            id="one of WebDAV",
        ),
        pytest.param('[instances.scapi]\ncertificate = "s.p12"', {"scapi": "s.p12"}, id="SCAPI's, as asked"),
    ],
)
def test_a_certificate_goes_to_no_host_unasked(read: Read, text: str, shown: dict[str, str]) -> None:
    found = granted(read, ONE + text).certificates
    assert {api: str(one.path) for api, one in found.items()} == shown


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        pytest.param(ONE, None, id="nothing to say"),
        pytest.param(
            ONE + SCAPI, "the API client id is for OCAPI and for SCAPI: Salesforce advises", id="one client"
        ),
        pytest.param(ONE + SCAPI + 'api_backend = "scapi"', None, id="one client for one API"),
        pytest.param(ONE + SCAPI + table("scapi"), None, id="a client for each"),
        pytest.param(
            ONE + SCAPI + table("scapi", 'client_id = "id"\nclient_secret = "x"'),
            "the API client id is for OCAPI and for SCAPI",
            id="one client, named twice",
        ),
        pytest.param(
            ONE + 'shortcode = "kv7kzm78"', "shortcode has no effect without tenant_id", id="half of SCAPI"
        ),
        pytest.param(ONE + 'tenant_id = "zzxy_prd"', None, id="a tenant tells the type"),
        pytest.param(ONE + "selfsigned = true", "selfsigned takes any certificate", id="not a sandbox"),
        pytest.param(ONE + 'selfsigned = true\ntype = "sandbox"', None, id="a sandbox"),
        pytest.param(
            ONE + 'jwt_cert = "c"\njwt_key = "k"',
            "jwt_key has no effect beside client_secret",
            id="two proofs",
        ),
        pytest.param(
            ONE + table("scapi", 'username = "x"\npassword = "y"'),
            "scapi.username has no effect",
            id="no user",
        ),
        pytest.param(ONE + 'password = "x"', "password has no effect without username", id="a key of nobody"),
        pytest.param(
            ONE + table("trigger", 'certificate = "x"'), "trigger.certificate has no effect", id="trigger"
        ),
    ],
)
def test_what_is_likely_not_meant_is_a_warning(read: Read, text: str, advice: str | None) -> None:
    warnings = read(text).warnings
    assert len(warnings) == (advice is not None)
    assert all(one.startswith(f"instance p: {advice}") for one in warnings)


def test_all_secrets_and_files_of_them_are_tried_without_asking_anybody(read: Read, tmp_path: Path) -> None:
    text = (
        f'{SERVER}client_id = "id"\njwt_cert = "{tmp_path}/cert.pem"\njwt_key = "{tmp_path}/key.pem"\n'
        f'certificate = "{tmp_path}/own.p12"\n'
        + table("trigger", f'client_id = "t"\nclient_secret_file = "{tmp_path}/trigger"')
    )
    said = [str(one).replace(f"{tmp_path}/", "") for one in granted(read, text).read_secrets()]
    gone = "No such file or directory"
    assert said == [
        f"the jwt_key key.pem cannot be read: {gone}",
        f"the client secret of p cannot be read from trigger: {gone}; mend the file or its permissions",
        f"the client certificate own.p12 cannot be read: {gone}",
    ]
