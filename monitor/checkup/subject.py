"""Which instance is looked at, in the words of its settings and its servers. Plain data, no secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PLATFORM = (".demandware.net", ".commercecloud.salesforce.com")
"""What the hosts of instances end in; everything else is a domain that somebody pointed at one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`servers`: the base URL by API (`ocapi`, `scapi`, `webdav`), of those that are set up.

    `clients`: the id of the API client by API, and `token_servers` the base URL of where it gets its tokens.
    `webdav_user`: who reads logs in place of a client.
    """

    instance: str
    type: str
    servers: Mapping[str, str]
    clients: Mapping[str, str]
    token_servers: Mapping[str, str] = field(default_factory=dict)
    webdav_user: str | None = None
    tenant: str = ""

    @property
    def is_replicated_to(self) -> bool:
        """Whether settings made there directly may be overwritten from staging."""
        return self.type in {"production", "development"}

    def host(self, api: str) -> str:
        return urlsplit(self.servers.get(api, "")).netloc

    def token_host(self, api: str) -> str:
        return urlsplit(self.token_servers.get(api, "")).netloc


def is_platform_host(host: str) -> bool:
    """Whether it is named as instances are; a name of a shop's own belongs to its storefront."""
    name = host.rpartition("@")[2].partition(":")[0].rstrip(".").lower()
    return name.endswith(PLATFORM)
