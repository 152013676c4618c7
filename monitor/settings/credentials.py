"""Which fields of a login belong together, what is missing, and which table's count for an API. Pure.

Looks at tables as they were given, unchecked; how one logs in by them is told in `monitor.sfcc`. The one
rule: a client brings its own proof. A table that names a client never borrows another client's secret, which
the platform would refuse; what it does not name at all is the instance's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from monitor.settings.given import fields_of, has

AuthMethod = Literal["auto", "client_secret_basic", "client_secret_post", "private_key_jwt"]
"""Account Manager's words for a client's "Token Endpoint Auth Method"."""

SECRETS = ("client_secret", "jwt_passphrase", "certificate_passphrase", "password")
OWN_TABLES = ("ocapi", "scapi", "webdav", "trigger")
CLIENT_IS_MISSING = "client_id is missing: the API client made in Account Manager"
NO_PROOF = "client_secret, client_secret_file, or jwt_cert with jwt_key is missing"

_SCAPI_PAGE = (
    "Business Manager > Administration > Site Development > Salesforce Commerce API Settings shows it"
)
_BY_KEY = "private_key_jwt"
_PROOFS = ("client_secret", "client_secret_file", "jwt_key", "jwt_cert")


def of_login(given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong within one table."""
    for secret in SECRETS:
        if has(given, secret) and has(given, f"{secret}_file"):
            yield f"give {secret} or {secret}_file, not both"
    if has(given, "expires") and not any(
        _has_either(given, secret) for secret in ("client_secret", "password")
    ):
        yield "expires is of no use without client_secret or password: certificates say by themselves"
    yield from _key_trouble(given)
    for what, needed in (("jwt_passphrase", "jwt_key"), ("certificate_passphrase", "certificate")):
        if _has_either(given, what) and not has(given, needed):
            yield f"{what} is of no use without {needed}"
    if has(given, "username") and not _has_either(given, "password"):
        yield "username has no password or password_file: its WebDAV access key"


def of_instance(given: Mapping[str, Any]) -> Iterator[str]:
    """Of an instance with its tables: what is missing for the APIs it is to use, and what cannot be meant."""
    for api in OWN_TABLES:
        own = fields_of(given.get(api))
        if not has(own, "client_id") and (proof := next((name for name in _PROOFS if has(own, name)), None)):
            yield f"{api}: {proof} is given without client_id: name the client it belongs to"
    used = _used(given)
    yield from dict.fromkeys(line for api in used for line in _client_trouble(given, api))
    if "scapi" in used:
        yield from _address_trouble(given)


def table_of_client(given: Mapping[str, Any], api: str) -> Mapping[str, Any]:
    """The fields that say which client an API has, and how it proves itself: its own or the instance's."""
    own = fields_of(given.get(api))
    if not has(own, "client_id"):
        return given
    is_the_same = own["client_id"] == given.get("client_id")
    return given if is_the_same and not _has_proof(own) else own


def _used(given: Mapping[str, Any]) -> list[str]:
    """The APIs that have to have all they need."""
    own = [api for api in OWN_TABLES if has(fields_of(given.get(api)), "client_id")]
    backend = given.get("api_backend")
    if backend == "scapi" or backend == "ocapi":  # noqa: PLR1714 - unchecked, so perhaps nothing to be hashed
        return [backend, *(api for api in own if api in {"webdav", "trigger"})]
    if has(given, "client_id") or "ocapi" in own or "scapi" not in own:
        return ["ocapi", *(api for api in own if api != "ocapi")]
    return own


def _client_trouble(given: Mapping[str, Any], api: str) -> Iterator[str]:
    table = table_of_client(given, api)
    place = "" if table is given else f"{api}: "
    if not has(table, "client_id"):
        yield place + CLIENT_IS_MISSING
    if not _has_proof(table):
        yield place + NO_PROOF


def _address_trouble(given: Mapping[str, Any]) -> Iterator[str]:
    if not has(given, "tenant_id"):
        yield f"tenant_id is missing, without which there is no SCAPI: {_SCAPI_PAGE}"
    if not has(given, "shortcode") and not has(given, "scapi_server"):
        yield f"shortcode is missing, without which there is no SCAPI: {_SCAPI_PAGE}"


def _key_trouble(given: Mapping[str, Any]) -> Iterator[str]:
    cert, key = has(given, "jwt_cert"), has(given, "jwt_key")
    if cert != key:
        missing, there = ("jwt_key", "jwt_cert") if cert else ("jwt_cert", "jwt_key")
        yield f"{missing} is missing: {there} alone does not log in"
    method = given.get("token_endpoint_auth_method")
    if method == _BY_KEY and not (cert or key):
        yield "token_endpoint_auth_method is private_key_jwt, which needs jwt_cert and jwt_key"
    is_secret = method == "client_secret_basic" or method == "client_secret_post"  # noqa: PLR1714 - as above
    if is_secret and not _has_either(given, "client_secret"):
        yield f"token_endpoint_auth_method is {method}, which needs client_secret or client_secret_file"


def _has_proof(given: Mapping[str, Any]) -> bool:
    return any(has(given, name) for name in _PROOFS)


def _has_either(given: Mapping[str, Any], secret: str) -> bool:
    return has(given, secret) or has(given, f"{secret}_file")
