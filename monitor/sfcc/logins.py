"""Who logs in where: the API client or the user of each API of an instance, and one login for each of them.

Knows which ways of proving who one is there are; how each works is `auth`'s. APIs that share a client and
ask for the same scope share a login, and so its token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from monitor.sfcc.auth import ClientCredentials, PasswordLogin
from monitor.sfcc.http import Http


@dataclass(frozen=True, slots=True)
class ApiClient:
    """An API client of Account Manager. Its secret is read whenever a token is asked for."""

    client_id: str
    secret: Callable[[], str] = field(repr=False)

    @property
    def secrets(self) -> tuple[Callable[[], str], ...]:
        return (self.secret,)


@dataclass(frozen=True, slots=True)
class WebDavUser:
    """A user of Business Manager with an access key."""

    name: str
    access_key: Callable[[], str] = field(repr=False)

    @property
    def secrets(self) -> tuple[Callable[[], str], ...]:
        return (self.access_key,)


class Logins:
    """The logins of one instance; `http` sends to the token endpoint at `token_url`."""

    def __init__(
        self, http: Http, token_url: str, *, monotonic: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._token_url = token_url
        self._monotonic = monotonic
        self._now = now
        self._made: dict[tuple[ApiClient, str], ClientCredentials] = {}

    def of_client(self, client: ApiClient, scope: str = "") -> ClientCredentials:
        """`scope`: words with blanks between; empty for OCAPI and WebDAV."""
        if (client, scope) not in self._made:
            self._made[client, scope] = ClientCredentials(
                self._http,
                self._token_url,
                client.client_id,
                client.secret,
                monotonic=self._monotonic,
                now=self._now,
                scope=scope,
            )
        return self._made[client, scope]

    def of_webdav(self, who: ApiClient | WebDavUser) -> ClientCredentials | PasswordLogin:
        if isinstance(who, WebDavUser):
            return PasswordLogin(who.name, who.access_key)
        return self.of_client(who)
