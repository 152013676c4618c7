"""What carries a login on a request, as requests wants it: an `AuthBase`.

Never a header set by hand: the library would replace that by whatever a netrc file names for the host. And
never a part of the request as it is described elsewhere: what is secret joins at the last moment, so that
nothing with a repr ever holds it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

import requests
from requests.auth import AuthBase


class BearerAuth(AuthBase):
    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class BasicAuth(AuthBase):
    """In UTF-8, which the library's own is not."""

    def __init__(self, user: str, password: str) -> None:
        self._word = _word(user, password)

    def is_of(self, user: str, password: str) -> bool:
        return self._word == _word(user, password)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Basic {self._word}"
        return request


class BodyAuth(AuthBase):
    """Fields added to the form of a request."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        form = request.body if isinstance(request.body, str) else ""
        request.body = f"{form}&{urlencode(self._fields)}".lstrip("&")
        return request


def _word(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode("ascii")
