"""The secrets this process knows by their value, so that they are masked where no pattern would find them.

A traceback, a job that prints what it was given, a proxy's error page: there a secret stands without a name.
Texts are made without secrets where they are born; what is collected here is the last line of defence.
"""

from __future__ import annotations

import contextlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from alerts.redact import MASK
from monitor.settings import Settings

SHORTEST = 6
"""Characters. A shorter one would mask words of every log, and is a password nobody should have."""

_TOKEN = re.compile(r"(?=.*\d)[\w.~+:-]{12,}")
"""What in an address is a token: others of its parts are words such as `services`."""

_LOGINS = (("client_id", "client_secret"), ("username", "password"))

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def secrets_of(settings: BaseModel, environ: Mapping[str, str]) -> frozenset[str]:
    """Of all settings or a table of them, each in all the ways it is usually written.

    A file that cannot be read adds nothing.
    """
    found = {
        *_of_tables(settings, environ),
        *(_of_address(settings.state) if isinstance(settings, Settings) else ()),
        *(one for name, value in environ.items() if name.lower() in _PROXIES for one in _of_address(value)),
    }
    return frozenset(spelt for one in found if len(one) >= SHORTEST for spelt in _spellings(one))


def concealing(settings: BaseModel, environ: Mapping[str, str]) -> Callable[[str], str]:
    """For sentences of our own that quote somebody: masks these secrets by value, and guesses no others.

    Files of secrets are read at each call, because they are replaced while the agent runs.
    """

    def conceal(text: str) -> str:
        for secret in sorted(secrets_of(settings, environ), key=lambda one: (-len(one), one)):
            text = text.replace(secret, MASK)
        return text

    return conceal


def _of_tables(value: object, environ: Mapping[str, str]) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield from _parts(value.get_secret_value())
    elif isinstance(value, BaseModel):
        for name, inner in value:
            yield from _of_tables(inner, environ)
            yield from _elsewhere(value, name, inner, environ)
        yield from _logins(value, environ)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_tables(inner, environ)


def _elsewhere(table: BaseModel, name: str, value: object, environ: Mapping[str, str]) -> Iterator[str]:
    """A field such as `password_file` beside `password`, or `url_env` beside `url`."""
    plain, _, place = name.rpartition("_")
    if plain not in type(table).model_fields or value is None:
        return
    if place == "file" and isinstance(value, Path):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            yield from _parts(value.read_text(encoding="utf-8").strip())
    elif place == "env" and isinstance(value, str):
        yield from _parts(environ.get(value, "").strip())


def _logins(table: BaseModel, environ: Mapping[str, str]) -> Iterator[str]:
    """A name and its secret in one word, as a header of basic authentication has them."""
    fields = dict(table)
    for user, secret in _LOGINS:
        name, file = fields.get(user), f"{secret}_file"
        if not isinstance(name, str):
            continue
        words = [
            *_of_tables(fields.get(secret), environ),
            *_elsewhere(table, file, fields.get(file), environ),
        ]
        for word in words:
            yield b64encode(f"{name}:{word}".encode()).decode("ascii")
            yield b64encode(f"{quote_plus(name)}:{quote_plus(word)}".encode()).decode("ascii")


def _parts(secret: str) -> Iterable[str]:
    return [secret, *_of_address(secret)] if "://" in secret else [secret]


def _of_address(address: str) -> Iterator[str]:
    """Its password, and what looks like a token anywhere in it."""
    try:
        url = urlsplit(address)
        query = parse_qsl(url.query)
    except ValueError:
        return
    if url.password:
        yield unquote(url.password)
    user, _, host = url.netloc.rpartition("@")
    words = [user.partition(":")[0], host, *url.path.split("/"), *(value for _, value in query)]
    yield from (unquote(word) for word in words if _TOKEN.fullmatch(unquote(word)) and not _is_host(word))


def _is_host(word: str) -> bool:
    return bool(re.fullmatch(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?|localhost:\d+", word))


def _spellings(secret: str) -> set[str]:
    """Plain, in an address, in a form, in JSON, and as Python shows it."""
    escaped = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), *escaped}
