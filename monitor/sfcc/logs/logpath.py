"""From the `log_file_path` of a run to an address: the field is server data that drives a request of ours.

Pure. The path is taken apart, each part is judged, and the address is put together anew, so nothing in it
can change the host, climb out of the folders of logs or become a query. A part is judged in every reading a
server might give it: decoded any number of times, and with characters that only look like others.

What nobody says is tried: whether a percent sign in the field is one of the name or of an address, and where
a log goes that is moved to `log_archive` after three days.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from monitor.errors import LogError, Reason

ROOT = "/on/demandware.servlet/webdav/Sites/"
PREFIX = re.compile(r"(?:/?on/demandware\.servlet/webdav)?/?sites/", re.IGNORECASE)
LOG_FOLDERS = (("logs",), ("impex", "log"))
"""Where job logs are; any case. Other folders hold customers' data and keys, which no alert may carry."""
LIKE_SLASHES = frozenset(
    "/\\\N{FRACTION SLASH}\N{DIVISION SLASH}\N{SET MINUS}\N{BIG SOLIDUS}\N{BIG REVERSE SOLIDUS}"
)
LIKE_DOTS = str.maketrans(
    "\N{ONE DOT LEADER}\N{IDEOGRAPHIC FULL STOP}\N{HALFWIDTH IDEOGRAPHIC FULL STOP}", "..."
)
SHORT_ESCAPE = re.compile("%u([0-9a-fA-F]{4})")
WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/|//|\\\\", re.IGNORECASE)
LONGEST = 4000
LEGACY_FOLDER = ("Impex", "log")  # of a bare name, as the field `log_file_name` of old versions has it
ARCHIVE = "log_archive"
PORTS = {"http": 80, "https": 443}


def log_parts(log_file_path: str) -> tuple[str, ...]:
    """Folders and name below `Sites`, unencoded; raises `LogError`.

    With and without `/Sites/` in front, in any case, as different versions write it; a full WebDAV path;
    a bare name.
    """
    if not log_file_path.strip():
        raise LogError(Reason.NOT_FOUND, "no log: the platform names none for this run")
    if len(log_file_path) > LONGEST or WITH_SCHEME.match(log_file_path.strip()):
        raise _odd(log_file_path)
    rest = PREFIX.sub("", log_file_path, count=1) if PREFIX.match(log_file_path) else log_file_path
    parts = tuple(rest.removeprefix("/").split("/"))
    if len(parts) == 1 and parts[0] == log_file_path and parts[0].lower().endswith(".log"):
        parts = (*LEGACY_FOLDER, *parts)
    if not all(_is_plain(part) for part in parts):
        raise _odd(log_file_path)
    folders = tuple(part.lower() for part in parts[:-1])
    if not any(folders[: len(known)] == known for known in LOG_FOLDERS):
        raise _odd(log_file_path)
    return parts


def log_url(base: str, parts: tuple[str, ...]) -> str:
    """`base` is the server's URL; every part is percent-encoded, `?`, `#` and `%` included."""
    return base + ROOT + "/".join(quote(part, safe="") for part in parts)


def spellings(parts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The path as it is given, then as it was meant if its percent signs are those of an address."""
    decoded = tuple(map(unquote, parts))
    return tuple(dict.fromkeys((parts, decoded)))


def archives(parts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Where a log may lie packed once it is moved away; nothing but the logs' own folder has an archive.

    Always in the same order, whatever the path, so that the place that proved right can be remembered.
    """
    top, *folders, name = parts
    if top.lower() != "logs":
        return ()
    packed = f"{name}.gz"
    return (
        (top, ARCHIVE, *folders, packed),
        (top, *folders, ARCHIVE, packed),
        (top, *folders[:1], ARCHIVE, packed),
    )


def redirected(base: str, location: str, at: str) -> str | None:
    """Where a redirect of a log leads, if that is a log of the same server; None for any other address.

    at: what was asked for. The answer is put together anew, like any other address.
    """
    try:
        to, home = urlsplit(urljoin(at, location)), urlsplit(base)
        if _server(to) != _server(home) or "@" in to.netloc or to.query or not to.path.startswith(ROOT):
            return None
        return log_url(base, log_parts(unquote(to.path, errors="strict")))
    except (ValueError, LogError):
        return None


def _server(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or PORTS.get(url.scheme)


def _is_plain(part: str) -> bool:
    """Whether it is a name and no trick in whatever reading."""
    return bool(part.strip()) and all(_is_name(reading) for reading in _readings(part))


def _readings(part: str) -> Iterator[str]:
    """The part itself, and as it is after each further decoding, until that changes nothing."""
    before = None
    while part != before:  # comes to an end: decoding makes shorter, and characters change once
        yield part
        before, part = part, unicodedata.normalize("NFKC", part)
        yield part
        part = unquote(SHORT_ESCAPE.sub(lambda found: chr(int(found[1], 16)), part))


def _is_name(text: str) -> bool:
    visible = "".join(char for char in text.translate(LIKE_DOTS) if unicodedata.category(char) != "Cf")
    return (
        visible.partition(";")[0].strip() not in {"", ".", ".."}  # some servers cut at a semicolon
        and LIKE_SLASHES.isdisjoint(text)
        and "\N{REPLACEMENT CHARACTER}" not in text  # dots spelt in more bytes than they need
        and not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text)
    )


def _odd(log_file_path: str) -> LogError:
    text = f"no log: the path the platform gives for it is not one to follow: {log_file_path[:200]!a}"
    return LogError(Reason.PROTOCOL, text)
