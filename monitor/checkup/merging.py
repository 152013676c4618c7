"""Our entry merged into the document a person took from Business Manager: what is there stays as it is.

Pure. Pasting our entry over such a document would take everybody else's rights away, and pasting it beside an
entry of the same client would leave two of them; so both are done here, and what cannot be done without
changing something else is refused with its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.checkup.permissions import Document, Entry
from monitor.errors import MonitorError


class MergeError(MonitorError):
    """The document is not one to merge into; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Merged:
    """`notes` are for the person: what was left as it is although the agent would wish otherwise."""

    text: str
    kind: Document
    changed: bool
    notes: tuple[str, ...] = ()


def read(text: str, wanted: Document | None = None) -> tuple[Document, dict[str, Any]]:
    """Which of the two documents it is, and what it holds; raises MergeError.

    `wanted` decides where nothing in it tells them apart, and is held against it where something does.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise MergeError("it is nested too deeply") from error
    except ValueError as error:
        hint = "; it looks like XML: copy the text of the page, not an export" if text[:1] == "<" else ""
        raise MergeError(f"it is not valid JSON ({error}){hint}") from error
    if not isinstance(found, dict):
        raise MergeError(f"it is {_kind_of(found)}, not an object with clients")
    clients = found.setdefault("clients", [])
    if not isinstance(clients, list):
        raise MergeError(f"clients is {_kind_of(clients)}, not a list")
    kinds = {kind: where for where, kind in _kinds(found, clients)}
    if len(kinds) > 1:
        places = " but ".join(f"{where} as in the {kind} document" for kind, where in kinds.items())
        raise MergeError(f"it mixes two documents: {places}")
    kind = next(iter(kinds), wanted)
    if kind is None:
        raise MergeError(
            "nothing in it tells which document it is: write --merge ocapi:FILE or --merge webdav:FILE"
        )
    if wanted is not None and kind is not wanted:
        raise MergeError(f"it is the {kind} document ({kinds[kind]}), not that of {wanted}")
    return kind, found


def merge(kind: Document, document: Mapping[str, Any], entry: Entry) -> Merged:
    """`document` as `read` gave it, which stays as it is; raises MergeError."""
    clients = list(document["clients"])
    notes: list[str] = []
    places = [index for index, one in enumerate(clients) if _is_of(one, entry["client_id"])]
    if len(places) > 1:
        where = " and ".join(f"clients[{index}]" for index in places)
        raise MergeError(f"{where} are both {entry['client_id']}: make them one first")
    if places:
        clients[places[0]] = _united(kind, clients[places[0]], entry, f"clients[{places[0]}]", notes)
    else:
        clients.append(dict(entry))
    merged = {**document, "clients": clients}
    text = json.dumps(merged, ensure_ascii=False, indent=2)
    return Merged(text, kind, clients != document["clients"], tuple(notes))


def _kinds(document: Mapping[str, Any], clients: Sequence[Any]) -> Iterator[tuple[str, Document]]:
    """Each place that tells which document it is; raises MergeError for what is in neither."""
    if "_v" in document:
        yield "_v stands", Document.OCAPI
    for index, client in enumerate(clients):
        where = f"clients[{index}]"
        if not isinstance(client, dict) or not isinstance(client.get("client_id"), str):
            raise MergeError(f"{where} is no client: an object with a client_id")
        for kind in Document:
            rights = client.get(kind.rights)
            if rights is None:
                continue
            if not isinstance(rights, list) or not all(isinstance(right, dict) for right in rights):
                raise MergeError(f"{where}.{kind.rights} is not a list of objects")
            yield f"{where} has {kind.rights}", kind


def _united(
    kind: Document, client: Mapping[str, Any], entry: Entry, where: str, notes: list[str]
) -> dict[str, Any]:
    rights = list(client.get(kind.rights) or ())
    for wanted in entry[kind.rights]:
        if kind is Document.OCAPI:
            _add_resource(rights, wanted, f"{where}.{kind.rights}", notes)
        else:
            _add_path(rights, wanted, f"{where}.{kind.rights}")
    return {**client, kind.rights: rights}


def _add_resource(rights: list[Any], wanted: Mapping[str, Any], where: str, notes: list[str]) -> None:
    """Where the resource is there, its methods are united and its other attributes kept."""
    for index, right in enumerate(rights):
        if _same_resource(right.get("resource_id"), wanted["resource_id"]):
            place = f"{where}[{index}]"
            rights[index] = {**right, "methods": _joined(right, "methods", wanted, place)}
            shown = right.get("read_attributes")
            if shown != wanted["read_attributes"]:
                notes.append(
                    f'{place}.read_attributes is kept as {json.dumps(shown)}; the monitor is made for "(**)" '
                    "and takes for unknown what it is not shown"
                )
            return
    rights.append(dict(wanted))


def _add_path(rights: list[Any], wanted: Mapping[str, Any], where: str) -> None:
    """The platform refuses paths of which one lies within the other."""
    path = _folder(wanted["path"])
    for index, right in enumerate(rights):
        place = f"{where}[{index}]"
        held = right.get("path")
        if not isinstance(held, str):
            raise MergeError(f"{place} has no path")
        if path.startswith(_folder(held)):
            rights[index] = {**right, "operations": _joined(right, "operations", wanted, place)}
            return
        if _folder(held).startswith(path):
            raise MergeError(
                f"{place} is for {held}, within {wanted['path']}, and paths must not lie within each other: "
                f"widen it to {wanted['path']} first, if what it allows may be allowed there"
            )
    rights.append(dict(wanted))


def _joined(right: Mapping[str, Any], name: str, wanted: Mapping[str, Any], where: str) -> list[Any]:
    """Words of both, those that are there first; case does not make another word."""
    held = right.get(name, [])
    if not isinstance(held, list):
        raise MergeError(f"{where}.{name} is {_kind_of(held)}, not a list")
    known = {word.lower() for word in held if isinstance(word, str)}
    return [*held, *(word for word in wanted[name] if word not in known)]


def _same_resource(held: object, wanted: str) -> bool:
    """`/jobs/{job_id}/executions/{id}` is another spelling of `/jobs/*/executions/*`."""
    if not isinstance(held, str):
        return False
    parts = ["*" if part.startswith("{") and part.endswith("}") else part for part in held.split("/")]
    return "/".join(parts) == wanted


def _folder(path: str) -> str:
    return path.rstrip("/").lower() + "/"


def _is_of(client: Any, client_id: str) -> bool:
    return isinstance(client, dict) and client.get("client_id") == client_id


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """JSON takes a name twice and forgets the first; what is forgotten here would be taken from somebody."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {json.dumps(name)} stands twice in one object")
        found[name] = value
    return found


def _kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
