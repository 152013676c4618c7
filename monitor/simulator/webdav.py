"""Reading files over WebDAV: GET with ranges, PROPFIND, and two ways to say who one is.

Errors are pages for people, never fault documents. HEAD is not among the operations that a client's `read`
permission grants, and is refused; so is everything that writes.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from monitor.simulator.exchange import Part, Request, Response, html_response
from monitor.simulator.files import File, View
from monitor.simulator.instant import http_date, span_ms
from monitor.simulator.world import World

ROOT = "/on/demandware.servlet/webdav/Sites"
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Sites"'}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_FOLDER = "<D:collection/>"


def respond(world: World, request: Request) -> Response:
    refusal = _refusal(world, request)
    if refusal is not None:
        return refusal
    path = unquote(request.path.removeprefix(ROOT)) or "/"
    if ".." in path.split("/"):
        return html_response(400, "Bad Request")
    if request.method == "OPTIONS":
        return Response(200, {"Allow": "GET, OPTIONS, PROPFIND", "DAV": "1"})
    if request.method == "PROPFIND":
        return _propfind(world, request, path)
    return _get(world, request, path)


def _refusal(world: World, request: Request) -> Response | None:
    scheme, _, credentials = request.header("Authorization").partition(" ")
    if scheme.lower() == "basic":
        if not world.webdav_users.admit(*_user(credentials)):
            return html_response(401, "Unauthorized", "", _CHALLENGE)
    else:
        client_id = (
            world.account_manager.client_of(credentials.strip()) if scheme.lower() == "bearer" else None
        )
        if client_id is None:
            return html_response(401, "Unauthorized", "", _CHALLENGE)
        path = unquote(request.path.removeprefix(ROOT))
        if not (world.permissions.allow("webdav", client_id) and world.permissions.allow_folder(path)):
            return html_response(world.permissions.denied_status, "Forbidden")
    return None if request.method in {"GET", "PROPFIND", "OPTIONS"} else html_response(403, "Forbidden")


def _user(credentials: str) -> tuple[str, str]:
    try:
        user, _, key = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, key


def _get(world: World, request: Request, path: str) -> Response:
    elsewhere = _redirect(world.quirks.log_redirect, request)
    if elsewhere is not None:
        return html_response(302, "Found", "", {"Location": elsewhere})
    file = _find(world, path)
    if file is None:
        if _below(world, path):
            return html_response(403, "Forbidden", "Directory listings are not served.")
        return html_response(404, "Not Found", escape(path))
    size = file.content.size
    headers = {
        "Content-Type": _media_type(path),
        "Last-Modified": http_date(file.modified),
    }
    if not world.quirks.ranges:
        return Response(200, headers, Part(file.content, 0, size))
    headers["Accept-Ranges"] = "bytes"
    return _ranged(request.header("Range"), file, headers, size)


def _redirect(target: str | None, request: Request) -> str | None:
    """A folder of this host is where it ends: what is asked for there is not sent on."""
    if target is None or (target.startswith("/") and request.path.startswith(target)):
        return None
    return target.rstrip("/") + request.path.removeprefix(ROOT if target.startswith("/") else "")


def _ranged(asked: str, file: File, headers: Mapping[str, str], size: int) -> Response:
    match = _RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or match.groups() == ("", ""):  # none, or of a form that may be ignored
        return Response(200, headers, Part(file.content, 0, size))
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        return html_response(416, "Range Not Satisfiable", "", {"Content-Range": f"bytes */{size}"})
    span = f"bytes {start}-{stop - 1}/{size}"
    return Response(206, {**headers, "Content-Range": span}, Part(file.content, start, stop))


def _propfind(world: World, request: Request, path: str) -> Response:
    depth = request.header("Depth") or "infinity"
    if depth not in {"0", "1"}:
        return html_response(403, "Forbidden", "Depth must be 0 or 1.")
    file = _find(world, path)
    if file is not None:
        return _multistatus([_file_entry(file)])
    names = _below(world, path)
    if not names and path.strip("/"):
        return html_response(404, "Not Found", escape(path))
    own = "/" + path.strip("/")
    entries = [_entry(own, own.rsplit("/", 1)[1] or "Sites", _FOLDER, "")]
    if depth == "1":
        entries += _children(world, own, names)
    return _multistatus(entries)


def _children(world: World, own: str, names: list[str]) -> list[str]:
    skip = 0 if own == "/" else len(own.split("/")) - 1
    parts = [name.strip("/").split("/") for name in names]
    folders = sorted({rest[skip] for rest in parts if len(rest) > skip + 1})
    found = (_find(world, name) for name, rest in zip(names, parts, strict=True) if len(rest) == skip + 1)
    base = own.rstrip("/")
    return [
        *(_entry(f"{base}/{folder}", folder, _FOLDER, "") for folder in folders),
        *(_file_entry(file, base) for file in found if file is not None),
    ]


def _file_entry(file: File, folder: str | None = None) -> str:
    name = file.path.rsplit("/", 1)[1]
    properties = (
        f"<D:getcontentlength>{file.content.size}</D:getcontentlength>"
        f"<D:getlastmodified>{http_date(file.modified)}</D:getlastmodified>"
        f"<D:getcontenttype>{_media_type(name)}</D:getcontenttype>"
    )
    return _entry(file.path if folder is None else f"{folder}/{name}", name, "", properties)


def _entry(path: str, name: str, kind: str, properties: str) -> str:
    return (
        f"<D:response><D:href>{escape(quote(ROOT + path))}</D:href><D:propstat><D:prop>"
        f"<D:displayname>{escape(name)}</D:displayname><D:resourcetype>{kind}</D:resourcetype>{properties}"
        f"</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    )


def _multistatus(entries: list[str]) -> Response:
    head = '<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">'
    body = f"{head}{''.join(entries)}</D:multistatus>".encode()
    return Response(207, {"Content-Type": "text/xml;charset=UTF-8"}, body)


def _find(world: World, path: str) -> File | None:
    return world.files.find(path, world.now_ms(), _view(world))


def _below(world: World, path: str) -> list[str]:
    return world.files.below(path, world.now_ms(), _view(world))


def _view(world: World) -> View:
    quirks = world.quirks
    after = None if quirks.log_archive_after is None else span_ms(quirks.log_archive_after)
    return View(after, quirks.log_archive, quirks.legacy_log_name, span_ms(quirks.log_lag))


def _media_type(name: str) -> str:
    if name.endswith(".gz"):
        return "application/gzip"
    return "application/xml" if name.endswith(".xml") else "text/plain"
