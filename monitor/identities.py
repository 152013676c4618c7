"""Who logs in to each API of an instance, by its settings: clients, users, certificates.

Knows which table counts for which API. Reads no secret: what leaves holds functions that do.
"""

from __future__ import annotations

from dataclasses import replace

from monitor.settings import InstanceSettings
from monitor.settings.credentials import table_of_client
from monitor.settings.model import Credentials
from monitor.sfcc.login.certificate import ClientCertificate
from monitor.sfcc.login.logins import ApiClient, WebDavUser
from monitor.sfcc.login.proof import SigningKey


def client_of(instance: InstanceSettings, api: str) -> ApiClient | None:
    """Of `ocapi`, `scapi`, `webdav` or `trigger`: its own client or else the instance's; None without any.

    Equal for all who have the same, so that they share its tokens.
    """
    own: Credentials = getattr(instance, api)
    given = dict(instance)
    found = _client(instance if table_of_client(given, api) is given else own, instance.name)
    if found is None:
        return None
    return replace(found, account_manager_host=own.account_manager_host or instance.account_manager_host)


def trigger_of(instance: InstanceSettings) -> ApiClient | None:
    """The client that starts jobs, where it is another one."""
    return client_of(instance, "trigger") if instance.trigger.client_id is not None else None


def log_reader_of(instance: InstanceSettings) -> ApiClient | WebDavUser | None:
    """A user of the table webdav, its client, the instance's user or its client: the first there is."""
    for table in (instance.webdav, instance):
        if user := _user(table, instance.name):
            return user
        if table.client_id is not None:
            return client_of(instance, "webdav")
    return None


def certificates_of(instance: InstanceSettings) -> dict[str, ClientCertificate]:
    """By API. The instance's is for its own hosts and that of WebDAV, and goes to no other unasked."""
    found = {}
    for api in ("ocapi", "webdav", "scapi"):
        own: Credentials = getattr(instance, api)
        table = own if own.certificate is not None or api == "scapi" else instance
        if table.certificate is not None:
            what = f"certificate_passphrase of {instance.name}"
            found[api] = ClientCertificate(table.certificate, table.passphrase(what))
    return found


def _client(table: Credentials, name: str) -> ApiClient | None:
    if table.client_id is None:
        return None
    key = None
    if table.jwt_key is not None and table.jwt_cert is not None:
        key = SigningKey(table.jwt_key, table.jwt_cert, table.key_passphrase(f"jwt_passphrase of {name}"))
    return ApiClient(
        table.client_id,
        table.secret(f"client secret of {name}"),
        key,
        table.token_endpoint_auth_method or "auto",
    )


def _user(table: Credentials, name: str) -> WebDavUser | None:
    access_key = table.access_key(f"WebDAV access key of {name}")
    if table.username is None or access_key is None:
        return None
    return WebDavUser(table.username, access_key)
