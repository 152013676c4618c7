"""The sessions requests are sent with: what they trust, what they show, and that they remember nothing.

Knows TLS and the library's adapters; knows no API and no secret but what a certificate needs. A certificate
of this side is shown to the hosts it is meant for and to no other: each certificate has a session of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import Any

import requests
import urllib3
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from monitor import __version__
from monitor.sfcc.login.certificate import ClientCertificate

Contexts = Callable[[], ssl.SSLContext]


class Sessions:
    """One for each certificate, and one without. Raises `OSError` when `ca_file` cannot be read."""

    def __init__(self, *, ca_file: str | None, verify: bool) -> None:
        self._ca_file = ca_file
        self._verify = verify
        self._made: dict[ClientCertificate | None, requests.Session] = {}
        self._made[None] = new_session(ca_file=ca_file, verify=verify)

    def showing(self, certificate: ClientCertificate | None) -> requests.Session:
        """It is read when it is first needed, and again when its file has changed."""
        if certificate is not None and certificate not in self._made:
            session = new_session(ca_file=None, verify=self._verify)
            session.mount("https://", _KnownAdapter(certificate.contexts(self._context)))
            self._made[certificate] = session
        return self._made[certificate]

    def close(self) -> None:
        for session in self._made.values():
            session.close()

    def _context(self) -> ssl.SSLContext:
        return _context(self._ca_file, verify=self._verify)


def new_session(*, ca_file: str | None, verify: bool) -> requests.Session:
    """A session that trusts what it should and remembers nothing: no cookies, so no affinity.

    `ca_file` counts on top of the usual authorities; raises `OSError` when it cannot be read.
    """
    session = _Session()
    session.headers["User-Agent"] = f"sfcc-job-monitor/{__version__}"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.verify = verify
    if not verify:  # asked for by name in the settings: one warning there, not one for each request
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    elif ca_file:
        session.mount("https://", _TrustingAdapter(_context(ca_file, verify=True)))
    return session


class _Session(requests.Session):
    """Looks at no redirect: to prepare for one, the library would read its body whole, and trip over a
    Location that is no address."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        del resp


class _TrustingAdapter(HTTPAdapter):
    """Uses a context made elsewhere; the usual authorities are added to it for each connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)
        return manager


class _KnownAdapter(_TrustingAdapter):
    """Shows a certificate of its own. A new one is a new context, and with it new connections."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._lock = Lock()
        super().__init__(create_urllib3_context())

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises `SfccError` when the certificate cannot be read."""
        with self._lock:
            context = self._contexts()
            if context is not self._context:
                self._context = context
                self.init_poolmanager(DEFAULT_POOLSIZE, DEFAULT_POOLSIZE)
                self.proxy_manager.clear()
        return super().send(request, *args, **kwargs)


def _context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    if ca_file and verify:
        context.load_verify_locations(cafile=ca_file)
    return context
