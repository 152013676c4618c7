"""Who logs in where: the API client or the user of each API of an instance, and one login for each of them.

Knows which ways of proving who one is there are; how each works is told in `proof` and `accesskey`. APIs that
share a client and ask for the same scope share its tokens, and each remembers for itself whether they work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from monitor.sfcc.endpoints import base_url
from monitor.sfcc.http import Http
from monitor.sfcc.login.accesskey import InMemory, PasswordLogin, RefusedKeys
from monitor.sfcc.login.auth import ClientCredentials, Tokens
from monitor.sfcc.login.proof import ByKey, BySecret, Proof, SecretPlace, SigningKey
from monitor.sfcc.login.secret import Secret

PLACES: dict[str, SecretPlace] = {"client_secret_basic": "header", "client_secret_post": "body"}


@dataclass(frozen=True, slots=True)
class ApiClient:
    """An API client of Account Manager, with a secret or with a key, which is read when a token is asked for.

    method: its "Token Endpoint Auth Method"; account_manager_host: where it is not the instance's.
    """

    client_id: str
    secret: Secret | None = field(default=None, repr=False)
    key: SigningKey | None = None
    method: Literal["auto", "client_secret_basic", "client_secret_post", "private_key_jwt"] = "auto"
    account_manager_host: str | None = None

    @property
    def proof(self) -> Proof:
        """Raises `ValueError` where there is none."""
        if self.secret is not None and (self.key is None or self.method != "private_key_jwt"):
            return BySecret(self.client_id, self.secret, PLACES.get(self.method))
        if self.key is None:
            raise ValueError(f"the API client {self.client_id} has neither client_secret nor jwt_key")
        return ByKey(self.client_id, self.key)

    @property
    def secrets(self) -> tuple[Callable[[], object], ...]:
        """Each raises `SfccError` when it cannot be read."""
        reads = self.secret, None if self.key is None else self.key.check
        return tuple(read for read in reads if read is not None)


@dataclass(frozen=True, slots=True)
class WebDavUser:
    """A user of Business Manager with an access key."""

    name: str
    access_key: Secret = field(repr=False)

    @property
    def secrets(self) -> tuple[Callable[[], object], ...]:
        return (self.access_key,)


class Logins:
    """The logins of one instance; `http` sends to the token endpoint, by default at `token_url`."""

    def __init__(
        self,
        http: Http,
        token_url: str,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        refused_keys: RefusedKeys | None = None,
    ) -> None:
        self._http = http
        self._token_url = token_url
        self._monotonic = monotonic
        self._now = now
        self._refused_keys: RefusedKeys = InMemory() if refused_keys is None else refused_keys
        self._tokens: dict[tuple[ApiClient, str], Tokens] = {}
        self._users: dict[WebDavUser, PasswordLogin] = {}

    def of_client(self, client: ApiClient, scope: str = "") -> ClientCredentials:
        """For one API. `scope`: words with blanks between; empty for OCAPI and WebDAV."""
        if (client, scope) not in self._tokens:
            self._tokens[client, scope] = Tokens(
                self._http,
                self._url_of(client),
                client.client_id,
                client.proof,
                monotonic=self._monotonic,
                now=self._now,
                scope=scope,
            )
        return ClientCredentials(self._tokens[client, scope])

    def of_webdav(self, who: ApiClient | WebDavUser) -> ClientCredentials | PasswordLogin:
        if isinstance(who, ApiClient):
            return self.of_client(who)
        if who not in self._users:
            self._users[who] = PasswordLogin(who.name, who.access_key, self._refused_keys)
        return self._users[who]

    def _url_of(self, client: ApiClient) -> str:
        if client.account_manager_host is None:
            return self._token_url
        return base_url(client.account_manager_host) + urlsplit(self._token_url).path
