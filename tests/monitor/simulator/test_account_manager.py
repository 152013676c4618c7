"""Tokens: who gets one, for how long it opens doors, and what is said to the others."""

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Caller, ManualClock, Response, World
from monitor.simulator.account_manager import ASSERTION_TYPE

PATH = "/dwsso/oauth2/access_token"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(
    world: World, client_id: str, secret: str, *, path: str = PATH, encode: bool = True, **form: str
) -> Response:
    parts = [quote_plus(part) if encode else part for part in (client_id, secret)]
    caller = Caller(world, authorization="Basic " + base64.b64encode(":".join(parts).encode()).decode())
    body = urlencode({"grant_type": "client_credentials", **form}).encode()
    return caller.call("POST", path, body, FORM)


@pytest.mark.parametrize("path", [PATH, "/dw/oauth2/access_token"])
def test_a_known_client_gets_a_token_on_both_paths(world: World, path: str) -> None:
    response = ask(world, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, path=path)
    document = response.json()
    assert response.status == 200
    assert (document["token_type"], document["expires_in"]) == ("Bearer", 1799)
    assert Caller(world, authorization=f"Bearer {document['access_token']}").search().status == 200


def test_the_token_is_a_signed_jwt_in_real_time(world: World) -> None:
    token = ask(world, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET).json()["access_token"]
    claims = jwt.decode(
        token, world.account_manager.public_key, algorithms=["ES256"], audience=DEMO_CLIENT_ID
    )
    assert claims["sub"] == DEMO_CLIENT_ID
    assert claims["exp"] - claims["iat"] == 1799
    assert abs(claims["iat"] - time.time()) < 60


def test_each_token_is_another(world: World) -> None:
    assert world.account_manager.issue("a") != world.account_manager.issue("a")


SECRET = "p+q%r: ä&="


@pytest.mark.parametrize(
    ("client_id", "secret", "encode", "status"),
    [
        pytest.param("odd", SECRET, True, 200, id="encoded parts survive"),
        pytest.param("odd", "p+q", False, 401, id="a bare plus reads as a blank"),
        pytest.param("odd", "wrong", True, 401, id="wrong secret"),
        pytest.param("nobody", SECRET, True, 401, id="unknown client"),
        pytest.param("keyed", "", True, 401, id="a client without a secret"),
    ],
)
def test_client_authentication(world: World, client_id: str, secret: str, encode: bool, status: int) -> None:  # noqa: FBT001 - a column of the table
    world.account_manager.add_client("odd", SECRET)
    world.account_manager.add_client("keyed", public_key="none")
    response = ask(world, client_id, secret, encode=encode)
    assert response.status == status
    if status == 401:
        assert response.json()["error"] == "invalid_client"
        assert "WWW-Authenticate" in response.headers


@pytest.mark.parametrize(
    "header", ["", "Bearer x", "Basic !!!", "Basic " + base64.b64encode(b"\xff").decode()]
)
def test_other_credentials_are_refused(world: World, header: str) -> None:
    response = Caller(world, authorization=header).call("POST", PATH, b"grant_type=client_credentials", FORM)
    assert (response.status, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("scope", "status", "granted"),
    [
        pytest.param("", 200, "mail sfcc.jobs", id="none asked: all that are allowed"),
        pytest.param("sfcc.jobs", 200, "sfcc.jobs", id="one asked"),
        pytest.param("sfcc.jobs.rw sfcc.jobs", 400, None, id="one too many"),
    ],
)
def test_scopes(world: World, scope: str, status: int, granted: str | None) -> None:
    world.account_manager.add_client("scoped", "s", scopes=("mail", "sfcc.jobs"))
    response = ask(world, "scoped", "s", scope=scope)
    assert response.status == status
    if granted is None:
        assert response.json()["error"] == "invalid_scope"
    else:
        assert response.json()["scope"] == granted


def test_only_client_credentials_are_granted(world: World) -> None:
    response = ask(world, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, grant_type="password")
    assert (response.status, response.json()["error"]) == (400, "unsupported_grant_type")


def test_get_and_json_are_refused(world: World) -> None:
    caller = Caller(world)
    assert caller.call("GET", PATH).status == 405
    assert caller.call("POST", PATH, b"{}", {"Content-Type": "application/json"}).status == 400


def test_a_token_ends_with_its_life(world: World, clock: ManualClock) -> None:
    world.account_manager.monotonic = lambda: clock.now().timestamp()
    world.account_manager.expires_in = 60
    caller = Caller(world)
    clock.advance(59)
    assert caller.search().status == 200
    clock.advance(1)
    assert caller.search().json()["fault"]["type"] == "InvalidAccessTokenException"


def test_a_token_does_not_age_with_a_fast_world(clock: ManualClock, caller: Caller) -> None:
    clock.advance(3600)
    assert caller.search().status == 200


def test_revoked_tokens_end_at_once(world: World, caller: Caller) -> None:
    world.account_manager.revoke_all()
    assert caller.search().status == caller.file("/LOGS").status == 401
    assert Caller(world).search().status == 200


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({}, 200, id="as documented"),
        pytest.param({"aud": "http://am.test/dw/oauth2/access_token"}, 401, id="another address's path"),
        pytest.param({"aud": "http://else.test/dwsso/oauth2/access_token"}, 401, id="another host"),
        pytest.param({"aud": None}, 401, id="no audience"),
        pytest.param({"sub": "other"}, 401, id="issuer is not the subject"),
        pytest.param({"iss": "other"}, 401, id="unknown issuer"),
        pytest.param({"exp": 1}, 401, id="expired"),
        pytest.param({"exp": 99999999999}, 401, id="good for ages"),
        pytest.param({"exp": None}, 401, id="good for ever"),
    ],
)
def test_a_signed_assertion(
    world: World, key: rsa.RSAPrivateKey, changed: dict[str, Any], status: int
) -> None:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    world.account_manager.add_client("keyed", public_key=public.decode())
    claims = {
        "iss": "keyed",
        "sub": "keyed",
        "aud": "http://am.test" + PATH,
        "exp": int(time.time()) + 60,
        **changed,
    }
    assertion = jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm="RS256")
    response = send_assertion(world, assertion)
    assert response.status == status
    if status == 401:
        assert response.json()["error"] == "invalid_client"


def test_an_assertion_by_another_key_or_none_is_refused(world: World, key: rsa.RSAPrivateKey) -> None:
    claims = {
        "iss": DEMO_CLIENT_ID,
        "sub": DEMO_CLIENT_ID,
        "aud": "http://am.test" + PATH,
        "exp": time.time() + 60,
    }
    assert send_assertion(world, jwt.encode(claims, key, algorithm="RS256")).status == 401
    assert send_assertion(world, "no.jwt.atall").status == 401
    assert send_assertion(world, jwt.encode(claims, key, algorithm="RS256"), kind="saml").status == 400


def send_assertion(world: World, assertion: str, kind: str = ASSERTION_TYPE) -> Response:
    body = urlencode(
        {"grant_type": "client_credentials", "client_assertion_type": kind, "client_assertion": assertion}
    )
    caller = Caller(world, authorization="")
    return caller.call("POST", PATH, body.encode(), {**FORM, "Host": "am.test"})


def test_no_secret_shows_in_a_representation(world: World) -> None:
    world.account_manager.add_client("odd", "do-not-show")
    assert "do-not-show" not in repr(vars(world.account_manager))


def by_body(world: World, client_id: str, secret: str) -> Response:
    body = urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret})
    return Caller(world, authorization="").call("POST", PATH, body.encode(), FORM)


@pytest.mark.parametrize(
    ("method", "basic", "body"),
    [
        pytest.param(None, 200, 401, id="none said: basic"),
        pytest.param("client_secret_basic", 200, 401, id="basic"),
        pytest.param("client_secret_post", 401, 200, id="in the body"),
        pytest.param("private_key_jwt", 401, 401, id="by assertion"),
    ],
)
def test_a_client_is_taken_in_the_way_it_is_set_to_and_in_no_other(
    world: World, method: Any, basic: int, body: int
) -> None:
    world.account_manager.add_client("c", "s", auth_method=method)
    assert (ask(world, "c", "s").status, by_body(world, "c", "s").status) == (basic, body)
    assert world.account_manager.wrong_tries["c"] == 0


def test_a_key_is_refused_where_the_client_is_set_to_a_secret(world: World, key: rsa.RSAPrivateKey) -> None:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = {"iss": "c", "sub": "c", "aud": "http://am.test" + PATH, "exp": int(time.time()) + 60}
    assertion = jwt.encode(claims, key, algorithm="RS256")
    world.account_manager.add_client("c", "s", public_key=public.decode())
    assert send_assertion(world, assertion).status == 401
    world.account_manager.add_client("c", public_key=public.decode())
    assert send_assertion(world, assertion).status == 200


def test_a_client_can_be_given_by_its_certificate(world: World, key: rsa.RSAPrivateKey) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "monitor")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    world.account_manager.add_client("c", public_key=certificate.decode())
    claims = {"iss": "c", "sub": "c", "aud": "http://am.test" + PATH, "exp": int(time.time()) + 60}
    assert send_assertion(world, jwt.encode(claims, key, algorithm="RS256")).status == 200


def test_wrong_tries_are_counted_for_the_client_that_was_named(world: World) -> None:
    for secret in ("wrong", "wrong again", DEMO_CLIENT_SECRET):
        ask(world, DEMO_CLIENT_ID, secret)
    ask(world, "nobody", "x")
    assert dict(world.account_manager.wrong_tries) == {DEMO_CLIENT_ID: 2, "nobody": 1}


@pytest.mark.parametrize(
    ("tenants", "asked", "status"),
    [
        pytest.param(None, "zzxy_001", 200, id="a role without a filter"),
        pytest.param(["zzxy_001", "zzxy_prd"], "zzxy_prd", 200, id="in the filter"),
        pytest.param(["zzxy_001"], "zzxy_prd", 400, id="not in the filter"),
        pytest.param([], "zzxy_001", 400, id="without the role"),
    ],
)
def test_a_tenant_is_granted_by_the_filter_of_the_role(
    world: World, tenants: list[str] | None, asked: str, status: int
) -> None:
    world.account_manager.add_client("c", "s", scopes=("sfcc.jobs",), tenants=tenants)
    scope = f"sfcc.jobs SALESFORCE_COMMERCE_API:{asked}"
    response = ask(world, "c", "s", scope=scope)
    assert response.status == status
    if status == 200:
        grant = world.account_manager.grant_of(response.json()["access_token"])
        assert grant is not None
        assert (grant.client_id, grant.tenants) == ("c", frozenset({asked}))
    else:
        assert response.json()["error"] == "invalid_scope"


def test_a_token_without_a_scope_asked_for_names_no_tenant(world: World) -> None:
    document = ask(world, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET).json()
    assert document["scope"] == "mail sfcc.jobs sfcc.jobs.rw"
    grant = world.account_manager.grant_of(document["access_token"])
    assert grant is not None
    assert grant.tenants == frozenset()
    world.account_manager.revoke_all()
    assert world.account_manager.grant_of(document["access_token"]) is None
