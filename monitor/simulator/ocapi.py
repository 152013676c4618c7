"""The Data API's job resources: the search, one execution, and starting a job.

Access is checked first, then the request, then the world is asked. Deleting is refused: a monitor has no
business with it, and the refusal is seen in the world's record of requests.
"""

from collections.abc import Callable, Mapping
from typing import Any

from monitor.simulator.asked import document_of, require_method
from monitor.simulator.checks import as_list, as_object, as_text, needed, only
from monitor.simulator.condition import Search
from monitor.simulator.documents import execution_document
from monitor.simulator.exchange import JSON, Request, Response, json_response
from monitor.simulator.execution import Execution, Row
from monitor.simulator.finding import find, too_large
from monitor.simulator.ocapi_fault import OcapiError, fault_response, violated
from monitor.simulator.query import parse_search
from monitor.simulator.world import World

# What the documentation shows system jobs to be started with, in place of parameters.
LOG_NAME_UNTIL = 19  # year of the last version of which a document with log_file_name is at hand
SYSTEM_JOB_BODY = ("file_name", "mode", "site_scope", "overwrite", "data_units", "export_file")


def search(world: World, request: Request, version: str) -> Response:
    def answer() -> Response:
        _permit(world, request, "search")
        require_method(request, "POST")
        body = document_of(request)
        wanted = parse_search(body, refuse_combined=world.quirks.refuse_combined)
        result = json_response(200, _result(world, wanted, body, version))
        if too_large(world, result.read()):
            raise OcapiError(500, "InternalServerException", "An internal error occurred.")
        return result

    return _guarded(answer, version)


def execution(world: World, request: Request, version: str, job_id: str, execution_id: str) -> Response:
    def answer() -> Response:
        if request.method == "DELETE":
            raise OcapiError(
                403, "ClientAccessForbiddenException", "Executions are not deleted by a monitor."
            )
        _permit(world, request, "execution")
        require_method(request, "GET")
        row = world.history.find(job_id, execution_id)
        if row is None:
            raise OcapiError(
                404,
                "JobExecutionNotFoundException",
                f"No execution with ID '{execution_id}' for job '{job_id}' could be found.",
                {"jobId": job_id, "executionId": execution_id},
            )
        document = execution_document(row, world.now_ms())
        return json_response(200, {"_v": version, **_named(world, row, document, version)})

    return _guarded(answer, version)


def start(world: World, request: Request, version: str, job_id: str) -> Response:
    def answer() -> Response:
        client_id = _permit(world, request, "start")
        require_method(request, "POST")
        parameters = _parameters(document_of(request) if request.body else {}, job_id)
        if not world.has_job(job_id):
            message = f"No job with ID '{job_id}' could be found."
            raise OcapiError(404, "JobNotFoundException", message, {"jobId": job_id})
        if world.is_active(job_id):
            message = f"The job '{job_id}' is already running."
            raise OcapiError(400, "JobAlreadyRunningException", message, {"jobId": job_id})
        run = world.trigger(job_id, client_id, parameters)
        document = _named(world, run.execution, run.document(), version)
        return json_response(202, {"_v": version, **document})

    return _guarded(answer, version)


def not_found(request: Request, version: str) -> Response:
    message = f"The resource '{request.path}' could not be found."
    error = OcapiError(404, "ResourcePathNotFoundException", message, {"path": request.path})
    return fault_response(error, version)


def _guarded(answer: Callable[[], Response], version: str) -> Response:
    try:
        return answer()
    except OcapiError as error:
        return fault_response(error, version)


def _permit(world: World, request: Request, what: str) -> str:
    """The client's id, or a refusal."""
    scheme, _, token = request.header("Authorization").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise OcapiError(
            401, "InvalidAuthorizationHeaderException", "The authorization header is not Bearer."
        )
    client_id = world.account_manager.client_of(token.strip())
    if client_id is None:
        message = "Unauthorized request! The access token is missing, invalid or expired."
        raise OcapiError(401, "InvalidAccessTokenException", message)
    if not world.permissions.allow(what, client_id):
        message = f"Access to resource '{request.path}' isn't allowed for the client '{client_id}'."
        status = world.permissions.denied_status
        raise OcapiError(status, "ClientAccessForbiddenException", message, {"client_id": client_id})
    return client_id


def _parameters(body: Any, job_id: str) -> Mapping[str, str]:
    document = as_object(body, "job_execution_request", "$")
    system = SYSTEM_JOB_BODY if job_id.startswith("sfcc-") else ()
    only(document, ("parameters", *system), "job_execution_request")
    values = {}
    for index, entry in enumerate(as_list(document.get("parameters", []), "$.parameters")):
        path = f"$.parameters[{index}]"
        parameter = as_object(entry, "job_execution_parameter", path)
        only(parameter, ("name", "value"), "job_execution_parameter")
        name = as_text(needed(parameter, "name", path), f"{path}.name")
        values[name] = as_text(needed(parameter, "value", path), f"{path}.value")
        if len(name) > 256 or len(values[name]) > 1000:
            raise violated("A name has at most 256 characters, a value 1000.", path)
    return values


def _result(world: World, wanted: Search, body: JSON, version: str) -> JSON:
    found = find(world, wanted)
    hits = [_hit(world, row, found.as_of, version) for row in found.rows]
    document: JSON = {
        "_v": version,
        "_type": "job_execution_search_result",
        "count": len(hits),
        "hits": hits,
        "query": _typed(body["query"]),
        "start": wanted.start,
        "total": found.total,
        **_neighbours(wanted, len(hits), found.total),
    }
    if not hits and world.quirks.omit_empty_hits:
        del document["hits"]
    if wanted.select is not None:
        document["select"] = wanted.select
    if wanted.sorts:
        document["sorts"] = [
            {"_type": "sort", "field": sort.field, "sort_order": "desc" if sort.descending else "asc"}
            for sort in wanted.sorts
        ]
    return document


def _neighbours(wanted: Search, got: int, total: int) -> JSON:
    pages: JSON = {}
    if got and wanted.start + got < total:
        pages["next"] = {"_type": "result_page", "count": wanted.count, "start": wanted.start + got}
    if wanted.start > 0:
        before = max(0, wanted.start - wanted.count)
        pages["previous"] = {"_type": "result_page", "count": wanted.count, "start": before}
    return pages


def _hit(world: World, row: Row, as_of: int, version: str) -> JSON:
    document = _named(world, row, execution_document(row, as_of), version)
    if not world.quirks.steps_in_hits:
        document.pop("step_executions", None)
    if not world.quirks.log_path_in_hits:
        document.pop("log_file_path", None)
        document.pop("log_file_name", None)
    return document


def _named(world: World, row: Row, document: JSON, version: str) -> JSON:
    """Old instances, and old versions on any, name the log without its place and before it exists."""
    old = world.quirks.legacy_log_name or int(version.partition(".")[0]) <= LOG_NAME_UNTIL
    if old and isinstance(row, Execution):
        document.pop("log_file_path", None)
        if row.has_log:
            document["log_file_name"] = row.legacy_log_name
    return document


def _typed(query: Any) -> Any:
    """The query as the result repeats it: each object says what it is."""
    if isinstance(query, list):
        return [_typed(part) for part in query]
    if not isinstance(query, dict):
        return query
    return {
        name: {"_type": name, **_typed(part)} if isinstance(part, dict) and "_" in name else _typed(part)
        for name, part in query.items()
    }
