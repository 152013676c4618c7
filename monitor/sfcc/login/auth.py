"""Logging in: tokens of Account Manager, shared by all who use the same client, and when to get a new one.

Knows OAuth's client credentials; how a client proves who it is stands in `proof`, and nothing here knows jobs
or logs. A token is held in memory only. The one idea: it is renewed a while before it ends, by one thread,
while the others go on with the old one; and a refusal is answered by a new token only where that may help.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from requests.auth import AuthBase

from monitor.errors import Reason, SfccError
from monitor.sfcc.http import Http, Incoming, Outgoing
from monitor.sfcc.login.authorization import BearerAuth
from monitor.sfcc.login.proof import API_CLIENT, Proof
from monitor.sfcc.refusal import Refusal, general_error, json_document, read_refusal

T = TypeVar("T")

TOKEN_PATH = "/dwsso/oauth2/access_token"  # noqa: S105 - an address, not a secret
TOKEN = re.compile(r"[!-~]{1,16000}")  # what a header can carry
USUAL_LIFE = 1800.0  # seconds; for answers that do not say
EARLY = 60.0  # seconds before its end that a token is renewed; a tenth of its life where that is less
PAUSE = 10.0  # seconds until a renewal that failed is tried again, while the old token still holds
YOUNG = 60.0  # seconds; a token of that age that is refused has not been ended by anybody: a right is missing
IN_VAIN = 600.0  # seconds until a new token is tried once more, after one that did not help either
TRIES = 3  # of a proof: as it was, another way, and with a secret that was replaced meanwhile
FORBIDDEN_FAULTS = ("ClientAccessForbiddenException",)
"""Faults that say the token is good and a right is missing: a new token would not help."""


class Login(Protocol):
    """How requests to an instance are authorized; tokens and passwords are the two ways."""

    def auth(self) -> AuthBase:
        """For the next request; raises `SfccError` when there is none."""
        ...

    def accepted(self, auth: AuthBase) -> None:
        """Told of an answer that was no 401."""
        ...

    def refused(self, auth: AuthBase, *, has_ended: bool = False) -> bool:
        """Told of a 401: whether `auth()` has something new to try.

        has_ended: the answer says that it is the token, and not a right of its client.
        """
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Held around requests, so that a login which can be locked is not tried by many at once."""
        ...


def logged_in(login: Login, send: Callable[[AuthBase], T]) -> T:
    """Sends with this login, and once more with another where the first was refused and that may help."""
    auth = login.auth()
    try:
        return _told(login, auth, send)
    except SfccError as error:
        if not _is_refused(error) or not login.refused(auth, has_ended=_is_of_token(error)):
            raise
    auth = login.auth()
    try:
        return _told(login, auth, send)
    except SfccError as error:
        if _is_refused(error):
            login.refused(auth, has_ended=_is_of_token(error))
        raise


def _told(login: Login, auth: AuthBase, send: Callable[[AuthBase], T]) -> T:
    try:
        result = send(auth)
    except SfccError as error:
        if error.status is not None and error.status != 401:
            login.accepted(auth)
        raise
    login.accepted(auth)
    return result


def _is_refused(error: SfccError) -> bool:
    return error.status == 401 and error.fault_type not in FORBIDDEN_FAULTS


def _is_of_token(error: SfccError) -> bool:
    return error.reason is Reason.CREDENTIALS


@dataclass(frozen=True, slots=True)
class Token:
    """Times are by a monotonic clock. `scopes`: what Account Manager says it is good for."""

    auth: BearerAuth
    began: float
    renew_at: float
    ends_at: float
    scopes: frozenset[str] = frozenset()


class Tokens:
    """Those of one client for one scope, one after the other; shared by threads."""

    def __init__(
        self,
        http: Http,
        token_url: str,
        client_id: str,
        proof: Proof,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        scope: str = "",
    ) -> None:
        self.client_id = client_id
        self.monotonic = monotonic
        self._http = http
        self._url = token_url
        self._proof = proof
        self._scope = scope
        self._now = now
        self._token: Token | None = None
        self._renew_at = 0.0
        self._lock = threading.Lock()

    def current(self) -> Token:
        """Raises `SfccError` where there is none to be had."""
        token = self._good()
        if token is None:
            with self._lock:  # who waited finds the one that the first has fetched
                return self._good() or self._fetched()
        if self.monotonic() >= self._renew_at and self._lock.acquire(blocking=False):
            try:
                return self._renewed(token)
            finally:
                self._lock.release()
        return token

    def drop(self, auth: AuthBase) -> None:
        """That token, unless another thread has put a new one in its place already."""
        with self._lock:
            if self._token is not None and self._token.auth is auth:
                self._token = None

    def age(self, auth: AuthBase) -> float | None:
        """In seconds; None where it is no longer the current one."""
        token = self._token
        return None if token is None or token.auth is not auth else self.monotonic() - token.began

    def _good(self) -> Token | None:
        token = self._token
        return token if token is not None and self.monotonic() < token.ends_at else None

    def _renewed(self, token: Token) -> Token:
        """Called with the lock held; the old one while no new one is to be had."""
        if self.monotonic() < self._renew_at:  # another thread was quicker
            return self._good() or token
        try:
            return self._fetched()
        except SfccError:
            self._renew_at = self.monotonic() + PAUSE
            return token

    def _fetched(self) -> Token:
        """Called with the lock held."""
        for tried in range(1, TRIES + 1):
            began = self.monotonic()
            try:
                token, life, scopes = self._asked()
                break
            except SfccError as error:
                is_proof = error.reason is Reason.CREDENTIALS and error.status is not None
                if not is_proof or tried == TRIES or not self._proof.refused(self._their_now()):
                    raise
        early = min(EARLY, life / 10)
        found = Token(BearerAuth(token), began, began + life - early, began + life - early / 10, scopes)
        self._token, self._renew_at = found, found.renew_at
        return found

    def _asked(self) -> tuple[str, float, frozenset[str]]:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        auth = self._proof.auth(self._url, self._their_now())
        return self._http.ask(Outgoing("POST", self._url, form=form), auth, self._read)

    def _their_now(self) -> datetime:
        """Account Manager's time, as far as it is known: an assertion that is signed lives for a minute."""
        return self._now() + (self._http.clock_offset or timedelta())

    def _read(self, incoming: Incoming) -> tuple[str, float, frozenset[str]]:
        if incoming.status != 200:
            raise self._error(read_refusal(incoming, self._now()))
        doc = json_document(incoming)
        token, life, scope = doc.get("access_token"), doc.get("expires_in"), doc.get("scope")
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            text = f"{incoming.host} sent no access token; check account_manager_host"
            raise SfccError(Reason.PROTOCOL, text, status=incoming.status)
        if not isinstance(life, int | float) or isinstance(life, bool) or not 0 < life < 10**7:
            life = USUAL_LIFE
        return token, float(life), frozenset(scope.split() if isinstance(scope, str) else ())

    def _error(self, refusal: Refusal) -> SfccError:
        host, client = refusal.host, f'the API client "{self.client_id}"'
        if refusal.status == 404:
            text = f"{host} has no token endpoint at this address{refusal.quote}: check account_manager_host"
            return refusal.as_error(Reason.NOT_FOUND, text)
        if refusal.error == "invalid_scope":
            scope = f"the scope {self._scope}" if self._scope else "a scope"
            text = f"{host} does not give {client} {scope}: {self._scope_remedy()}"
            return refusal.as_error(Reason.PERMISSION, text)
        if refusal.error in {"invalid_client", "unauthorized_client"} or refusal.status == 401:
            said = refusal.error or refusal.status
            text = f"{host} does not accept {client} ({said}): {self._proof.remedy(self._their_now())}"
            return refusal.as_error(Reason.CREDENTIALS, text)
        if refusal.error:
            text = f"{host} gives {client} no token ({refusal.status}, {refusal.error})"
            return refusal.as_error(Reason.REFUSED, text)
        return general_error(refusal)

    def _scope_remedy(self) -> str:
        rights = [word for word in self._scope.split() if ":" not in word]
        tenants = [word.partition(":")[2] for word in self._scope.split() if ":" in word]
        remedy = f"{API_CLIENT} add {' '.join(rights) or 'it'} to its Allowed Scopes"
        if tenants:
            remedy += f", and the role Salesforce Commerce API with {', '.join(tenants)} in its filter"
        return remedy


class ClientCredentials:
    """The login of one API by tokens; several APIs may share the tokens.

    Not every 401 means that the token has ended: OCAPI and WebDAV also say so where a right is missing. So a
    new token is tried where the old one has worked here or is no longer young, and not again until one works,
    or some time has passed. Where the answer says that the token has ended, it is never used again.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._has_worked = False
        self._in_vain = False

    @property
    def client_id(self) -> str:
        return self._tokens.client_id

    def auth(self) -> BearerAuth:
        return self._tokens.current().auth

    def scopes(self) -> frozenset[str]:
        """What the token is good for, as Account Manager says; raises `SfccError` where there is none."""
        return self._tokens.current().scopes

    def accepted(self, auth: AuthBase) -> None:
        del auth
        self._has_worked, self._in_vain = True, False

    def refused(self, auth: AuthBase, *, has_ended: bool = False) -> bool:
        age = self._tokens.age(auth)
        if age is None:  # there is a newer one
            return True
        in_vain = self._in_vain and age < IN_VAIN and not has_ended
        if in_vain or (not self._has_worked and age < YOUNG):
            return False
        self._in_vain = True
        self._tokens.drop(auth)
        return True

    def turn(self) -> AbstractContextManager[None]:
        return nullcontext()
