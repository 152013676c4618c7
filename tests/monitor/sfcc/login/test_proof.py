"""How a client proves who it is: against the simulator's Account Manager, and answers nobody else gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from monitor.errors import Reason, SfccError
from monitor.sfcc.http import Http
from monitor.sfcc.login.logins import ApiClient, Logins
from monitor.sfcc.login.proof import SigningKey
from monitor.sfcc.retry import Pace
from monitor.sfcc.session import new_session
from monitor.simulator import Simulator, World

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
WORD = "word-of-the-key"
SECRET = "planted-secret"
INVALID = {"error": "invalid_client"}

Ask = Callable[[str, ApiClient], str]
Answer = tuple[int, bytes, Mapping[str, str]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """A token of Account Manager at that address."""
    with new_session(ca_file=None, verify=True) as session:
        made: dict[tuple[str, ApiClient], Any] = {}

        def get(url: str, client: ApiClient) -> str:
            if (url, client) not in made:
                pace = Pace(lambda: NOW, lambda: 0.0, lambda _seconds: None, lambda: 0.5)
                http = Http("token", session, pace, lambda _api, _outcome: None)
                token_url = f"{url}/dwsso/oauth2/access_token"
                logins = Logins(http, token_url, monotonic=lambda: 0.0, now=lambda: NOW)
                made[url, client] = logins.of_client(client)
            token: str = made[url, client].auth().token
            return token

        yield get


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem_of(key: Any, encryption: KeySerializationEncryption | None = None) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return pem


def certificate_of(key: rsa.RSAPrivateKey, ends: datetime = NOW + timedelta(days=9)) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "monitor")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


@pytest.fixture
def signing(tmp_path: Path, key: rsa.RSAPrivateKey) -> Callable[..., SigningKey]:
    """Files of key and certificate, written as told."""

    def make(
        pem: bytes | None = None, certificate: bytes | None = None, passphrase: str | None = None
    ) -> SigningKey:
        (tmp_path / "key.pem").write_bytes(pem_of(key) if pem is None else pem)
        (tmp_path / "cert.pem").write_bytes(certificate_of(key) if certificate is None else certificate)
        read = None if passphrase is None else lambda: passphrase
        return SigningKey(tmp_path / "key.pem", tmp_path / "cert.pem", read)

    return make


class Script:
    """Answers in turn, the last one for ever; keeps the forms and headers it was asked with."""

    def __init__(self, *answers: tuple[int, Mapping[str, Any]], date: datetime | None = None) -> None:
        self._answers = list(answers)
        self._date = {} if date is None else {"Date": format_datetime(date, usegmt=True)}
        self.forms: list[dict[str, str]] = []
        self.by_header: list[bool] = []

    def __call__(self, request: Any) -> Answer:
        form = parse_qs(request.body.decode())
        self.forms.append({name: values[0] for name, values in form.items()})
        self.by_header.append("Authorization" in request.headers)
        status, document = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return status, json.dumps(document).encode(), self._date


GRANTED = (200, {"access_token": "good", "expires_in": 1800})
REFUSED = (401, INVALID)


@pytest.mark.parametrize("method", ["auto", "client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("registered", ["client_secret_basic", "client_secret_post"])
def test_the_secret_goes_where_the_client_is_set_to_take_it(
    world: World, simulator: Simulator, ask: Ask, registered: Any, method: Any
) -> None:
    secret = "p+q%r /&=ü"
    world.account_manager.add_client("odd client", secret, auth_method=registered)
    client = ApiClient("odd client", lambda: secret, method=method)
    if method in {"auto", registered}:
        assert ask(simulator.url, client)
    else:
        with pytest.raises(SfccError, match=method):
            ask(simulator.url, client)


def test_where_the_secret_is_taken_is_found_out_once(scripted: Any) -> None:
    script = Script(REFUSED, GRANTED)
    url = scripted(script)
    client = ApiClient("id", lambda: SECRET)
    with new_session(ca_file=None, verify=True) as session:
        seconds = [0.0]
        pace = Pace(lambda: NOW, lambda: seconds[0], lambda _seconds: None, lambda: 0.5)
        http = Http("token", session, pace, lambda _api, _outcome: None)
        login = Logins(http, f"{url}/token", monotonic=lambda: seconds[0], now=lambda: NOW).of_client(client)
        for _ in range(3):
            login.auth()
            seconds[0] += 1800
    assert script.by_header == [True, False, False, False]
    assert script.forms[1] == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": SECRET,
    }


def test_a_wrong_secret_is_tried_both_ways_once_and_then_once_for_each_token(scripted: Any, ask: Ask) -> None:
    script = Script(REFUSED)
    url, client = scripted(script), ApiClient("id", lambda: SECRET)
    for _ in range(3):
        with pytest.raises(SfccError) as caught:
            ask(url, client)
    assert len(script.forms) == 4
    assert str(caught.value).endswith(
        'does not accept the API client "id" (invalid_client): check client_id and client_secret, and in '
        "Account Manager > API Client that it is enabled, has this secret, and its Token Endpoint Auth "
        "Method is client_secret_basic or client_secret_post"
    )
    assert SECRET not in str(caught.value)


def test_a_secret_that_was_replaced_under_us_is_read_again(scripted: Any, ask: Ask) -> None:
    secrets = ["old", "new", "new"]
    client = ApiClient(
        "id", lambda: secrets.pop(0) if len(secrets) > 1 else secrets[0], method="client_secret_post"
    )
    script = Script(REFUSED, GRANTED)
    assert ask(scripted(script), client) == "good"
    assert [form["client_secret"] for form in script.forms] == ["old", "new"]


def test_a_secret_that_stays_is_not_tried_again(scripted: Any, ask: Ask) -> None:
    script = Script(REFUSED)
    with pytest.raises(SfccError):
        ask(scripted(script), ApiClient("id", lambda: SECRET, method="client_secret_basic"))
    assert len(script.forms) == 1


@pytest.mark.parametrize("passphrase", [None, WORD])
def test_a_key_opens_the_simulator(
    world: World,
    simulator: Simulator,
    ask: Ask,
    key: rsa.RSAPrivateKey,
    signing: Callable[..., SigningKey],
    passphrase: str | None,
) -> None:
    encryption = None if passphrase is None else BestAvailableEncryption(passphrase.encode())
    world.account_manager._wall = NOW.timestamp
    world.account_manager.add_client("by-key", public_key=certificate_of(key).decode())
    client = ApiClient("by-key", key=signing(pem_of(key, encryption), passphrase=passphrase))
    assert ask(simulator.url, client)


def test_what_is_signed_is_what_account_manager_wants(
    scripted: Any, ask: Ask, key: rsa.RSAPrivateKey, signing: Callable[..., SigningKey]
) -> None:
    script = Script(GRANTED)
    url = scripted(script)
    ask(url, ApiClient("by-key", key=signing()))
    (form,) = script.forms
    assert script.by_header == [False]
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assertion = form["client_assertion"]
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT"}
    claims = jwt.decode(
        assertion, key.public_key(), algorithms=["RS256"], options={"verify_aud": False, "verify_exp": False}
    )
    assert claims.pop("jti")
    assert claims == {
        "iss": "by-key",
        "sub": "by-key",
        "aud": f"{url}/dwsso/oauth2/access_token",
        "exp": int(NOW.timestamp()) + 60,
    }


@pytest.mark.parametrize(
    ("ahead", "tries"),
    [
        pytest.param(timedelta(hours=2), 2, id="ahead: signed again by the server's time"),
        pytest.param(timedelta(hours=-2), 2, id="behind: the same"),
        pytest.param(timedelta(seconds=20), 1, id="within an assertion's life: once is enough"),
    ],
)
def test_a_server_with_another_clock_is_believed(
    scripted: Any, ask: Ask, signing: Callable[..., SigningKey], ahead: timedelta, tries: int
) -> None:
    script = Script(REFUSED, date=NOW + ahead)
    with pytest.raises(SfccError):
        ask(scripted(script), ApiClient("by-key", key=signing()))
    assert len(script.forms) == tries
    expires = jwt.decode(script.forms[-1]["client_assertion"], options={"verify_signature": False})["exp"]
    assert expires == int((NOW + (ahead if tries == 2 else timedelta())).timestamp()) + 60


def test_a_refused_key_is_said_with_what_shows_of_its_certificate(
    scripted: Any, ask: Ask, key: rsa.RSAPrivateKey, signing: Callable[..., SigningKey]
) -> None:
    other = rsa.generate_private_key(65537, 2048)
    for certificate, said in [
        (certificate_of(key, NOW), "ended on 2026-11-22; check client_id"),
        (certificate_of(other), "is not that of the jwt_key"),
        (b"nothing", "is no certificate (PEM, BEGIN CERTIFICATE)"),
        (
            certificate_of(key),
            "(invalid_client): check client_id and jwt_key, and in Account Manager > API Client",
        ),
    ]:
        client = ApiClient("by-key", key=signing(certificate=certificate))
        with pytest.raises(SfccError) as caught:
            ask(scripted(Script(REFUSED)), client)
        assert said in str(caught.value)
        assert caught.value.reason is Reason.CREDENTIALS


@pytest.mark.parametrize(
    ("pem", "passphrase", "said"),
    [
        pytest.param(None, WORD, "", id="a passphrase for a key that needs none"),
        pytest.param("encrypted", None, "is encrypted: give jwt_passphrase", id="no passphrase"),
        pytest.param("encrypted", "wrong", "jwt_passphrase is not its passphrase", id="a wrong passphrase"),
        pytest.param(b"-----BEGIN", None, "it is no private key (PEM", id="no key"),
        pytest.param("elliptic", None, "is no RSA key", id="another kind of key"),
    ],
)
def test_a_key_that_cannot_be_used_is_said_before_anything_is_sent(
    key: rsa.RSAPrivateKey, signing: Callable[..., SigningKey], pem: Any, passphrase: str | None, said: str
) -> None:
    if pem == "encrypted":
        pem = pem_of(key, BestAvailableEncryption(WORD.encode()))
    if pem == "elliptic":
        pem = pem_of(ec.generate_private_key(ec.SECP256R1()))
    made = signing(pem, passphrase=passphrase)
    if not said:
        made.check()
        return
    with pytest.raises(SfccError) as caught:
        made.check()
    assert said in str(caught.value)
    assert WORD not in str(caught.value)


def test_files_that_are_gone_are_named(signing: Callable[..., SigningKey]) -> None:
    made = signing()
    made.certificate.unlink()
    with pytest.raises(SfccError, match=r"the jwt_cert .*cert.pem cannot be read: No such file"):
        made.check()
    made.key.unlink()
    with pytest.raises(SfccError, match=r"the jwt_key .*key.pem cannot be read: No such file"):
        made.check()


def test_a_client_without_any_proof_is_a_plain_value_error(ask: Ask) -> None:
    with pytest.raises(ValueError, match="neither client_secret nor jwt_key"):
        ask("http://127.0.0.1:1", ApiClient("id"))


def test_a_client_may_have_another_account_manager(scripted: Any, ask: Ask) -> None:
    script = Script(GRANTED)
    client = ApiClient("id", lambda: SECRET, account_manager_host=scripted(script))
    assert ask("http://127.0.0.1:1", client) == "good"


def test_no_repr_shows_a_secret(signing: Callable[..., SigningKey]) -> None:
    client = ApiClient("id", lambda: SECRET, signing(passphrase=WORD))
    proofs = [ApiClient("id", lambda: SECRET).proof, ApiClient("id", key=client.key).proof]
    auths = [proof.auth("https://a.example", NOW) for proof in proofs]
    shown = repr([client, *proofs, *auths])
    assert SECRET not in shown
    assert WORD not in shown
