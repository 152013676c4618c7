"""The SCAPI Jobs resources: the same executions as the Data API's, in other documents and by other rights.

Refusals are `application/problem+json`. What may be done is in the scopes of the token: that of the API and
that of the tenant. Deleting is refused here as it is there.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from monitor.simulator.asked import document_of, require_method
from monitor.simulator.checks import as_list, as_object, as_text, needed, only
from monitor.simulator.documents import execution_document
from monitor.simulator.exchange import JSON, Request, Response, json_response, problem_response
from monitor.simulator.execution import Execution, Row
from monitor.simulator.files import LEGACY_LOGS
from monitor.simulator.finding import Found, find, too_large
from monitor.simulator.model import Quirks
from monitor.simulator.ocapi_fault import OcapiError, violated
from monitor.simulator.query import parse_search
from monitor.simulator.scapi_query import SORTABLE, as_ocapi, detail_of, own_id, world_id
from monitor.simulator.spelling import camel, camel_document
from monitor.simulator.world import World

READ, WRITE = "sfcc.jobs", "sfcc.jobs.rw"
WARN_AT, THROTTLE_AT = 80, 90  # per cent of load

# What the faults of the Data API are called here: status, last part of the type, title.
_KINDS = {
    "JobAlreadyRunningException": ("job-already-running", "Job Already Running"),
    "JobNotFoundException": ("job-not-found", "Job Not Found"),
    "JobExecutionNotFoundException": ("job-execution-not-found", "Job Execution Not Found"),
    "InvalidAccessTokenException": ("unauthorized", "Unauthorized"),
    "ClientAccessForbiddenException": ("forbidden", "Forbidden"),
    "ResourcePathNotFoundException": ("not-found", "Not Found"),
    "MethodNotAllowedException": ("method-not-allowed", "Method Not Allowed"),
    "UnsupportedMediaTypeException": ("unsupported-media-type", "Unsupported Media Type"),
    "InternalServerException": ("internal-server-error", "Internal Server Error"),
}
_BAD_REQUEST = ("bad-request", "Bad Request")


def search(world: World, request: Request, organization: str) -> Response:
    def answer() -> Response:
        _permit(world, request, organization, READ, WRITE)
        require_method(request, "POST")
        body = document_of(request)
        wanted = parse_search(
            as_ocapi(body, world.quirks),
            refuse_combined=world.quirks.refuse_combined,
            sortable=SORTABLE,
        )
        result = json_response(200, _result(world, find(world, wanted), wanted.start, wanted.count, body))
        if too_large(world, result.read()):
            message = "The response is larger than the gateway allows."
            raise OcapiError(500, "InternalServerException", message)
        return result

    return _guarded(world, request, answer)


def execution(world: World, request: Request, organization: str, job_id: str, execution_id: str) -> Response:
    def answer() -> Response:
        if request.method == "DELETE":
            message = "Executions are not deleted by a monitor."
            raise OcapiError(403, "ClientAccessForbiddenException", message)
        _permit(world, request, organization, READ, WRITE)
        require_method(request, "GET")
        row = world.history.find(job_id, world_id(execution_id, world.quirks))
        if row is None:
            message = f"No execution with ID '{execution_id}' for job '{job_id}' could be found."
            raise OcapiError(404, "JobExecutionNotFoundException", message)
        return json_response(200, _camel(world.quirks, row, execution_document(row, world.now_ms())))

    return _guarded(world, request, answer)


def start(world: World, request: Request, organization: str, job_id: str) -> Response:
    def answer() -> Response:
        client_id = _permit(world, request, organization, WRITE)
        require_method(request, "POST")
        parameters = _parameters(document_of(request) if request.body else {})
        if not world.has_job(job_id):
            raise OcapiError(404, "JobNotFoundException", f"No job with ID '{job_id}' could be found.")
        if world.is_active(job_id):
            raise OcapiError(400, "JobAlreadyRunningException", f"The job '{job_id}' is already running.")
        run = world.trigger(job_id, client_id, parameters)
        return json_response(200, _camel(world.quirks, run.execution, run.document()))

    return _guarded(world, request, answer)


def not_found(world: World, request: Request) -> Response:
    def answer() -> Response:
        message = f"The resource '{request.path}' could not be found."
        raise OcapiError(404, "ResourcePathNotFoundException", message)

    return _guarded(world, request, answer)


def _guarded(world: World, request: Request, answer: Callable[[], Response]) -> Response:
    try:
        response = answer()
    except OcapiError as error:
        kind, title = _KINDS.get(error.fault_type, _BAD_REQUEST)
        response = problem_response(error.status, kind, title, detail_of(error))
    return Response(
        response.status, {**response.headers, **_trace(request), **_load(world.quirks)}, response.body
    )


def _trace(request: Request) -> dict[str, str]:
    return {"x-correlation-id": request.header("correlation-id") or str(uuid4())}


def _load(quirks: Quirks) -> dict[str, str]:
    if quirks.load is None:
        return {}
    if quirks.load < WARN_AT:
        return {"sfdc_load": str(quirks.load)}
    status = "THROTTLE" if quirks.load >= THROTTLE_AT else "WARN"
    return {"sfdc_load": str(quirks.load), "sfdc_load_status": status}


def _permit(world: World, request: Request, organization: str, *scopes: str) -> str:
    """The client's id, or a refusal: one of the scopes is needed, and that of the tenant."""
    scheme, _, token = request.header("Authorization").partition(" ")
    grant = world.account_manager.grant_of(token.strip()) if scheme.lower() == "bearer" else None
    if grant is None:
        message = (
            "Your access token is invalid or expired and can't be used to identify an API client or user."
        )
        raise OcapiError(401, "InvalidAccessTokenException", message)
    tenant = organization.removeprefix("f_ecom_")
    if not world.permissions.scapi or not grant.scopes & set(scopes) or tenant not in grant.tenants:
        message = "Your access token is valid, but you don't have the required permissions for the resource."
        raise OcapiError(403, "ClientAccessForbiddenException", message)
    if organization != world.organization:
        message = f"The organization '{organization}' could not be found."
        raise OcapiError(404, "ResourcePathNotFoundException", message)
    return grant.client_id


def _parameters(body: Any) -> Mapping[str, str]:
    document = as_object(body, "JobExecutionRequest", "$")
    only(document, ("parameters",), "JobExecutionRequest")
    values = {}
    for index, entry in enumerate(as_list(document.get("parameters", []), "$.parameters")):
        path = f"$.parameters[{index}]"
        parameter = as_object(entry, "JobParameter", path)
        name = as_text(needed(parameter, "name", path), f"{path}.name")
        values[name] = as_text(needed(parameter, "value", path), f"{path}.value")
        if not 1 <= len(name) <= 256 or len(values[name]) > 1000:
            raise violated("A name has 1 to 256 characters, a value at most 1000.", path)
    return values


def _result(world: World, found: Found, offset: int, limit: int, body: JSON) -> JSON:
    requested = world.quirks.scapi_limit_means == "requested"
    document: JSON = {
        "limit": limit if requested else len(found.rows),
        "offset": offset,
        "total": found.total,
        "query": body["query"],
        "hits": [_hit(world.quirks, row, found.as_of) for row in found.rows],
    }
    return document | ({"sorts": body["sorts"]} if body.get("sorts") else {})


def _hit(quirks: Quirks, row: Row, as_of: int) -> JSON:
    document = _camel(quirks, row, execution_document(row, as_of))
    if not quirks.scapi_steps_in_hits:
        document.pop("stepExecutions", None)
    if not quirks.log_path_in_hits:
        document.pop("logFilePath", None)
    return document


def _camel(quirks: Quirks, row: Row, document: JSON) -> JSON:
    """SCAPI never had a `log_file_name`: where logs lie flat, the path says so."""
    shown: JSON = camel_document(document)
    if quirks.legacy_log_name and isinstance(row, Execution) and camel("log_file_path") in shown:
        shown["logFilePath"] = f"/Sites{LEGACY_LOGS}/{row.legacy_log_name}"
    if isinstance(shown.get("id"), str):
        shown["id"] = own_id(shown["id"], quirks)
    return shown
