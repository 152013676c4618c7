"""Logs over WebDAV: who may read, what ranges give, what folders show, and when a log is gone."""

import gzip
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from monitor.simulator import (
    DEMO_ACCESS_KEY,
    DEMO_USER,
    LOG_ARCHIVES,
    Caller,
    GeneratedLog,
    ManualClock,
    Response,
    World,
)
from monitor.simulator.webdav import ROOT

PATH = "/Sites/LOGS/jobs/j/Job-j-1.log"
TEXT = b"0123456789"
DAV = "{DAV:}"


@pytest.fixture(autouse=True)
def _a_log(world: World) -> None:
    world.put({"id": "1", "job_id": "j", "log_file_path": PATH}, log=TEXT)


def names(response: Response) -> list[str | None]:
    return [entry.text for entry in ET.fromstring(response.read()).iter(f"{DAV}displayname")]


def test_a_log_is_read_where_the_execution_says(world: World, caller: Caller) -> None:
    run = world.start("3-1-1 Akeneo")
    response = caller.file(run.log_path)
    assert response.status == 200
    assert f"Executing job [3-1-1 Akeneo][{run.id}]" in response.read().decode()


@pytest.mark.parametrize("first", ["LOGS", "Logs", "logs"])
def test_the_first_folder_is_taken_in_any_case(caller: Caller, first: str) -> None:
    assert caller.file(f"/{first}/jobs/j/Job-j-1.log").read() == TEXT


def test_the_rest_of_the_path_is_not(caller: Caller) -> None:
    assert caller.file("/LOGS/Jobs/j/Job-j-1.log").status == 404


@pytest.mark.parametrize(
    ("asked", "status", "expected", "span"),
    [
        pytest.param("bytes=2-4", 206, b"234", "bytes 2-4/10", id="from to"),
        pytest.param("bytes=7-", 206, b"789", "bytes 7-9/10", id="from"),
        pytest.param("bytes=-3", 206, b"789", "bytes 7-9/10", id="the last three"),
        pytest.param("bytes=-30", 206, TEXT, "bytes 0-9/10", id="more than there is, from the end"),
        pytest.param("bytes=8-99", 206, b"89", "bytes 8-9/10", id="to past the end"),
        pytest.param("bytes=10-", 416, None, "bytes */10", id="from the end on"),
        pytest.param("bytes=-0", 416, None, "bytes */10", id="the last none"),
        pytest.param("bytes=4-2", 416, None, "bytes */10", id="backwards"),
        pytest.param("lines=1-2", 200, TEXT, None, id="another unit is ignored"),
        pytest.param("bytes=0-1,3-4", 200, TEXT, None, id="several ranges are ignored"),
    ],
)
def test_ranges(caller: Caller, asked: str, status: int, expected: bytes | None, span: str | None) -> None:
    response = caller.file(PATH, Range=asked)
    assert (response.status, response.headers.get("Content-Range")) == (status, span)
    if expected is not None:
        assert response.read() == expected
        assert response.length == len(expected)


def test_ranges_may_be_ignored(world: World, caller: Caller) -> None:
    world.quirks.ranges = False
    response = caller.file(PATH, Range="bytes=2-4")
    assert (response.status, response.read()) == (200, TEXT)


def test_bytes_that_are_no_text_arrive_as_they_are(world: World, caller: Caller) -> None:
    run = world.start("j", log=b"caf\xe9 \xff\x00")
    assert caller.file(run.log_path).read() == b"caf\xe9 \xff\x00"


def test_a_running_job_writes_on(world: World, clock: ManualClock, caller: Caller) -> None:
    run = world.start("j")
    sizes = []
    for _ in range(3):
        sizes.append(caller.file(run.log_path).length)
        clock.advance(60)
    assert sizes == sorted(set(sizes))
    run.finish()
    final = caller.file(run.log_path).read()
    clock.advance(60)
    assert caller.file(run.log_path).read() == final
    assert final.endswith(b"finished with status [OK].\n")


def test_a_huge_log_is_made_while_it_is_read(world: World, caller: Caller) -> None:
    run = world.start("j", log=GeneratedLog(200_000_000, tail=b"the end\n"))
    response = caller.file(run.log_path)
    assert response.length == 200_000_000
    assert len(next(response.pieces())) < 100_000
    assert caller.file(run.log_path, Range="bytes=-8").read() == b"the end\n"


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1000), (127, 129), (990, 1000), (65_000, 70_000), (995, 1000)]
)
def test_any_part_of_a_generated_log_is_part_of_the_whole(start: int, stop: int) -> None:
    log = GeneratedLog(70_000, tail=b"tail.\n")
    whole = b"".join(log.read(0, log.size))
    assert len(whole) == 70_000
    assert b"".join(log.read(start, stop)) == whole[start:stop]


def test_an_old_log_is_moved_away(world: World, clock: ManualClock, caller: Caller) -> None:
    run = world.start("j").finish(code="ERROR")
    clock.advance(timedelta(days=3, seconds=-1))
    assert caller.file(run.log_path).status == 200
    clock.advance(1)
    assert caller.file(run.log_path).status == 404
    assert run.document()["log_file_path"] == run.log_path
    world.quirks.log_archive_after = None
    assert caller.file(run.log_path).status == 200
    run.archive_log()
    assert caller.file(run.log_path).status == 404


def test_a_pending_run_has_no_log_yet(world: World, caller: Caller) -> None:
    run = world.start("j", pending=True)
    assert caller.file(run.log_path).status == 404
    run.begin()
    assert caller.file(run.log_path).status == 200


def test_old_instances_keep_all_logs_in_one_folder(world: World, caller: Caller) -> None:
    world.quirks.legacy_log_name = True
    run = world.start("j")
    name = run.execution.legacy_log_name
    assert caller.file(f"/Impex/log/{name}").status == 200
    assert name in names(caller.file("/Impex/log", "PROPFIND", Depth="1"))
    assert caller.file(run.log_path).status == 404


def test_propfind_tells_the_size_of_a_file(caller: Caller) -> None:
    response = caller.file(PATH, "PROPFIND", Depth="0")
    tree = ET.fromstring(response.read())
    assert response.status == 207
    assert tree.findtext(f".//{DAV}getcontentlength") == "10"
    assert tree.findtext(f".//{DAV}getlastmodified") == "Sun, 22 Nov 2026 02:00:00 GMT"
    assert tree.findtext(f".//{DAV}href") == f"/on/demandware.servlet/webdav{PATH}"


@pytest.mark.parametrize(
    ("path", "depth", "expected"),
    [
        pytest.param("/Logs/jobs", "0", ["jobs"], id="a folder itself"),
        pytest.param("/Logs/jobs", "1", ["jobs", "a & b", "j"], id="and what is in it"),
        pytest.param("/LOGS/jobs/j/", "1", ["j", "Job-j-1.log"], id="files"),
        pytest.param("/", "1", ["Sites", "IMPEX", "LOGS"], id="the top"),
    ],
)
def test_propfind_lists_folders(
    world: World, caller: Caller, path: str, depth: str, expected: list[str]
) -> None:
    world.put_file("/Impex/log/import.log", b"")
    world.put_file("/LOGS/jobs/a & b/x.log", b"")
    assert names(caller.file(path, "PROPFIND", Depth=depth)) == expected


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("PROPFIND", "/LOGS/jobs", {"Depth": "infinity"}, 403, id="all at once"),
        pytest.param("PROPFIND", "/LOGS/jobs", {}, 403, id="without a depth, which means all"),
        pytest.param("PROPFIND", "/LOGS/none", {"Depth": "1"}, 404, id="no such folder"),
        pytest.param("GET", "/LOGS/jobs", {}, 403, id="a folder is not read"),
        pytest.param("GET", "/LOGS/../secret", {}, 400, id="no way up"),
        pytest.param("HEAD", PATH, {}, 403, id="HEAD"),
        pytest.param("PUT", PATH, {}, 403, id="PUT"),
        pytest.param("DELETE", PATH, {}, 403, id="DELETE"),
        pytest.param("OPTIONS", PATH, {}, 200, id="OPTIONS"),
    ],
)
def test_what_webdav_refuses(
    caller: Caller, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    response = caller.file(path, method, **headers)
    assert response.status == status
    assert "fault" not in response.read().decode()


@pytest.mark.parametrize("status", [403, 401])
def test_a_client_needs_the_permission(world: World, caller: Caller, status: int) -> None:
    world.permissions.webdav = False
    world.permissions.denied_status = status
    assert caller.file(PATH).status == status
    assert caller.search().status == 200


@pytest.mark.parametrize("header", ["", "Bearer x", "Digest x", "Basic !"])
def test_without_credentials_webdav_asks_for_some(world: World, header: str) -> None:
    response = Caller(world, authorization=header).file(PATH)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_a_user_reads_with_an_access_key(world: World) -> None:
    world.permissions.webdav = False  # is about clients
    assert Caller.basic(world, DEMO_USER, DEMO_ACCESS_KEY).file(PATH).read() == TEXT
    assert Caller.basic(world, "nobody", DEMO_ACCESS_KEY).file(PATH).status == 401


@pytest.mark.parametrize(("wrong", "status"), [(5, 200), (6, 401)])
def test_six_wrong_tries_lock_the_key(world: World, wrong: int, status: int) -> None:
    for _ in range(wrong):
        assert Caller.basic(world, DEMO_USER, "guess").file(PATH).status == 401
    assert Caller.basic(world, DEMO_USER, DEMO_ACCESS_KEY).file(PATH).status == status
    world.webdav_users.add(DEMO_USER, "another")
    assert Caller.basic(world, DEMO_USER, "another").file(PATH).status == 200


def test_a_right_try_makes_up_for_the_wrong_ones(world: World) -> None:
    for _ in range(3):
        for _ in range(5):
            Caller.basic(world, DEMO_USER, "guess").file(PATH)
        assert Caller.basic(world, DEMO_USER, DEMO_ACCESS_KEY).file(PATH).status == 200


@pytest.mark.parametrize("place", LOG_ARCHIVES)
def test_an_old_log_lies_gzipped_in_an_archive_whose_place_can_be_chosen(
    world: World, caller: Caller, clock: ManualClock, place: str
) -> None:
    run = world.start("my job").finish()
    text = caller.file(run.log_path).read()
    world.quirks.log_archive = place
    archived = place.format(job="my job", file=run.execution.log_name)
    assert caller.file(archived).status == 404
    clock.advance(timedelta(days=3))
    response = caller.file(archived)
    assert (response.status, response.headers["Content-Type"]) == (200, "application/gzip")
    assert gzip.decompress(response.read()) == text
    assert caller.file(run.log_path).status == 404
    places = [other.format(job="my job", file=run.execution.log_name) for other in LOG_ARCHIVES]
    assert [caller.file(other).status for other in places].count(200) == 1
    folder = archived.rpartition("/")[0]
    assert run.execution.log_name + ".gz" in caller.file(folder, "PROPFIND", Depth="1").read().decode()


def test_where_there_is_no_archive_an_old_log_is_lost(world: World, caller: Caller) -> None:
    run = world.start("j").finish().archive_log()
    archived = LOG_ARCHIVES[0].format(job="j", file=run.execution.log_name)
    assert caller.file(archived).status == 200
    world.quirks.log_archive = None
    assert caller.file(archived).status == 404


def test_a_file_may_be_said_to_be_elsewhere(world: World, caller: Caller) -> None:
    run = world.start("j").finish()
    world.quirks.log_redirect = "https://cdn.example.com"
    response = caller.file(run.log_path)
    assert response.status == 302
    assert response.headers["Location"] == (
        "https://cdn.example.com/on/demandware.servlet/webdav" + run.log_path
    )
    world.quirks.log_redirect = f"{ROOT}/LOGS/moved"
    assert caller.file(run.log_path).headers["Location"].startswith(f"{ROOT}/LOGS/moved/LOGS/jobs/j/")
    assert caller.file("/LOGS/moved/x").status == 404
    assert Caller(world, authorization="").file(run.log_path).status == 401


@pytest.mark.parametrize("status", [401, 403])
def test_a_client_may_read_some_folders_and_others_not(world: World, caller: Caller, status: int) -> None:
    run = world.start("j").finish()
    path = run.write_import_log()
    world.permissions.folders = frozenset({"/logs"})
    world.permissions.denied_status = status
    assert (caller.file(run.log_path).status, caller.file(path).status) == (200, status)
    world.permissions.folders = frozenset({"/impex"})
    assert (caller.file(run.log_path).status, caller.file(path).status) == (status, 200)
    assert Caller.basic(world, DEMO_USER, DEMO_ACCESS_KEY).file(run.log_path).status == 200


def test_wrong_keys_are_counted_until_the_key_is_locked(world: World) -> None:
    users = world.webdav_users
    for tries in range(1, 7):
        assert Caller.basic(world, DEMO_USER, "wrong").file("/LOGS/x").status == 401
        assert (users.wrong_tries(DEMO_USER), users.locked(DEMO_USER)) == (tries, tries == 6)
    assert Caller.basic(world, DEMO_USER, DEMO_ACCESS_KEY).file("/LOGS/x").status == 401
    assert users.wrong_tries(DEMO_USER) == 6


def test_clients_of_old_versions_find_a_log_where_its_name_stood_for_its_place(
    world: World, caller: Caller
) -> None:
    run = world.start("j").finish()
    document = caller.call("GET", f"/s/-/dw/data/v19_5/jobs/j/executions/{run.id}").json()
    assert "log_file_path" not in document
    old = caller.file(f"/Impex/log/{document['log_file_name']}")
    assert old.read() == caller.file(run.log_path).read()


def test_whether_a_token_was_sent_is_recorded_and_which_is_not(world: World, caller: Caller) -> None:
    caller.file("/LOGS/x")
    Caller(world, authorization="").file("/LOGS/x")
    assert [record.authorized for record in world.requests] == [True, False]
    assert caller.authorization not in repr(world.requests)


def test_a_log_may_be_behind_its_run_and_end_later(world: World, caller: Caller, clock: ManualClock) -> None:
    world.quirks.log_lag = timedelta(seconds=5)
    run = world.start("j")
    clock.advance(10)
    run.finish()
    assert b"finished with status" not in caller.file(run.log_path).read()
    clock.advance(5)
    assert b"finished with status" in caller.file(run.log_path).read()
