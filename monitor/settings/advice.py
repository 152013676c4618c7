"""What is allowed in the settings and yet likely not meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.settings.credentials import table_of_client
from monitor.settings.kinds import instance_type
from monitor.settings.model import InstanceSettings, Settings


def advice(settings: Settings) -> Iterator[str]:
    """In sentences, each with its place."""
    if settings.routes and (settings.routes[-1].match or settings.routes[-1].goes_on):
        yield (
            "routes: what none of them takes goes to all targets; a last route without match says who is to "
            "hear of it (targets = []: nobody)"
        )
    for instance in settings.instances:
        lines = (*_without_effect(instance), *_certificates(instance), *_one_client_for_both(instance))
        yield from (f"instance {instance.name}: {line}" for line in lines)


def _certificates(instance: InstanceSettings) -> Iterator[str]:
    if instance.selfsigned and instance_type(instance) != "sandbox":
        yield (
            "selfsigned takes any certificate, also that of somebody in between: for sandboxes only; "
            "an authority of your own belongs into ca_file"
        )
    if instance.trigger.certificate is not None:
        yield "trigger.certificate has no effect: jobs are started with that of the API which is asked"


def _one_client_for_both(instance: InstanceSettings) -> Iterator[str]:
    given = dict(instance)
    ocapi, scapi = (table_of_client(given, api).get("client_id") for api in ("ocapi", "scapi"))
    has_scapi = instance.tenant_id and (instance.shortcode or instance.scapi_server)
    if has_scapi and instance.api_backend == "auto" and ocapi is not None and ocapi == scapi:
        yield (
            f"the API client {ocapi} is for OCAPI and for SCAPI: Salesforce advises a client for each "
            '(a table scapi or ocapi with its own); or choose one API (api_backend = "scapi")'
        )


def _without_effect(instance: InstanceSettings) -> Iterator[str]:
    if not instance.tenant_id and (instance.shortcode or instance.scapi_server):
        given = "shortcode" if instance.shortcode else "scapi_server"
        yield f"{given} has no effect without tenant_id: OCAPI is used"
    tables = {"": instance, **{f"{api}.": getattr(instance, api) for api in ("ocapi", "scapi", "trigger")}}
    for prefix, table in tables.items():
        has_secret = table.client_secret is not None or table.client_secret_file is not None
        if has_secret and table.jwt_key is not None and table.token_endpoint_auth_method in {None, "auto"}:
            method = f'{prefix}token_endpoint_auth_method = "private_key_jwt"'
            yield f"{prefix}jwt_key has no effect beside {prefix}client_secret; {method} makes it count"
        if prefix and table.username is not None:
            yield f"{prefix}username has no effect: only WebDAV takes users (webdav.username)"
    for prefix, table in {"": instance, "webdav.": instance.webdav}.items():
        has_key = table.password is not None or table.password_file is not None
        if has_key and table.username is None:
            yield f"{prefix}password has no effect without {prefix}username"
