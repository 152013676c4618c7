"""Starting a job: what is sent, once; and what each refusal says is to be done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from monitor.errors import Reason, SfccError
from monitor.model import RunId
from monitor.sfcc.connect import Connection
from monitor.sfcc.runs.starting import (
    AlreadyRunningError,
    FirstAllowed,
    UnknownJobError,
    UnsureStartError,
    start_body,
)
from monitor.simulator import JobSpec, World
from tests.monitor.sfcc.conftest import Asked, Script

Connect = Callable[..., Connection]
Serve = Callable[[Script], str]
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("parameters", "sites", "body"),
    [
        pytest.param({}, (), {}, id="nothing given"),
        pytest.param(
            {"mode": "a=b"}, (), {"parameters": [{"name": "mode", "value": "a=b"}]}, id="parameters"
        ),
        pytest.param(
            {},
            ("DE", "Ü"),
            {"parameters": [{"name": "SiteScope", "value": '{"named_sites": ["DE", "Ü"]}'}]},
            id="sites",
        ),
    ],
)
def test_a_job_is_started_with_parameters(
    parameters: Mapping[str, str], sites: tuple[str, ...], body: object
) -> None:
    assert start_body("import", parameters, sites) == body


def test_a_job_of_the_platform_takes_fields() -> None:
    given = {"file_name": "a.zip", "overwrite": "true", "data_units": '{"sites": {"DE": {"all": true}}}'}
    assert start_body("sfcc-site-archive-import", given, ("DE",)) == {
        "file_name": "a.zip",
        "overwrite": True,
        "data_units": {"sites": {"DE": {"all": True}}},
        "site_scope": ["DE"],
    }


@pytest.mark.parametrize(
    ("job", "parameters", "sites", "text"),
    [
        ("a", {"n" * 257: "v"}, (), "--param: a name has at most 256 characters"),
        ("a", {"n": "v" * 1001}, (), "--param n: a value has at most 1000 characters, this one has 1001"),
        ("a", {}, ("s" * 1000,), "--site: SiteScope: a value has at most 1000 characters"),
        ("a", {"SiteScope": "{}"}, ("DE",), "give --site or the parameter SiteScope, not both"),
        ("sfcc-a", {"units": "{"}, (), "--param units: it begins like JSON, and is none"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before(
    job: str, parameters: Mapping[str, str], sites: tuple[str, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=f"^{text}"):
        start_body(job, parameters, sites)


def test_the_longest_names_and_values_are_taken() -> None:
    assert start_body("a", {"n" * 256: "v" * 1000}, ())["parameters"]


@pytest.fixture
def world_with_a_job(world: World) -> World:
    world.add_job(JobSpec("3-1 ä/import"))
    return world


@pytest.mark.parametrize("backend", ["ocapi", "scapi"])
def test_a_start_is_one_request_that_names_the_run(
    world_with_a_job: World, connect_with: Connect, backend: str
) -> None:
    world = world_with_a_job
    connection = connect_with(api_backend=backend)
    body = start_body("3-1 ä/import", {"mode": "delta"}, ())
    started = connection.starter.start("3-1 ä/import", body)
    (run,) = world.runs("3-1 ä/import")
    assert started == RunId(run.job_id, run.id)
    assert run.execution.starter.parameters == {"mode": "delta"}
    assert run.execution.starter.client_id == connection.starter.client_id
    assert sum(record.path.endswith("/executions") for record in world.requests) == 1


@pytest.mark.usefixtures("world_with_a_job")
@pytest.mark.parametrize("backend", ["ocapi", "scapi"])
def test_a_job_that_runs_and_one_that_is_not_there_are_told_apart(
    connect_with: Connect, backend: str
) -> None:
    starter = connect_with(api_backend=backend).starter
    with pytest.raises(UnknownJobError, match="has no job of this id"):
        starter.start("nothing", {})
    starter.start("3-1 ä/import", {})
    with pytest.raises(AlreadyRunningError, match="starts no second run"):
        starter.start("3-1 ä/import", {})


def test_a_missing_right_comes_with_the_entry_to_paste(
    world_with_a_job: World, connect_with: Connect
) -> None:
    world_with_a_job.permissions.start = False
    starter = connect_with(api_backend="ocapi").starter
    with pytest.raises(SfccError, match="add, do not replace") as caught:
        starter.start("3-1 ä/import", {})
    assert caught.value.reason is Reason.PERMISSION
    assert starter.client_id in str(caught.value)
    entry = str(caught.value)
    found = json.loads(entry[entry.index("{") : entry.index("}") + 1])
    assert found == {
        "resource_id": "/jobs/*/executions",
        "methods": ["post"],
        "read_attributes": "(**)",
        "write_attributes": "(**)",
    }


def test_where_scapi_is_not_allowed_ocapi_starts_it(world_with_a_job: World, connect_with: Connect) -> None:
    world_with_a_job.permissions.scapi = False
    started = connect_with(api_backend="auto").starter.start("3-1 ä/import", {})
    assert started.id == world_with_a_job.runs("3-1 ä/import")[0].id


ANSWERS = {
    "a good answer that is cut": (202, b'{"id": "4', UnsureStartError),
    "a good answer that names no run": (200, b"{}", UnsureStartError),
    "an error of the server": (500, b"", UnsureStartError),
    "a gateway that gave up": (504, b"", UnsureStartError),
    "too many requests": (429, b"", SfccError),
    "a server that takes nothing now": (503, b"", SfccError),
    "a request it does not take": (400, b'{"fault": {"type": "UnknownPropertyException"}}', SfccError),
}


@pytest.mark.parametrize(("status", "answer", "error"), ANSWERS.values(), ids=ANSWERS.keys())
def test_no_start_is_sent_twice_and_a_doubtful_one_is_called_so(
    scripted: Serve, connect_with: Connect, status: int, answer: bytes, error: type[SfccError]
) -> None:
    asked: list[str] = []

    def script(request: Asked) -> tuple[int, bytes, Mapping[str, str]]:
        asked.append(request.path)
        return status, answer, JSON

    starter = connect_with(server=scripted(script), api_backend="ocapi").starter
    with pytest.raises(SfccError) as caught:
        starter.start("import", {})
    assert type(caught.value) is error
    assert len(asked) == 1


def test_a_server_that_takes_no_connection_was_not_asked(connect_with: Connect) -> None:
    starter = connect_with(server="http://127.0.0.1:9", api_backend="ocapi").starter
    with pytest.raises(SfccError) as caught:
        starter.start("import", {})
    assert type(caught.value) is SfccError


@dataclass
class Way:
    """A starter that answers as told."""

    client_id: str
    answer: RunId | SfccError
    asked: int = 0

    def start(self, job_id: str, body: Mapping[str, object]) -> RunId:
        del job_id, body
        self.asked += 1
        if isinstance(self.answer, SfccError):
            raise self.answer
        return self.answer


RUN = RunId("a", "1")


@pytest.mark.parametrize(
    ("first", "asks_second"),
    [
        (SfccError(Reason.PERMISSION, "no"), True),
        (SfccError(Reason.CREDENTIALS, "no"), True),
        (SfccError(Reason.NOT_FOUND, "no"), True),
        (SfccError(Reason.NETWORK, "no"), False),
        (AlreadyRunningError(Reason.REFUSED, "no"), False),
        (UnknownJobError(Reason.NOT_FOUND, "no"), False),
        (UnsureStartError(Reason.TIMEOUT, "no"), False),
        (RUN, False),
    ],
)
def test_another_way_is_taken_only_where_the_first_is_not_allowed(
    first: RunId | SfccError, *, asks_second: bool
) -> None:
    ways = Way("one", first), Way("two", RUN)
    starter = FirstAllowed(ways)
    if isinstance(first, SfccError) and not asks_second:
        with pytest.raises(type(first)):
            starter.start("a", {})
    else:
        assert starter.start("a", {}) == RUN
    assert ways[1].asked == asks_second
    assert starter.client_id == ("two" if asks_second else "one")


def test_jobs_of_the_platform_go_by_the_last_way_first() -> None:
    ways = Way("one", RUN), Way("two", RUN)
    FirstAllowed(ways).start("sfcc-site-archive-import", {})
    assert [way.asked for way in ways] == [0, 1]


def test_where_no_way_is_allowed_all_are_named() -> None:
    ways = (
        Way("one", SfccError(Reason.PERMISSION, "no scope")),
        Way("two", SfccError(Reason.PERMISSION, "no right")),
    )
    with pytest.raises(SfccError, match="no scope; no right"):
        FirstAllowed(ways).start("a", {})
    same = [Way(name, SfccError(Reason.CREDENTIALS, "no client")) for name in ("one", "two")]
    with pytest.raises(SfccError, match=r"^no client$"):
        FirstAllowed(same).start("a", {})
    with pytest.raises(SfccError, match="name one in the table trigger"):
        FirstAllowed([]).start("a", {})


@pytest.mark.parametrize("job", [".", ".."])
def test_a_job_cannot_be_named_like_a_part_of_the_path(connect_with: Connect, job: str) -> None:
    with pytest.raises(UnknownJobError):
        connect_with().starter.start(job, {})
