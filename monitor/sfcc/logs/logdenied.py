"""Why a log cannot be had, in words a person can act on.

Knows WebDAV's rights and the pages of Business Manager where they are given; sends nothing. That a server
refuses a login and that it refuses a file are told apart by who logs in: an API client whose token is good
gets a 401 too where the right is missing.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from monitor.errors import LogError, Reason, SfccError
from monitor.sfcc.refusal import Refusal, general_error, plain

ROLES_PAGE = "Administration > Organization > Roles & Permissions"
CLIENTS_PAGE = "Administration > Organization > WebDAV Client Permissions"
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def refused(
    refusal: Refusal, *, name: str, folder: str, client_id: str | None = None, user: str = ""
) -> SfccError:
    """folder: the first of the path, which rights are given for. Either a client or a user logs in."""
    if refusal.status in {401, 403} and client_id is not None:
        return _client_denied(refusal, folder.lower(), client_id)
    if refusal.status in {401, 403}:
        return _user_denied(refusal, folder.lower(), user)
    if refusal.status == 404:
        text = (
            f"{refusal.host} has no file {name} (404): the platform moves logs away after 3 days "
            "and deletes them after 30; that of a run just ended may also not be written yet"
        )
        return refusal.as_error(Reason.NOT_FOUND, text)
    if refusal.status == 416:
        text = f"{name} became shorter while it was read"
        return refusal.as_error(Reason.PROTOCOL, text, retryable=True)
    return general_error(refusal)


def led_away(host: str, status: int, location: str, name: str) -> SfccError:
    """A redirect that is not followed, because the login would go along."""
    to = _server(location)
    if to and to != host:
        text = (
            f"{host} redirects the log {name} to {to}: not followed, because the login would go there too; "
            "if logs are kept there, name it in webdav_server"
        )
    else:
        text = f"{host} redirects the log {name} to a place where no logs are: not followed ({status})"
    return SfccError(Reason.PROTOCOL, text, status=status)


def log_error(error: SfccError) -> LogError:
    """A file that is not there may still be coming, so asking again makes sense; but not at once."""
    return LogError(
        error.reason,
        f"no log: {error}",
        retryable=error.retryable or error.status == 404,
        retry_after=error.retry_after,
        status=error.status,
        fault_type=error.fault_type,
    )


def _client_denied(refusal: Refusal, folder: str, client_id: str) -> SfccError:
    right = {"path": f"/{folder}", "operations": ["read"]}
    entry = json.dumps({"client_id": client_id, "permissions": [right]})
    text = (
        f'the API client "{client_id}" may not read /{folder} on {refusal.host} ({refusal.status}): '
        f"in Business Manager > {CLIENTS_PAGE} add {entry} to clients; "
        "where this client has an entry, add only the permission to it"
    )
    return refusal.as_error(Reason.PERMISSION, text)


def _user_denied(refusal: Refusal, folder: str, user: str) -> SfccError:
    if refusal.status == 403:
        text = (
            f"the user {user} may not read /{folder} on {refusal.host} (403): "
            f"give one of its roles the WebDAV right to it in Business Manager > {ROLES_PAGE}"
        )
        return refusal.as_error(Reason.PERMISSION, text)
    text = (
        f"{refusal.host} refuses the user {user} with its access key (401): keys end after a year; "
        "set a new one (password). It is not tried again, because six wrong tries lock it"
    )
    return refusal.as_error(Reason.CREDENTIALS, text)


def _server(location: str) -> str:
    try:
        return plain(urlsplit(location).netloc.rpartition("@")[2])
    except ValueError:  # an unclosed bracket, for one
        return ""
