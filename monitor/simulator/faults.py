"""Misbehaviour on order: which responses of which API go wrong, how, and how often.

Some faults answer in place of the API (429, 503, a page of HTML), others spoil its answer (cut off, reset,
never ending), one ends the tokens before it. Order matters: the first fault that applies is used up first.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from monitor.simulator.exchange import Mishap, Response, html_response, problem_response
from monitor.simulator.instant import http_date, to_ms

# One of the two APIs, or a resource of either, or of one: "scapi search".
APIS = (
    *("token", "search", "execution", "start", "webdav", "ocapi", "scapi", "*"),
    *(f"{backend} {api}" for backend in ("ocapi", "scapi") for api in ("search", "execution", "start")),
)


@dataclass(slots=True)
class Fault:
    """`n` None: until cleared. `after`: so many requests pass first. `replaces`: the API is not asked, and
    `spoil` makes the answer, where it is SCAPI's `problem`, if there is one. `revokes`: every token ends
    before the API is asked. `spoil` gives back the response itself where there is nothing to spoil."""

    api: str
    name: str
    spoil: Callable[[Response], Response]
    replaces: bool
    revokes: bool = False
    n: int | None = 1
    after: int = 0
    probability: float = 1.0
    asked: int = 0
    problem: Response | None = None

    def meant_for(self, api: str, backend: str) -> bool:
        return self.api in {"*", api} or (backend != "" and self.api in {backend, f"{backend} {api}"})


class Faults:
    """Each of the methods takes the API ("*": any) and, by name, `n`, `after` and `probability`."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._plan: list[Fault] = []
        self.done: list[str] = []  # what was acted out: "search throttle"

    def throttle(self, api: str = "*", *, retry_after: int | datetime | None = 5, **when: Any) -> None:
        self._refuse(api, "throttle", (429, "Too Many Requests"), when, _retry(retry_after))

    def unavailable(
        self, api: str = "*", *, load: int | None = None, retry_after: int | None = None, **when: Any
    ) -> None:
        """503; with `load` (0 to 100) the headers of load shedding."""
        status = {} if load is None else {"sfdc_load": str(load), "sfdc_load_status": "THROTTLE"}
        headers = {**status, **_retry(retry_after)}
        self._refuse(api, "unavailable", (503, "Service Unavailable"), when, headers)

    def gateway_timeout(self, api: str = "*", **when: Any) -> None:
        self._refuse(api, "gateway_timeout", (504, "Gateway Timeout"), when)

    def server_error(self, api: str = "*", **when: Any) -> None:
        self._refuse(api, "server_error", (500, "Internal Server Error"), when)

    def maintenance(self, api: str = "*", *, retry_after: int | None = None, **when: Any) -> None:
        """503 that says why: a header, and of SCAPI a problem of a type of its own."""
        page = html_response(503, "Maintenance", "The instance is under maintenance.", _UNDER_MAINTENANCE)
        problem = problem_response(
            503, "maintenance", "Maintenance", "The system is under maintenance.", _UNDER_MAINTENANCE
        )
        later = _retry(retry_after)
        page, problem = (replace(each, headers={**each.headers, **later}) for each in (page, problem))
        self._answer(api, "maintenance", page, when, problem)

    def asleep(self, api: str = "*", *, status: int = 503, **when: Any) -> None:
        """A sandbox that is stopped, which answers with a page of the platform: 503, or 413."""
        title = {413: "Request Entity Too Large"}.get(status, "Service Unavailable")
        page = html_response(status, title, "The sandbox is stopped. Start it to use it.")
        self._answer(api, "asleep", page, when)

    def storefront(self, api: str = "*", *, status: int = 404, **when: Any) -> None:
        """The page of a shop: what answers where a vanity host was given in place of the instance's."""
        self._answer(api, "storefront", replace(_SHOP, status=status), when)

    def html(self, api: str = "*", **when: Any) -> None:
        """200, but a page for people where a document was due."""
        self._answer(api, "html", html_response(200, "Site under maintenance", "We will be back soon."), when)

    def empty(self, api: str = "*", **when: Any) -> None:
        self._spoil(api, "empty", lambda response: replace(response, body=b""), when)

    def truncated(self, api: str = "*", **when: Any) -> None:
        """Half of the body, with a Content-Length that agrees."""
        self._spoil(api, "truncated", _halved, when)

    def wrong_type(self, api: str = "*", **when: Any) -> None:
        self._spoil(api, "wrong_type", _as_text, when)

    def cut(self, api: str = "*", **when: Any) -> None:
        """The connection is closed half-way through the body."""
        self._mishap(api, Mishap.CUT, when)

    def reset(self, api: str = "*", **when: Any) -> None:
        self._mishap(api, Mishap.RESET, when)

    def stall(self, api: str = "*", *, silence: float | None = None, **when: Any) -> None:
        """Half of the body, then nothing, while the connection stays open: `silence` real seconds long."""
        self._spoil(api, "stall", lambda r: replace(r, mishap=Mishap.STALL, silence=silence), when)

    def drip(self, api: str = "*", *, pause: float = 0.05, **when: Any) -> None:
        """The body comes byte by byte, `pause` real seconds apart."""
        self._spoil(api, "drip", lambda r: replace(r, mishap=Mishap.DRIP, pause=pause), when)

    def short_page(self, api: str = "search", *, keep: int = 1, **when: Any) -> None:
        """Fewer hits than asked for, though more follow; a page of so many or fewer stays as it is."""
        self._spoil(api, "short_page", lambda response: _shortened(response, keep), when)

    def misdated(self, api: str = "*", *, by: int = 3600, **when: Any) -> None:
        """The `Date` is wrong by so many seconds, as that of one server among several may be."""
        self._spoil(api, "misdated", lambda response: replace(response, date_off=by), when)

    def revoked(self, api: str = "*", **when: Any) -> None:
        """All tokens end, in the middle of their life."""
        self._add(Fault(api, "revoked", lambda response: response, replaces=False, revokes=True, **when))

    def clear(self, api: str = "*") -> None:
        self._plan = [fault for fault in self._plan if api not in {"*", fault.api}]

    def planned(self) -> list[str]:
        return [f"{fault.api} {fault.name}" for fault in self._plan]

    def pick(self, api: str, backend: str = "") -> Fault | None:
        """The fault that strikes this request, if any; counts it."""
        for fault in self._plan:
            if fault.meant_for(api, backend) and self._strikes(fault):
                if fault.n is not None:
                    fault.n -= 1
                self._plan = [kept for kept in self._plan if kept.n != 0]
                return fault
        return None

    def strike(self, fault: Fault, api: str, response: Response, backend: str = "") -> Response:
        """The response as the fault has it; in `done` it stands only where that made a difference."""
        own = fault.problem if backend == "scapi" else None
        spoilt = fault.spoil(response) if own is None else own
        if fault.revokes or spoilt is not response:
            self.done.append(f"{api} {fault.name}")
        return spoilt

    def _strikes(self, fault: Fault) -> bool:
        fault.asked += 1
        if fault.asked <= fault.after:
            return False
        dice = blake2b(f"{self._seed}|{fault.name}|{fault.asked}".encode(), digest_size=4).digest()
        return int.from_bytes(dice, "big") / 2**32 < fault.probability

    def _refuse(
        self,
        api: str,
        name: str,
        what: tuple[int, str],
        when: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """With a page for people, and of SCAPI with a problem."""
        status, title = what
        kind = title.lower().replace(" ", "-")
        problem = problem_response(status, kind, title, f"{title}.", headers)
        self._answer(api, name, html_response(status, title, "", headers), when, problem)

    def _answer(
        self,
        api: str,
        name: str,
        answer: Response,
        when: Mapping[str, Any],
        problem: Response | None = None,
    ) -> None:
        self._add(Fault(api, name, lambda _response: answer, replaces=True, problem=problem, **when))

    def _spoil(
        self, api: str, name: str, spoil: Callable[[Response], Response], when: Mapping[str, Any]
    ) -> None:
        self._add(Fault(api, name, spoil, replaces=False, **when))

    def _mishap(self, api: str, mishap: Mishap, when: Mapping[str, Any]) -> None:
        self._spoil(api, mishap.value, lambda response: replace(response, mishap=mishap), when)

    def _add(self, fault: Fault) -> None:
        if fault.api not in APIS:
            raise ValueError(f"no API {fault.api!r}; there are: {', '.join(APIS)}")
        self._plan.append(fault)


_UNDER_MAINTENANCE = {"sfdc_maintenance": "true"}
_SHOP = html_response(
    404,
    "Page not found | RefArch",
    '<a href="/s/RefArch/home?lang=en_US">Continue shopping</a><a href="/s/RefArch/cart">Cart</a>',
    {"Server": "cloudflare"},
)


def _halved(response: Response) -> Response:
    body = response.read()
    return replace(response, body=body[: len(body) // 2])


def _shortened(response: Response, keep: int) -> Response:
    document = response.json() if response.status == 200 else {}
    hits = document.get("hits", [])
    if len(hits) <= keep:
        return response
    if "offset" in document:  # SCAPI's, which has no links to other pages
        document["limit"] = (
            min(document["limit"], keep) if document["limit"] == len(hits) else document["limit"]
        )
        return replace(response, body=json.dumps(document | {"hits": hits[:keep]}).encode())
    asked = document.get("next", {}).get("count", len(hits))
    following = {"_type": "result_page", "count": asked, "start": document["start"] + keep}
    document |= {"hits": hits[:keep], "count": keep, "next": following}
    return replace(response, body=json.dumps(document).encode())


def _as_text(response: Response) -> Response:
    return replace(response, headers={**response.headers, "Content-Type": "text/plain"})


def _retry(after: int | datetime | None) -> dict[str, str]:
    if after is None:
        return {}
    return {"Retry-After": http_date(to_ms(after)) if isinstance(after, datetime) else str(after)}
