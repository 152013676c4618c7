"""Logging in: tokens of Account Manager, and a user with a WebDAV access key.

Knows OAuth's client credentials and Basic; knows nothing of jobs and logs. Credentials are handed to
requests as an `AuthBase` only: a header set by hand would be replaced by whatever a netrc file names
for the host. No secret is kept longer than it takes to use it, and none is in a text or a repr.
"""

from __future__ import annotations

import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from urllib.parse import quote_plus

import requests
from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.refusal import Refusal, general_error, json_document, read_refusal

T = TypeVar("T")

TOKEN_PATH = "/dwsso/oauth2/access_token"  # noqa: S105 - an address, not a secret
TOKEN = re.compile(r"[!-~]{1,16000}")  # what a header can carry
USUAL_LIFE = 1800.0  # seconds; for answers that do not say
EARLY = 60.0  # seconds before its end that a token is renewed; a tenth of its life where that is less
FORBIDDEN_FAULTS = ("ClientAccessForbiddenException",)
"""Faults that say the token is good and a right is missing: a new token would not help."""


class Login(Protocol):
    """How requests to an instance are authorized; tokens and passwords are the two ways."""

    def auth(self) -> AuthBase:
        """For the next request; raises `SfccError` when there is none."""
        ...

    def refused(self, auth: AuthBase) -> bool:
        """Told of a 401: whether `auth()` has something new to try."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Held around requests, so that a login which can be locked is not tried by many at once."""
        ...


def logged_in(login: Login, send: Callable[[AuthBase], T]) -> T:
    """Sends with this login, and once more with a renewed one where the first was refused."""
    auth = login.auth()
    try:
        return send(auth)
    except SfccError as error:
        if error.status != 401 or error.fault_type in FORBIDDEN_FAULTS or not login.refused(auth):
            raise
    return send(login.auth())


class BearerAuth(AuthBase):
    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class BasicAuth(AuthBase):
    def __init__(self, user: str, password: str) -> None:
        self._word = b64encode(f"{user}:{password}".encode()).decode("ascii")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Basic {self._word}"
        return request


@dataclass(frozen=True, slots=True)
class _Token:
    auth: BearerAuth
    renew_at: float


class ClientCredentials:
    """Tokens of an API client: fetched once for all threads, kept until shortly before they end."""

    def __init__(
        self,
        http: Http,
        token_url: str,
        client_id: str,
        secret: str | Callable[[], str],
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        scope: str = "",
    ) -> None:
        self.client_id = client_id
        self._http = http
        self._url = token_url
        self._secret = secret
        self._scope = scope
        self._monotonic = monotonic
        self._now = now
        self._token: _Token | None = None
        self._lock = threading.Lock()

    def auth(self) -> BearerAuth:
        with self._lock:
            if self._token is None or self._monotonic() >= self._token.renew_at:
                self._token = None
                self._token = self._fetch()
            return self._token.auth

    def refused(self, auth: AuthBase) -> bool:
        """Drops that token, unless another thread has put a new one in its place already."""
        with self._lock:
            if self._token is not None and self._token.auth is auth:
                self._token = None
        return True

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _fetch(self) -> _Token:
        began = self._monotonic()
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        # RFC 6749 2.3.1: each part is form-encoded first; a secret with + or % fails otherwise.
        auth = BasicAuth(quote_plus(self.client_id), quote_plus(self._read_secret()))
        token, life = self._http.ask(Outgoing("POST", self._url, form=form), auth, self._read)
        return _Token(BearerAuth(token), began + life - min(EARLY, life / 10))

    def _read_secret(self) -> str:
        return self._secret if isinstance(self._secret, str) else read_secret(self._secret, "client secret")

    def _read(self, incoming: Incoming) -> tuple[str, float]:
        if incoming.status != 200:
            raise self._error(read_refusal(incoming, self._now()))
        doc = json_document(incoming)
        token, life = doc.get("access_token"), doc.get("expires_in")
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            text = f"{incoming.host} sent no access token; check account_manager_host"
            raise SfccError(Reason.PROTOCOL, text, status=incoming.status)
        if not isinstance(life, int | float) or isinstance(life, bool) or not 0 < life < 10**7:
            life = USUAL_LIFE
        return token, float(life)

    def _error(self, refusal: Refusal) -> SfccError:
        host, client = refusal.host, self.client_id
        if refusal.status == 404:
            text = f"{host} has no token endpoint at this address{refusal.quote}: check account_manager_host"
            return refusal.as_error(Reason.NOT_FOUND, text)
        if refusal.error == "invalid_scope":
            text = (
                f'{host} does not give the API client "{client}" the scope it asks for: '
                "in Account Manager > API Client add it to the allowed scopes"
            )
            return refusal.as_error(Reason.PERMISSION, text)
        if refusal.error in {"invalid_client", "unauthorized_client"} or refusal.status == 401:
            text = (
                f'{host} does not accept the id and secret of the API client "{client}"'
                f" ({refusal.error or refusal.status}): check client_id and client_secret, and in Account "
                "Manager > API Client that it is enabled and its Token Endpoint Auth Method is "
                "client_secret_basic"
            )
            return refusal.as_error(Reason.CREDENTIALS, text)
        if refusal.error:
            text = f"{host} gives the API client no token ({refusal.status}, {refusal.error})"
            return refusal.as_error(Reason.REFUSED, text)
        return general_error(refusal)


class PasswordLogin:
    """A user and an access key. After six wrong tries the platform locks the key, so one is all it gets."""

    def __init__(self, user: str, password: Callable[[], str]) -> None:
        self.user = user
        self._password = password
        self._refused = False
        self._proven = False
        self._first = threading.Lock()

    def auth(self) -> BasicAuth:
        if self._refused:
            raise SfccError(
                Reason.CREDENTIALS,
                f"the access key of {self.user} was refused and is not tried again, because six wrong tries "
                "lock it: set a new one (password), made in Business Manager under the user's access keys",
            )
        return BasicAuth(self.user, read_secret(self._password, "WebDAV access key"))

    def refused(self, auth: AuthBase) -> bool:  # noqa: ARG002 - there is only one
        self._refused = True
        return False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Until the key has proven good, one reader at a time."""
        if self._proven:
            yield
            return
        with self._first:
            yield
            self._proven = True

    def try_again(self) -> None:
        """To be called when somebody has set things right."""
        self._refused = False


def read_secret(secret: Callable[[], str], what: str) -> str:
    """A secret that may come from a file, which may be gone."""
    try:
        return secret()
    except OSError as error:
        raise SfccError(Reason.CREDENTIALS, f"the {what} cannot be read: {error.strerror}") from error
