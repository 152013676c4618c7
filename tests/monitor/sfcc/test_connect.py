from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.sfcc.connect import Connection, wanted_jobs
from monitor.simulator import Simulator, World


@pytest.mark.parametrize(
    ("globs", "job_id", "wanted"),
    [
        ((), "import", "yes"),
        ((), "sfcc-reindex", ""),
        ((), "sfcc_import", "yes"),
        (("sfcc-re*",), "sfcc-reindex", "yes"),
        (("sfcc-re*",), "sfcc-other", ""),
        (("SFCC-RE*",), "sfcc-reindex", ""),
    ],
)
def test_which_jobs_are_wanted(globs: tuple[str, ...], job_id: str, wanted: str) -> None:
    assert wanted_jobs(globs)(job_id) == bool(wanted)


def test_logs_may_live_on_a_server_of_their_own(
    world: World, connect_with: Callable[..., Connection]
) -> None:
    other = World(world.clock)
    other.put_file("/LOGS/a.log", b"over here")
    other.account_manager = world.account_manager
    with Simulator(other) as webdav:
        connection = connect_with(webdav_server=webdav.url)
        assert connection.logs.read("/LOGS/a.log", head_bytes=99, tail_bytes=9).head == b"over here"
        assert list(connection.jobs.recent(world.now(), {})) == []
        connection.close()
    assert {record.api for record in world.requests} == {"token", "search"}
    assert {record.api for record in other.requests} == {"webdav"}


def test_the_address_of_the_api_and_of_the_token_can_be_others(
    world: World, connect_with: Callable[..., Connection]
) -> None:
    jobs = connect_with(api_version="v24_5", token_path="/dw/oauth2/access_token").jobs
    assert list(jobs.recent(world.now(), {})) == []
    assert [record.path for record in world.requests] == [
        "/dw/oauth2/access_token",
        "/s/-/dw/data/v24_5/job_execution_search",
    ]


def test_a_wrong_address_is_a_plain_value_error(connect_with: Callable[..., Connection]) -> None:
    with pytest.raises(ValueError, match="http:// would send secrets"):
        connect_with(server="http://shop.example")


def test_nothing_is_sent_before_something_is_asked(
    world: World, connect_with: Callable[..., Connection]
) -> None:
    connect_with()
    assert list(world.requests) == []


def test_the_caller_may_choose_the_jobs(world: World, connect_with: Callable[..., Connection]) -> None:
    world.start("import")
    world.start("sfcc-reindex")
    jobs = connect_with(keep=lambda job_id: job_id.startswith("sfcc-")).jobs
    (page,) = jobs.recent(world.now(), {})
    assert [run.job_id for run in page.seen] == ["sfcc-reindex"]
    assert len(page.running) == 2
