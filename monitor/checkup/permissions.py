"""The rights the agent needs, as the entries and pages of Business Manager and Account Manager to give them.

Pure. The two documents of an instance look alike: `clients`, each with an id and a list. In OCAPI's the list
is `resources`, in WebDAV's it is `permissions`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

ACCOUNT_MANAGER_PAGE = "Account Manager > API Client"
ACCESS_KEYS_PAGE = (
    "Business Manager > your user's name > My Profile > Access Keys, scope WebDAV File Access and UX Studio"
)
ROLES_PAGE = "Business Manager > Administration > Organization > Roles & Permissions > WebDAV Permissions"
LOGS = "/logs"
IMPORT_LOGS = "/impex/log"
SEARCH = "/job_execution_search"
LOOKUP = "/jobs/*/executions/*"

Entry = Mapping[str, Any]


class Document(StrEnum):
    """Which of the two documents of an instance."""

    OCAPI = "ocapi"
    WEBDAV = "webdav"

    @property
    def page(self) -> str:
        return {
            Document.OCAPI: "Business Manager > Administration > Site Development > Open Commerce API "
            "Settings, type Data, context Global",
            Document.WEBDAV: "Business Manager > Administration > Organization > WebDAV Client Permissions",
        }[self]

    @property
    def rights(self) -> str:
        """The name of a client's list in it."""
        return {Document.OCAPI: "resources", Document.WEBDAV: "permissions"}[self]


def ocapi_entry(client_id: str) -> Entry:
    """Reads runs; the second resource is what looks at one of them."""
    all_of = {"read_attributes": "(**)", "write_attributes": "(**)"}
    return {
        "client_id": client_id,
        "resources": [
            {"resource_id": SEARCH, "methods": ["post"], **all_of},
            {"resource_id": LOOKUP, "methods": ["get"], **all_of},
        ],
    }


def entry_text(entry: Entry) -> str:
    """As a person reads it, a right on each line."""
    head = {name: value for name, value in entry.items() if not isinstance(value, list)}
    lines = [json.dumps(head, ensure_ascii=False).removesuffix("}")]
    for name, rights in entry.items():
        if isinstance(rights, list):
            inner = ",\n  ".join(json.dumps(right, ensure_ascii=False) for right in rights)
            lines.append(f", {json.dumps(name)}: [\n  {inner}]")
    return "".join(lines) + "}"


def webdav_entry(client_id: str, paths: Sequence[str] = (LOGS,)) -> Entry:
    return {"client_id": client_id, "permissions": [{"path": path, "operations": ["read"]} for path in paths]}
