"""What an answer means, and what to do about it: pure, from the error of one try to one `Step`.

Knows which right stands behind which request, and which refusals are none of a right: a 404 of a wrong
version, a storefront's page, a login. Texts of errors name their remedy themselves; where the remedy is
something to paste, the row says in few words what is missing and the remedy holds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from monitor.checkup.model import OUT_OF_REACH, Outcome, Remedy, Step, What
from monitor.checkup.permissions import (
    ACCESS_KEYS_PAGE,
    ACCOUNT_MANAGER_PAGE,
    IMPORT_LOGS,
    LOGS,
    LOOKUP,
    ROLES_PAGE,
    SEARCH,
    Document,
    Entry,
    ocapi_entry,
    webdav_entry,
)
from monitor.checkup.subject import Subject, is_platform_host
from monitor.errors import Reason, SfccError

ADD = (
    "add this to clients, do not replace what is there; where the client is among them already, add what it "
    "lacks. It takes up to 3 minutes"
)
REPLICATED = (
    "this is a {type} instance: if your team replicates such settings from staging, the next replication may "
    "remove what was added here alone, so add the same entry on staging"
)
NO_RIGHT = frozenset({Reason.NOT_FOUND, Reason.PROTOCOL, Reason.REFUSED})
"""Answers that a missing permission does not give."""

JOBS = ("scapi", "ocapi")
NAMES = {"ocapi": "OCAPI", "scapi": "SCAPI", "webdav": "WebDAV"}


def failed(subject: Subject, what: What, api: str, error: SfccError) -> Step:
    """`api` as in `Step`; the text of `error` holds no secret."""
    step = Step(subject.instance, what, api, Outcome.FAILED, plain_text(error), str(error.reason))
    if error.reason in OUT_OF_REACH:
        return step
    if what is What.TOKEN:
        return replace(step, remedy=_of_token(subject, api, error))
    if what in {What.LOG, What.IMPORT_LOG}:
        return _log(subject, step, error)
    if error.reason is Reason.PERMISSION:
        return _jobs_right(subject, step, error)
    if error.reason in NO_RIGHT and error.status is not None:
        return _no_api(subject, step, error)
    return step


def passed(subject: Subject, what: What, api: str, detail: str) -> Step:
    return Step(subject.instance, what, api, Outcome.OK, detail)


def warned(subject: Subject, what: What, api: str, detail: str, remedy: Remedy | None = None) -> Step:
    return Step(subject.instance, what, api, Outcome.WARNING, detail, remedy=remedy)


def skipped(subject: Subject, what: What, api: str, why: str) -> Step:
    return Step(subject.instance, what, api, Outcome.SKIPPED, why)


def eased(steps: Sequence[Step]) -> list[Step]:
    """Of two APIs that know the runs, one is enough: what the other lacks is only warned of."""
    whole = [api for api in JOBS if _is_whole(steps, api)]
    if not whole:
        return list(steps)
    return [
        replace(
            step,
            outcome=Outcome.WARNING,
            detail=f"{step.detail} (not needed while {NAMES[whole[0]]} answers)",
        )
        if step.outcome is Outcome.FAILED and step.api in JOBS and step.api not in whole
        else step
        for step in steps
    ]


def without_token(steps: Sequence[Step]) -> list[Step]:
    """Where the instance takes no token of the client, a log that cannot be read says nothing of rights."""
    refused = any(
        step.what is What.SEARCH and step.api == "ocapi" and step.reason == Reason.CREDENTIALS
        for step in steps
    )
    if not refused:
        return list(steps)
    why = "not told: the instance takes no token of this client, see its job search"
    return [
        replace(step, outcome=Outcome.SKIPPED, detail=why, remedy=None)
        if step.what in {What.LOG, What.IMPORT_LOG} and step.reason == Reason.PERMISSION
        else step
        for step in steps
    ]


def one_client_for_both(subject: Subject, steps: Sequence[Step]) -> Step | None:
    """A warning where one client has the rights of both APIs."""
    ocapi, scapi = subject.clients.get("ocapi"), subject.clients.get("scapi")
    if ocapi is None or ocapi != scapi or not all(_is_whole(steps, api) for api in JOBS):
        return None
    return warned(
        subject,
        What.CLIENT,
        "",
        f'the API client "{ocapi}" has the rights of OCAPI and of SCAPI; '
        "the platform advises a client for each",
        Remedy(
            "make a second client and name it under [instances.scapi], then take the scope sfcc.jobs from "
            f'"{ocapi}"',
            ACCOUNT_MANAGER_PAGE,
        ),
    )


def untried(subject: Subject, steps: Sequence[Step]) -> list[Remedy]:
    """What gives the rights that could not be tried, because something else comes first."""
    found: list[Remedy] = []
    for step in steps:
        if step.outcome is not Outcome.SKIPPED or step.api not in subject.clients:
            continue
        client = subject.clients[step.api]
        if step.what is What.SEARCH:
            is_ocapi = step.api == "ocapi"
            pasted = _pasted(subject, Document.OCAPI, ocapi_entry(client))
            found.append(pasted if is_ocapi else _scapi_right(subject, client))
        elif step.what is What.LOG:
            found.append(_pasted(subject, Document.WEBDAV, webdav_entry(client)))
    return found


def plain_text(error: SfccError) -> str:
    return str(error).removeprefix("no log: ")


def _is_whole(steps: Sequence[Step], api: str) -> bool:
    found = {step.what: step.outcome for step in steps if step.api == api}
    return all(found.get(what) is Outcome.OK for what in (What.SEARCH, What.EXECUTION))


def _of_token(subject: Subject, api: str, error: SfccError) -> Remedy | None:
    """None where the error's own text is all there is to do, as for a secret's file that cannot be read."""
    client = subject.clients.get(api, "")
    if error.fault_type == "invalid_scope" or (api == "scapi" and error.reason is Reason.PERMISSION):
        return _scapi_right(subject, client)
    if error.reason is Reason.CREDENTIALS and error.status is not None:
        how = (
            f'look at the client "{client}": it has to be enabled, its password the one that the monitor is '
            "given, and its Token Endpoint Auth Method the one that the monitor uses"
        )
        return Remedy(how, ACCOUNT_MANAGER_PAGE)
    return None


def _scapi_right(subject: Subject, client: str) -> Remedy:
    tenant = subject.tenant or "of this instance"
    how = (
        f'give the client "{client}" the scope sfcc.jobs (Allowed Scopes) and the role Salesforce Commerce '
        f"API with the tenant {tenant} in its filter"
    )
    return Remedy(how, ACCOUNT_MANAGER_PAGE)


def _jobs_right(subject: Subject, step: Step, error: SfccError) -> Step:
    client, host = subject.clients.get(step.api, ""), subject.host(step.api)
    if step.api == "scapi":
        return replace(step, remedy=_scapi_right(subject, client))
    if error.fault_type is None and error.status == 403:
        return step  # a wall in front of the instance, which knows nothing of clients
    resource = SEARCH if step.what is What.SEARCH else LOOKUP
    detail = f'the API client "{client}" may not use {resource} on {host} ({error.status})'
    return replace(step, detail=detail, remedy=_pasted(subject, Document.OCAPI, ocapi_entry(client)))


def _no_api(subject: Subject, step: Step, error: SfccError) -> Step:
    """An answer, but none of the API's: said to be no missing right, because that is what people look for."""
    host = subject.host(step.api)
    if step.api == "ocapi" and not error.fault_type and not is_platform_host(host):
        how = (
            f"no permission is missing: {host} is not named as an instance is, so it may be a storefront's "
            "domain. Set server to the host that Business Manager is opened at, such as "
            "production-realm-customer.demandware.net"
        )
        return replace(step, remedy=Remedy(how))
    if step.api == "scapi":
        how = "no permission is missing: check shortcode and tenant_id"
        return replace(
            step,
            remedy=Remedy(
                how, "Business Manager > Administration > Site Development > Salesforce Commerce API Settings"
            ),
        )
    return replace(step, remedy=Remedy("no permission is missing: check the server's name"))


def _log(subject: Subject, step: Step, error: SfccError) -> Step:
    client = subject.clients.get("webdav", "")
    optional = step.what is What.IMPORT_LOG
    folder = IMPORT_LOGS if optional else LOGS
    if error.reason is Reason.PERMISSION and subject.webdav_user is None:
        paths = (LOGS, IMPORT_LOGS) if optional else (LOGS,)
        step = replace(
            step,
            detail=f'the API client "{client}" may not read {folder} on {subject.host("webdav")} '
            f"({error.status})",
            remedy=_pasted(subject, Document.WEBDAV, webdav_entry(client, paths)),
        )
    elif error.reason is Reason.PERMISSION:
        how = f"give a role of the user {subject.webdav_user} the right to read {folder}"
        step = replace(step, remedy=Remedy(how, ROLES_PAGE))
    elif error.reason is Reason.CREDENTIALS:
        how = f"make a new access key for the user {subject.webdav_user} and set it as password"
        step = replace(step, remedy=Remedy(how, ACCESS_KEYS_PAGE))
    if optional:
        detail = f"{step.detail}; not needed: it would bring the import logs that import steps name"
        return replace(step, outcome=Outcome.SKIPPED, detail=detail)
    return step


def _pasted(subject: Subject, document: Document, entry: Entry) -> Remedy:
    also = REPLICATED.format(type=subject.type) if subject.is_replicated_to else ""
    return Remedy(ADD, document.page, entry, also)
