"""The Account Manager: tokens for clients that prove who they are, by secret or by signed assertion.

A client is registered with one way to prove itself (its Token Endpoint Auth Method) and is refused by any
other. What a token may do is in its scopes; that of a tenant is granted where the client's role names the
tenant in its filter, and only to who asks for it.

A token is a real signed JWT, because official clients decode it. Its life is judged by a monotonic source
that is not the world's clock: a world may run sixty times as fast as the client that holds the token.
"""

import base64
import binascii
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote_plus, urlsplit
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from monitor.simulator.exchange import JSON, Request, Response, json_response

TOKEN_PATHS = ("/dwsso/oauth2/access_token", "/dw/oauth2/access_token")
ISSUER = "https://account.demandware.com:443/dwsso/oauth2"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEFAULT_SCOPES = frozenset({"mail"})
LONGEST_ASSERTION = 3600.0  # seconds into the future that an assertion may claim
TENANT_SCOPE = "SALESFORCE_COMMERCE_API:"

AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    secret: str | None
    public_key: str | None  # PEM
    scopes: frozenset[str]
    tenants: frozenset[str] | None  # None: the role is not limited; empty: the client has it not
    auth_method: AuthMethod

    def may_have(self, scope: str) -> bool:
        if scope.startswith(TENANT_SCOPE):
            return self.tenants is None or scope.removeprefix(TENANT_SCOPE) in self.tenants
        return scope in self.scopes

    def __repr__(self) -> str:
        return f"Client({self.client_id!r})"


@dataclass(frozen=True, slots=True)
class Grant:
    client_id: str
    scopes: frozenset[str]
    until: float  # by the monotonic source

    @property
    def tenants(self) -> frozenset[str]:
        named = (scope for scope in self.scopes if scope.startswith(TENANT_SCOPE))
        return frozenset(scope.removeprefix(TENANT_SCOPE) for scope in named)


class TokenError(Exception):
    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error


class AccountManager:
    """`expires_in` is the life of tokens issued from now on, in seconds; `revoked` ones end at once.

    `wrong_tries` counts who proved not to be the client they named."""

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.expires_in = 1799
        self.monotonic = monotonic
        self._wall = wall
        self._clients: dict[str, Client] = {}
        self._tokens: dict[str, Grant] = {}
        self.wrong_tries: Counter[str] = Counter()
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Verifies the tokens, which are signed with ES256."""
        return self._key.public_key()

    def add_client(
        self,
        client_id: str,
        secret: str | None = None,
        *,
        public_key: str | None = None,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        tenants: Iterable[str] | None = None,
        auth_method: AuthMethod | None = None,
    ) -> None:
        """Also replaces a client, whose tokens live on. `public_key` is PEM, or an X.509 certificate as PEM.
        Without `auth_method` it is that of what is given. `tenants` is the filter of the role, such as
        `zzxy_001`."""
        fitting: AuthMethod = "client_secret_basic" if secret is not None else "private_key_jwt"
        allowed = None if tenants is None else frozenset(tenants)
        key = public_key if public_key is None else _key_of(public_key)
        client = Client(client_id, secret, key, frozenset(scopes), allowed, auth_method or fitting)
        self._clients[client_id] = client

    def revoke_all(self) -> None:
        self._tokens.clear()

    def client_of(self, token: str) -> str | None:
        """Whose token it is, while it is valid."""
        grant = self.grant_of(token)
        return None if grant is None else grant.client_id

    def grant_of(self, token: str) -> Grant | None:
        """What the token is good for, while it is valid."""
        grant = self._tokens.get(token)
        return grant if grant is not None and self.monotonic() < grant.until else None

    def issue(self, client_id: str, scope: str = "mail") -> str:
        now = int(self._wall())
        claims = {
            "sub": client_id,
            "client_id": client_id,
            "aud": client_id,
            "iss": ISSUER,
            "iat": now,
            "nbf": now,
            "exp": now + self.expires_in,
            "expires_in": self.expires_in,
            "realm": "/",
            "token_type": "Bearer",
            "tokenName": "access_token",
            "grant_type": "client_credentials",
            "scope": scope.split(),
            "jti": uuid4().hex,
        }
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": "simulator"})
        held = self.monotonic()
        self._tokens = {kept: grant for kept, grant in self._tokens.items() if grant.until > held}
        self._tokens[token] = Grant(client_id, frozenset(scope.split()), held + self.expires_in)
        return token

    def respond(self, request: Request) -> Response:
        try:
            document = self._grant(request)
        except TokenError as error:
            body: JSON = {"error_description": str(error), "error": error.error}
            return json_response(error.status, body, _CHALLENGE if error.status == 401 else None)
        return json_response(200, document, {"Cache-Control": "no-store"})

    def _grant(self, request: Request) -> JSON:
        if request.method != "POST":
            raise TokenError(405, "invalid_request", "Use POST.")
        if not request.header("Content-Type").startswith("application/x-www-form-urlencoded"):
            raise TokenError(400, "invalid_request", "The body is not application/x-www-form-urlencoded.")
        form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        client = self._identify(request, form)
        if form.get("grant_type") != "client_credentials":
            raise TokenError(400, "unsupported_grant_type", "Only client_credentials is granted.")
        scope = self._scope(client, form.get("scope", ""))
        token = self.issue(client.client_id, scope)
        return {
            "access_token": token,
            "expires_in": self.expires_in,
            "scope": scope,
            "token_type": "Bearer",
        }

    def _identify(self, request: Request, form: dict[str, str]) -> Client:
        if "client_assertion" in form:
            return self._by_assertion(request, form)
        header = request.header("Authorization")
        if not header and "client_secret" in form:
            return self._by_secret(form.get("client_id", ""), form["client_secret"], "client_secret_post")
        return self._by_secret(*_basic(header), "client_secret_basic")

    def _by_secret(self, client_id: str, secret: str, method: AuthMethod) -> Client:
        client = self._clients.get(client_id)
        if client is None or client.secret is None or client.secret != secret:
            self.wrong_tries[client_id] += 1
            raise TokenError(401, "invalid_client", "Client authentication failed")
        if client.auth_method != method:
            raise TokenError(401, "invalid_client", "Client authentication failed")
        return client

    def _by_assertion(self, request: Request, form: dict[str, str]) -> Client:
        failed = TokenError(401, "invalid_client", "The client assertion is not valid")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise TokenError(400, "invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
        assertion = form["client_assertion"]
        try:
            claimed = jwt.decode(assertion, options={"verify_signature": False})
            client = self._clients[claimed["iss"]]
            claims = jwt.decode(assertion, client.public_key or "", algorithms=["RS256"], options=_UNCHECKED)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise failed from None
        if client.auth_method != "private_key_jwt" or not self._trusted(claims, request):
            self.wrong_tries[client.client_id] += 1
            raise failed
        return client

    def _trusted(self, claims: dict[str, Any], request: Request) -> bool:
        audience, expires = claims.get("aud"), claims.get("exp")
        if claims.get("sub") != claims["iss"] or not isinstance(audience, str):
            return False
        url, host = urlsplit(audience), request.header("Host")
        meant_for_us = url.path == request.path and host in {"", url.netloc}
        now = self._wall()
        return meant_for_us and isinstance(expires, int | float) and now < expires <= now + LONGEST_ASSERTION

    def _scope(self, client: Client, asked: str) -> str:
        refused = sorted(scope for scope in set(asked.split()) if not client.may_have(scope))
        if refused:
            raise TokenError(400, "invalid_scope", f"Unknown/invalid scope(s): {' '.join(refused)}")
        return asked or " ".join(sorted(client.scopes))


# The audience and the times are checked here: by the address that was called, and by the injected clock.
_UNCHECKED: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Account Manager"'}


def _key_of(pem: str) -> str:
    """Account Manager takes the whole certificate; only its key matters."""
    if "BEGIN CERTIFICATE" not in pem:
        return pem
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _basic(header: str) -> tuple[str, str]:
    """Each part is form-url-encoded before base64, without which secrets with + or % do not survive."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise TokenError(401, "invalid_client", "Client authentication failed")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenError(401, "invalid_client", "Client authentication failed") from None
    return unquote_plus(client_id), unquote_plus(secret)
