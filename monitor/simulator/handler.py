"""One function from request to response: it finds out what is asked, and lets things go wrong if told to.

The same function stands behind the server and is called in memory. Each request leaves a record; each
response carries the world's time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from monitor.simulator import account_manager, control, ocapi, scapi, webdav
from monitor.simulator.exchange import Request, RequestRecord, Response, html_response
from monitor.simulator.instant import SECOND, http_date
from monitor.simulator.world import World

_DATA_API = re.compile(r"/(?:s/-/)?dw/data/v(\d{2})_(\d{1,2})(/.*)")
_SCAPI = re.compile(r"/operation/jobs/v1/organizations/([^/]+)(/.*)")
_EXECUTIONS = re.compile(r"/jobs/([^/]+)/executions")
_EXECUTION = re.compile(r"/jobs/([^/]+)/executions/([^/]+)")


@dataclass(frozen=True, slots=True)
class Route:
    """`backend` is empty for what both APIs share."""

    api: str
    respond: Callable[[World, Request], Response]
    backend: str = ""


def handle(world: World, request: Request) -> Response:
    with world.lock:
        world.sync()
        route = _route(request)
        fault = None if route.api == "control" else world.faults.pick(route.api, route.backend)
        if fault is not None and fault.revokes:
            world.account_manager.revoke_all()
        response = Response(0) if fault is not None and fault.replaces else route.respond(world, request)
        if fault is not None:
            response = world.faults.strike(fault, route.api, response, route.backend)
        date = http_date(world.now_ms() + response.date_off * SECOND)
        dated = replace(response, headers={"Date": date, **response.headers})
        if route.api != "control":
            world.requests.append(_record(world, request, route, dated.status))
        if route.api == "search" and world.quirks.after_search is not None:
            world.quirks.after_search()
        return dated


def _record(world: World, request: Request, route: Route, status: int) -> RequestRecord:
    return RequestRecord(
        world.now(),
        route.api,
        request.method,
        request.path,
        status,
        request.body if route.api == "search" else b"",
        route.backend,
        request.header("correlation-id"),
        request.header("Authorization") != "",
    )


def _route(request: Request) -> Route:
    path = request.path
    if path in account_manager.TOKEN_PATHS:
        return Route("token", lambda world, asked: world.account_manager.respond(asked))
    if path == webdav.ROOT or path.startswith(webdav.ROOT + "/"):
        return Route("webdav", webdav.respond)
    if path.startswith(control.ROOT):
        return Route("control", control.respond)
    data = _DATA_API.fullmatch(path)
    if data is not None:
        return _data_route(f"{data[1]}.{data[2]}", data[3])
    jobs = _SCAPI.fullmatch(path)
    if jobs is not None:
        return _scapi_route(unquote(jobs[1]), jobs[2])
    return Route("other", lambda _world, asked: html_response(404, "Not Found", unquote(asked.path)))


def _data_route(version: str, path: str) -> Route:
    if path == "/job_execution_search":
        return Route("search", lambda world, asked: ocapi.search(world, asked, version), "ocapi")
    if match := _EXECUTION.fullmatch(path):
        run = unquote(match[1]), unquote(match[2])
        return Route("execution", lambda world, asked: ocapi.execution(world, asked, version, *run), "ocapi")
    if match := _EXECUTIONS.fullmatch(path):
        job_id = unquote(match[1])
        return Route("start", lambda world, asked: ocapi.start(world, asked, version, job_id), "ocapi")
    return Route("other", lambda _world, asked: ocapi.not_found(asked, version), "ocapi")


def _scapi_route(org: str, path: str) -> Route:
    if path == "/job-execution-search":
        return Route("search", lambda world, asked: scapi.search(world, asked, org), "scapi")
    if match := _EXECUTION.fullmatch(path):
        run = unquote(match[1]), unquote(match[2])
        return Route("execution", lambda world, asked: scapi.execution(world, asked, org, *run), "scapi")
    if match := _EXECUTIONS.fullmatch(path):
        job_id = unquote(match[1])
        return Route("start", lambda world, asked: scapi.start(world, asked, org, job_id), "scapi")
    return Route("other", scapi.not_found, "scapi")
