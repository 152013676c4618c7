"""Steering a simulator by hand: `/__simulator__/…`, a path that no instance has.

GET  state                 what the time is, what is planned to go wrong, what was asked
POST faults                {"api": "search", "kind": "throttle", "n": 3, "retry_after": 5}
DELETE faults              everything works again
POST quirks                {"search_fields": "snake", "load": 85}
POST fail/JOB              the job fails now
POST start/JOB             the job starts, as if by a user
"""

import json
from collections import Counter
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import unquote

from monitor.simulator.exchange import JSON, Request, Response, json_response
from monitor.simulator.instant import iso
from monitor.simulator.model import OK, Quirks
from monitor.simulator.world import World

ROOT = "/__simulator__/"
_JSON = {str, int, bool, type(None)}
KINDS = (
    "throttle",
    "unavailable",
    "gateway_timeout",
    "server_error",
    "maintenance",
    "asleep",
    "storefront",
    "html",
    "empty",
    "truncated",
    "wrong_type",
    "cut",
    "reset",
    "stall",
    "drip",
    "short_page",
    "misdated",
    "revoked",
)


def respond(world: World, request: Request) -> Response:  # noqa: PLR0911 - a table of routes
    verb, _, rest = request.path.removeprefix(ROOT).partition("/")
    job_id = unquote(rest)
    match request.method, verb:
        case "GET", "state":
            return json_response(200, _state(world))
        case "POST", "faults":
            return _add_fault(world, request)
        case "DELETE", "faults":
            world.faults.clear()
            return json_response(200, {"faults": []})
        case "POST", "quirks":
            return _set_quirks(world, request)
        case "POST", "fail" | "start" if not world.has_job(job_id):
            return _wrong(404, f"no job {job_id!r}; there are: {', '.join(_job_ids(world))}")
        case "POST", "fail":
            return json_response(200, world.fail(job_id).document())
        case "POST", "start":
            run = world.start(job_id, user_login="operator@example.com", outcome=OK)
            return json_response(200, run.document())
    return _wrong(404, "use GET state, POST or DELETE faults, POST quirks, POST fail/JOB, POST start/JOB")


def _state(world: World) -> JSON:
    asked = Counter(f"{record.api} {record.method} {record.status}" for record in world.requests)
    return {
        "now": iso(world.now_ms()),
        "jobs": _job_ids(world),
        "executions": len(world.history),
        "faults": world.faults.planned(),
        "quirks": _quirks(world),
        "requests": dict(sorted(asked.items())),
    }


def _job_ids(world: World) -> list[str]:
    return sorted(spec.job_id for spec in world.jobs() if not spec.job_id.startswith("sfcc-"))


def _add_fault(world: World, request: Request) -> Response:
    try:
        wanted = json.loads(request.body or b"{}")
        kind = wanted.pop("kind")
        if kind not in KINDS:
            return _wrong(400, f"no kind {kind!r}; there are: {', '.join(KINDS)}")
        getattr(world.faults, kind)(**wanted)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _wrong(400, f'{error}; an example: {{"api": "search", "kind": "throttle", "n": 3}}')
    return json_response(200, {"faults": world.faults.planned()})


def _quirks(world: World) -> JSON:
    return {name: getattr(world.quirks, name) for name in _plain()}


def _plain() -> dict[str, Any]:
    """Quirks that can be written in JSON, and of which kind each is."""
    kinds = get_type_hints(Quirks)
    return {
        name: kind for name, kind in kinds.items() if get_origin(kind) is Literal or _types(kind) <= _JSON
    }


def _types(kind: Any) -> set[type]:
    return set(get_args(kind) or (kind,))


def _set_quirks(world: World, request: Request) -> Response:
    known = _plain()
    try:
        wanted = json.loads(request.body or b"{}").items()
    except (ValueError, AttributeError) as error:
        return _wrong(400, f'{error}; an example: {{"search_fields": "snake"}}')
    for name, value in wanted:
        if name not in known:
            return _wrong(400, f"no quirk {name!r}; there are: {', '.join(sorted(known))}")
        if not _fits(value, known[name]):
            return _wrong(400, f"{name}: not {value!r}, but {_words(known[name])}")
    for name, value in wanted:
        setattr(world.quirks, name, value)
    return json_response(200, {"quirks": _quirks(world)})


def _fits(value: object, kind: Any) -> bool:
    """Of the kinds that quirks have: words of a Literal, or types with or without None."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return type(value) in _types(kind)


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    names = (each.__name__ for each in _types(kind))
    return " or ".join(sorted({"NoneType": "null"}.get(name, name) for name in names))


def _wrong(status: int, message: str) -> Response:
    return json_response(status, {"error": message})
