"""One function from request to response: it finds out what is asked, and lets things go wrong if told to.

The same function stands behind the server and is called in memory. Each request leaves a record; each
response carries the world's time.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from monitor.simulator import account_manager, control, ocapi, webdav
from monitor.simulator.exchange import Request, RequestRecord, Response, html_response
from monitor.simulator.instant import SECOND, http_date
from monitor.simulator.world import World

_DATA_API = re.compile(r"/(?:s/-/)?dw/data/v(\d{2})_(\d{1,2})(/.*)")
_EXECUTIONS = re.compile(r"/jobs/([^/]+)/executions")
_EXECUTION = re.compile(r"/jobs/([^/]+)/executions/([^/]+)")

Route = tuple[str, Callable[[World, Request], Response]]


def handle(world: World, request: Request) -> Response:
    with world.lock:
        world.sync()
        api, respond = _route(request)
        fault = None if api == "control" else world.faults.pick(api)
        if fault is not None and fault.revokes:
            world.account_manager.revoke_all()
        response = Response(0) if fault is not None and fault.replaces else respond(world, request)
        if fault is not None:
            response = world.faults.strike(fault, api, response)
        date = http_date(world.now_ms() + response.date_off * SECOND)
        dated = replace(response, headers={"Date": date, **response.headers})
        if api != "control":
            kept = request.body if api == "search" else b""
            world.requests.append(
                RequestRecord(world.now(), api, request.method, request.path, dated.status, kept)
            )
        if api == "search" and world.quirks.after_search is not None:
            world.quirks.after_search()
        return dated


def _route(request: Request) -> Route:
    path = request.path
    if path in account_manager.TOKEN_PATHS:
        return "token", lambda world, asked: world.account_manager.respond(asked)
    if path == webdav.ROOT or path.startswith(webdav.ROOT + "/"):
        return "webdav", webdav.respond
    if path.startswith(control.ROOT):
        return "control", control.respond
    data = _DATA_API.fullmatch(path)
    if data is not None:
        return _data_route(f"{data[1]}.{data[2]}", data[3])
    return "other", lambda _world, asked: html_response(404, "Not Found", unquote(asked.path))


def _data_route(version: str, path: str) -> Route:
    if path == "/job_execution_search":
        return "search", lambda world, asked: ocapi.search(world, asked, version)
    if match := _EXECUTION.fullmatch(path):
        job_id, execution_id = unquote(match[1]), unquote(match[2])
        return "execution", lambda world, asked: ocapi.execution(world, asked, version, job_id, execution_id)
    if match := _EXECUTIONS.fullmatch(path):
        job_id = unquote(match[1])
        return "start", lambda world, asked: ocapi.start(world, asked, version, job_id)
    return "other", lambda _world, asked: ocapi.not_found(asked, version)
