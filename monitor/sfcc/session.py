"""The sessions requests are sent with: what they trust, and that they remember nothing.

Knows TLS and the library's adapters; knows no API and no secret but what a certificate needs.
"""

from __future__ import annotations

import ssl
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from monitor import __version__


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
        context = create_urllib3_context()
        context.load_verify_locations(cafile=ca_file)
        session.mount("https://", _TrustingAdapter(context))
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
