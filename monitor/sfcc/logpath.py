"""From the `log_file_path` of a run to an address: the field is server data that drives a request of ours.

Pure. The path is taken apart, each part is judged, and the address is put together anew, so nothing in it
can change the host, climb out of the WebDAV tree or become a query.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from monitor.errors import LogError, Reason

ROOT = "/on/demandware.servlet/webdav/Sites/"
PREFIX = re.compile(r"(?:/?on/demandware\.servlet/webdav)?/?sites/", re.IGNORECASE)
WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/|//|\\\\", re.IGNORECASE)
LONGEST = 4000


def log_parts(log_file_path: str) -> tuple[str, ...]:
    """Folders and name below `Sites`, unencoded; raises `LogError`.

    With and without `/Sites/` in front, in any case, as different versions write it.
    """
    if not log_file_path.strip():
        raise LogError(Reason.NOT_FOUND, "no log: the platform names none for this run")
    if len(log_file_path) > LONGEST or WITH_SCHEME.match(log_file_path.strip()):
        raise _odd(log_file_path)
    rest = PREFIX.sub("", log_file_path, count=1) if PREFIX.match(log_file_path) else log_file_path
    parts = tuple(rest.removeprefix("/").split("/"))
    if not all(_is_plain(part) for part in parts):
        raise _odd(log_file_path)
    return parts


def log_url(base: str, parts: tuple[str, ...]) -> str:
    """`base` is the server's URL; every part is percent-encoded, `?`, `#` and `%` included."""
    return base + ROOT + "/".join(quote(part, safe="") for part in parts)


def _is_plain(part: str) -> bool:
    """Whether it is a name and no trick, also after being decoded once more than it should be."""
    decoded = unquote(part)
    return (
        bool(part.strip())
        and decoded.strip() not in {".", ".."}
        and not {"/", "\\"} & set(part + (decoded if decoded != part else ""))
        and not any(unicodedata.category(char) in {"Cc", "Cs"} for char in part + decoded)
    )


def _odd(log_file_path: str) -> LogError:
    text = f"no log: the path the platform gives for it is not one to follow: {log_file_path[:200]!a}"
    return LogError(Reason.PROTOCOL, text)
