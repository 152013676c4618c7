from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import LogError, Reason
from monitor.sfcc import LogFile, ReadLimits
from monitor.sfcc.connect import Connection
from monitor.sfcc.http import Timeouts
from monitor.sfcc.login.logins import WebDavUser
from monitor.simulator import DEMO_ACCESS_KEY, DEMO_CLIENT_ID, DEMO_USER, Run, World
from monitor.simulator.model import LOG_ARCHIVES

Connect = Callable[..., Connection]
Reply = tuple[int, bytes, Mapping[str, str]]

PATH = "/Sites/LOGS/jobs/import/Job-import-1.log"
HEAD, TAIL = 1000, 4000


@pytest.fixture
def read(connection: Connection) -> Callable[..., LogFile]:
    """Reads the file at PATH."""

    def reading(path: str = PATH, *, head: int = HEAD, tail: int = TAIL, **more: Any) -> LogFile:
        return connection.logs.read(path, head_bytes=head, tail_bytes=tail, **more)

    return reading


def put(world: World, content: Any, path: str = PATH) -> None:
    world.put_file(path.removeprefix("/Sites"), content)


def lines(count: int) -> bytes:
    return b"".join(b"line %06d\n" % number for number in range(count))


def webdav(world: World) -> list[tuple[str, int]]:
    return [(record.method, record.status) for record in world.requests if record.api == "webdav"]


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize(
    ("size", "omitted"),
    [
        pytest.param(0, 0, id="empty"),
        pytest.param(1, 0, id="one byte"),
        pytest.param(HEAD, 0, id="exactly the head"),
        pytest.param(HEAD + 1, 0, id="one byte more than the head"),
        pytest.param(HEAD + TAIL, 0, id="exactly head and tail"),
        pytest.param(HEAD + TAIL + 1, 1, id="one byte too many"),
        pytest.param(1_000_000, 995_000, id="large"),
    ],
)
def test_beginning_and_end_of_a_log(
    size: int, omitted: int, ranges: object, world: World, read: Callable[..., LogFile]
) -> None:
    data = lines(size // 12 + 1)[:size]
    world.quirks.ranges = bool(ranges)
    put(world, data)
    found = read()
    assert found.name == "Job-import-1.log"
    assert found.size == size
    assert found.omitted == omitted
    assert found.head == data[:HEAD]
    assert found.head + found.tail == data if not omitted else found.tail == data[-TAIL:]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(size=st.integers(0, 300), head=st.integers(1, 120), tail=st.integers(0, 120), ranges=st.booleans())
def test_head_omitted_and_tail_are_the_whole_file(
    size: int, head: int, tail: int, ranges: object, world: World, read: Callable[..., LogFile]
) -> None:
    data = lines(30)[:size]
    world.quirks.ranges = bool(ranges)
    put(world, data)
    found = read(head=head, tail=tail)
    assert len(found.head) <= head
    assert len(found.tail) <= tail
    assert data.startswith(found.head)
    assert data.endswith(found.tail)
    assert len(found.head) + found.omitted + len(found.tail) == size


def test_a_log_of_a_run_is_read_by_the_path_of_the_run(world: World, connection: Connection) -> None:
    run = world.start("1. Akeneo Import", steps=["prepare"]).finish(code="ERROR", message="No feed.")
    (page,) = connection.jobs.recent(world.now(), {})
    path = page.executions[0].log_file_path
    assert path is not None
    text = connection.logs.read(path, head_bytes=9000, tail_bytes=9000).head.decode()
    assert f"Executing job [1. Akeneo Import][{run.id}]" in text
    assert "No feed." in text


def test_bytes_that_are_no_text_come_through(world: World, read: Callable[..., LogFile]) -> None:
    data = bytes(range(256)) * 2
    put(world, data)
    assert read().head == data


class Vast:
    """A file of which every block is the same bytes: as large as wished, and made in no time."""

    block = b"x" * 65_535 + b"\n"

    def __init__(self, blocks: int) -> None:
        self.size = blocks * len(self.block)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            offset = start % len(self.block)
            piece = self.block[offset : offset + stop - start]
            yield piece
            start += len(piece)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_large_log_is_never_held_in_memory(
    ranges: object, world: World, read: Callable[..., LogFile]
) -> None:
    vast = Vast(800)
    put(world, vast)
    put(world, b"text", "/Sites/LOGS/small.log")
    world.quirks.ranges = bool(ranges)
    head, tail = 256 * 1024, 1024 * 1024
    read("/Sites/LOGS/small.log")
    tracemalloc.start()
    try:
        found = read(head=head, tail=tail)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(found.head), len(found.tail)) == (head, tail)
    assert found.size == vast.size == 52_428_800
    assert found.omitted == vast.size - head - tail
    assert peak < 3 * (head + tail)


def test_a_log_that_grows_between_two_requests_keeps_its_end(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    data = [b"a" * 12_000, b"a" * 12_000 + b"b" * 500]

    def script(asked: Any) -> Reply:
        return ranged(data.pop(0), asked.headers["Range"])

    found = connect_with(webdav_server=scripted(script)).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert found.size == 12_500
    assert found.tail == b"a" * 3500 + b"b" * 500
    assert found.omitted == 12_500 - HEAD - TAIL


def ranged(data: bytes, wanted: str) -> Reply:
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(len(data) - int(last), 0)
    stop = min(int(last) + 1, len(data)) if first and last else len(data)
    return 206, data[start:stop], {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}


def test_a_tail_that_reaches_into_the_head_is_not_doubled(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    data = [lines(500), lines(500)[:3000]]  # the file was replaced by a shorter one in between

    def script(asked: Any) -> Reply:
        return ranged(data.pop(0), asked.headers["Range"])

    found = connect_with(webdav_server=scripted(script)).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert found.head + found.tail == lines(500)[:3000]
    assert found.omitted == 0


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a range of nobody knows what"),
        pytest.param({"Content-Range": "bytes 0-9/*"}, id="a range of a file of unknown size"),
        pytest.param({"Content-Range": "bytes 7-16/100"}, id="another range than asked for"),
        pytest.param(
            {"Content-Range": "bytes 0-9/100", "Content-Encoding": "gzip"}, id="a range of an archive"
        ),
        pytest.param({"Content-Range": "bytes 0-9/99999999999999999999"}, id="a file of absurd size"),
        pytest.param({"Content-Range": "bytes 9-0/100"}, id="a range that ends before it begins"),
        pytest.param({"Content-Range": "bytes 0-9/9"}, id="a range beyond the end"),
        pytest.param(
            {"Content-Type": "multipart/byteranges; boundary=x"},
            id="several ranges although one was asked for",
        ),
    ],
)
def test_a_range_that_makes_no_sense_is_replaced_by_the_whole_file(
    headers: Mapping[str, str], connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    def script(asked: Any) -> Reply:
        return (206, b"0123456789", headers) if "Range" in asked.headers else (200, lines(9), {})

    found = connect_with(webdav_server=scripted(script)).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert found == LogFile("Job-import-1.log", lines(9), size=len(lines(9)))


@pytest.mark.parametrize(
    ("span", "length"),
    [
        pytest.param("0-3999/12000", TAIL, id="the first bytes instead of the last"),
        pytest.param("4000-7999/12000", TAIL, id="bytes in the middle"),
        pytest.param("8000-11999/12000", TAIL - 1, id="a byte less than it says"),
    ],
)
def test_an_end_that_is_none_is_replaced_by_the_whole_file(
    span: str, length: int, connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    data = lines(1000)
    assert len(data) == 12_000

    def script(asked: Any) -> Reply:
        wanted = asked.headers.get("Range", "")
        if wanted.startswith("bytes=-"):
            return 206, b"?" * length, {"Content-Range": f"bytes {span}"}
        return ranged(data, wanted) if wanted else (200, data, {})

    found = connect_with(webdav_server=scripted(script)).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert (found.head, found.tail, found.size) == (data[:HEAD], data[-TAIL:], len(data))


def test_a_server_that_gives_ranges_nobody_asked_for_is_an_error(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    logs = connect_with(webdav_server=scripted(lambda _asked: (206, b"0123456789", {}))).logs
    with pytest.raises(LogError, match="an answer that is none") as caught:
        logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert caught.value.reason is Reason.PROTOCOL


def test_a_compressed_log_is_read_as_text(connect_with: Connect, scripted: Callable[[Any], str]) -> None:
    body = gzip.compress(lines(9000))
    server = scripted(lambda _asked: (200, body, {"Content-Encoding": "gzip"}))
    found = connect_with(webdav_server=server).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert found.head == lines(9000)[:HEAD]
    assert found.tail == lines(9000)[-TAIL:]
    assert found.size == len(lines(9000))


HASTY = Timeouts(connect=1.0, read=0.2, total=0.4)
BRIEF = ReadLimits(seconds=0.4)


def test_a_log_too_slow_to_read_through_gives_its_beginning(world: World, connect_with: Connect) -> None:
    put(world, lines(1000))
    world.quirks.ranges = False
    world.faults.drip("webdav", pause=0.001, n=None)
    found = connect_with(timeouts=HASTY).logs.read(PATH, head_bytes=50, tail_bytes=TAIL, limits=BRIEF)
    assert found.head == lines(1000)[:50]
    assert found.tail == b""
    assert found.omitted == len(lines(1000)) - 50
    assert found.why == "its end could not be read in time (log_time_limit is 0.4 s)"


def test_of_a_log_too_slow_for_even_its_beginning_what_came_is_kept(
    world: World, connect_with: Connect
) -> None:
    put(world, lines(1000))
    world.quirks.ranges = False
    world.faults.drip("webdav", pause=0.001, n=None)
    found = connect_with(timeouts=HASTY).logs.read(PATH, head_bytes=9999, tail_bytes=TAIL, limits=BRIEF)
    assert 0 < len(found.head) < 9999
    assert lines(1000).startswith(found.head)
    assert "log_time_limit" in found.why


def test_when_the_end_does_not_come_the_beginning_is_given(world: World, connect_with: Connect) -> None:
    put(world, lines(1000))
    world.faults.stall("webdav", after=1, n=None)
    found = connect_with(timeouts=HASTY).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL, limits=BRIEF)
    assert (found.head, found.tail, found.omitted) == (lines(1000)[:HEAD], b"", 12_000 - HEAD)
    assert "log_time_limit is 0.4 s" in found.why


def test_a_time_limit_may_be_longer_than_the_usual_time_for_an_answer(
    world: World, connect_with: Connect
) -> None:
    put(world, lines(40))
    world.quirks.ranges = False
    world.faults.drip("webdav", pause=0.001, n=None)
    hasty = Timeouts(connect=1.0, read=5.0, total=0.01)
    assert connect_with(timeouts=hasty).logs.read(PATH, head_bytes=50, tail_bytes=TAIL).size == 480


def test_a_log_whose_transfer_breaks_is_read_again(world: World, read: Callable[..., LogFile]) -> None:
    put(world, lines(1000))
    world.quirks.ranges = False
    world.faults.cut("webdav")
    assert read(head=50).tail == lines(1000)[-TAIL:]


def test_a_log_too_large_to_read_through_gives_its_beginning(
    world: World, read: Callable[..., LogFile]
) -> None:
    vast = Vast(100)
    put(world, vast)
    world.quirks.ranges = False
    found = read(limits=ReadLimits(size=vast.size))
    assert (found.size, found.why) == (vast.size, ""), "exactly as large as allowed"
    found = read(limits=ReadLimits(size=vast.size - 1))
    assert found.head == b"x" * HEAD
    assert found.tail == b""
    assert found.omitted == vast.size - HEAD
    assert found.why == "its end lies beyond the first 6.5536 MB (log_size_limit)"


def test_a_log_that_does_not_even_begin_is_an_error(world: World, connect_with: Connect) -> None:
    put(world, lines(10))
    world.faults.stall("webdav", n=None)
    with pytest.raises(LogError, match=r"no log: .* did not answer in time") as caught:
        connect_with(timeouts=HASTY).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert caught.value.reason is Reason.TIMEOUT
    assert caught.value.retryable


def test_trouble_on_the_way_is_tried_again(
    world: World, read: Callable[..., LogFile], slept: list[float]
) -> None:
    put(world, lines(1000))
    world.faults.throttle("webdav", retry_after=2)
    world.faults.reset("webdav", after=1)
    assert read().size == len(lines(1000))
    assert slept == [2.5, 1.0]


@pytest.mark.parametrize("status", [401, 403])
def test_a_client_without_the_right_is_told_what_to_paste(
    status: int, world: World, read: Callable[..., LogFile]
) -> None:
    put(world, b"text")
    world.permissions.webdav = False
    world.permissions.denied_status = status
    with pytest.raises(LogError) as caught:
        read()
    assert caught.value.reason is Reason.PERMISSION
    assert not caught.value.retryable
    text = str(caught.value)
    assert text.startswith("no log: ")
    assert "Administration > Organization > WebDAV Client Permissions" in text
    assert f'"client_id": "{DEMO_CLIENT_ID}"' in text
    assert '{"path": "/logs", "operations": ["read"]}' in text


def test_the_right_to_an_old_log_is_one_to_impex(world: World, read: Callable[..., LogFile]) -> None:
    world.permissions.webdav = False
    with pytest.raises(LogError, match='"path": "/impex"'):
        read("/Sites/Impex/log/a.log")


def test_a_log_that_is_gone_says_where_logs_go(world: World, read: Callable[..., LogFile]) -> None:
    run: Run = world.start("import").finish(code="ERROR")
    assert read(run.log_path).head
    age(world)
    world.quirks.log_archive = None
    with pytest.raises(LogError, match="moves logs away after 3 days") as caught:
        read(run.log_path)
    assert caught.value.reason is Reason.NOT_FOUND
    assert caught.value.retryable, "that of a run just ended may still be coming"


def age(world: World) -> None:
    """Until the platform has moved the logs away."""
    world.clock.advance(timedelta(days=4))  # type: ignore[attr-defined] # the fixture's clock is one moved by hand


@pytest.mark.parametrize("place", LOG_ARCHIVES)
def test_a_log_that_was_moved_away_is_found_where_it_lies_packed_and_then_at_once(
    place: str, world: World, read: Callable[..., LogFile]
) -> None:
    runs = [world.start("an import").finish(code="ERROR") for _ in range(2)]
    fresh = [read(run.log_path) for run in runs]
    age(world)
    world.quirks.log_archive = place
    assert read(runs[0].log_path) == fresh[0]
    before = len(webdav(world))
    assert read(runs[1].log_path) == fresh[1]
    assert webdav(world)[before:] == [("GET", 404), ("GET", 200)]


def test_a_log_too_young_to_be_moved_away_is_looked_for_in_its_place_only(
    world: World, read: Callable[..., LogFile]
) -> None:
    with pytest.raises(LogError):
        read(archived=False)
    assert webdav(world) == [("GET", 404)]


def test_trouble_at_a_place_of_the_archive_is_no_missing_log(
    world: World, read: Callable[..., LogFile]
) -> None:
    run: Run = world.start("import").finish(code="ERROR")
    age(world)
    world.faults.server_error("webdav", after=1, n=None)
    with pytest.raises(LogError) as caught:
        read(run.log_path)
    assert caught.value.reason is Reason.SERVER


def test_a_path_with_escapes_is_tried_as_an_address_too(world: World, read: Callable[..., LogFile]) -> None:
    put(world, b"text", "/Sites/LOGS/jobs/1. Import/Job-1. Import-1.log")
    assert read("/Sites/LOGS/jobs/1.%20Import/Job-1.%20Import-1.log", archived=False).head == b"text"
    assert webdav(world) == [("GET", 404), ("GET", 206)]


def test_a_log_of_a_job_with_a_percent_sign_in_its_name_is_found_at_once(
    world: World, read: Callable[..., LogFile]
) -> None:
    put(world, b"text", "/Sites/LOGS/jobs/100%25/Job-100%25-1.log")
    assert read("/Sites/LOGS/jobs/100%25/Job-100%25-1.log").head == b"text"
    assert webdav(world) == [("GET", 206)]


def test_a_run_without_a_log_causes_no_request(world: World, read: Callable[..., LogFile]) -> None:
    with pytest.raises(LogError, match="the platform names none"):
        read("")
    assert list(world.requests) == []


def test_a_revoked_token_is_replaced_once(world: World, read: Callable[..., LogFile]) -> None:
    put(world, b"text")
    read()
    world.account_manager.revoke_all()
    assert read().head == b"text"
    assert webdav(world) == [("GET", 206), ("GET", 401), ("GET", 206)]


def test_a_user_with_an_access_key_needs_no_token(world: World, connect_with: Connect) -> None:
    put(world, b"text")
    logs = connect_with(webdav=WebDavUser(DEMO_USER, lambda: DEMO_ACCESS_KEY)).logs
    assert logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL).head == b"text"
    assert {record.api for record in world.requests} == {"webdav"}


def test_a_wrong_access_key_is_tried_once_and_never_again(world: World, connect_with: Connect) -> None:
    put(world, b"text")
    logs = connect_with(webdav=WebDavUser(DEMO_USER, lambda: "wrong")).logs
    with pytest.raises(LogError, match=f"refuses the user {DEMO_USER}") as caught:
        logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert caught.value.reason is Reason.CREDENTIALS
    for _ in range(9):
        with pytest.raises(LogError, match="not tried again, because six wrong tries lock it"):
            logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert webdav(world) == [("GET", 401)]
    assert not world.webdav_users.locked(DEMO_USER)


def test_a_user_without_the_right_is_told_where_roles_are(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    server = scripted(lambda _asked: (403, b"", {}))
    logs = connect_with(webdav_server=server, webdav=WebDavUser("jdoe", lambda: "key")).logs
    with pytest.raises(LogError, match=r"the user jdoe may not read /logs .* Roles & Permissions") as caught:
        logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert caught.value.reason is Reason.PERMISSION


def test_a_redirect_is_not_followed_with_the_login(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    reached: list[Any] = []

    def elsewhere(asked: Any) -> Reply:
        reached.append(asked)
        return 200, b"text", {}

    target = scripted(elsewhere)
    server = scripted(lambda _asked: (307, b"", {"Location": f"{target}{PATH}"}))
    other = target.removeprefix("http://")
    with pytest.raises(LogError) as caught:
        connect_with(webdav_server=server).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert reached == []
    assert str(caught.value) == (
        f"no log: {server.removeprefix('http://')} redirects the log Job-import-1.log to {other}: "
        "not followed, because the login would go there too; if logs are kept there, name it in webdav_server"
    )
    assert not caught.value.retryable


def test_a_redirect_to_a_log_of_the_same_server_is_followed(
    world: World, read: Callable[..., LogFile]
) -> None:
    put(world, lines(1000), "/Sites/LOGS/moved/LOGS/jobs/import/Job-import-1.log")
    world.quirks.log_redirect = "/on/demandware.servlet/webdav/Sites/LOGS/moved"
    assert read().size == 12_000


@pytest.mark.parametrize(
    "to",
    [
        pytest.param("/Sites/LOGS/a.log", id="round and round"),
        pytest.param("/login?next=log", id="a page to log in at"),
        pytest.param("/Sites/Catalogs/a.log", id="another folder"),
        pytest.param("http://[", id="no address"),
        pytest.param("", id="nowhere"),
    ],
)
def test_a_redirect_to_anything_else_is_said_and_never_followed_twice(
    to: str, connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    asked: list[str] = []

    def script(one: Any) -> Reply:
        asked.append(one.path)
        return 302, b"", {"Location": to.replace("/Sites", "/on/demandware.servlet/webdav/Sites", 1)}

    with pytest.raises(LogError, match=r"redirects the log Job-import-1\.log to a place where no logs"):
        connect_with(webdav_server=scripted(script)).logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert len(asked) <= 2
    assert all("/Sites/LOGS/" in path for path in asked)


def test_an_archive_that_shrinks_while_it_is_read_may_be_asked_for_again(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    answers = [ranged(lines(1000), "bytes=0-999"), (416, b"", {}), (416, b"", {}), (416, b"", {})]
    logs = connect_with(webdav_server=scripted(lambda _asked: answers.pop(0))).logs
    with pytest.raises(LogError, match="became shorter") as caught:
        logs.read(PATH, head_bytes=HEAD, tail_bytes=TAIL)
    assert caught.value.retryable


def test_logs_are_only_ever_got(world: World, read: Callable[..., LogFile]) -> None:
    put(world, lines(1000))
    read()
    with pytest.raises(LogError):
        read("/Sites/LOGS/jobs/none.log")
    assert {method for method, _status in webdav(world)} == {"GET"}


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [
        pytest.param(0, 100, slice(0, 100), id="from the beginning"),
        pytest.param(11_990, 100, slice(11_990, None), id="the last bytes"),
        pytest.param(12_000, 100, slice(12_000, None), id="nothing new"),
        pytest.param(99_999, 100, slice(12_000, None), id="beyond the end: it was replaced by a shorter one"),
        pytest.param(5000, 1, slice(5000, 5001), id="one byte"),
        pytest.param(5000, 0, slice(0, 0), id="no byte"),
        pytest.param(-5, 10, slice(0, 10), id="before the beginning"),
    ],
)
def test_what_a_growing_log_has_since_the_last_look(
    offset: int, limit: int, expected: slice, ranges: object, world: World, connection: Connection
) -> None:
    put(world, lines(1000))
    world.quirks.ranges = bool(ranges)
    assert connection.logs.since(PATH, offset, limit=limit) == lines(1000)[expected]


def test_a_log_read_piece_by_piece_while_it_grows_is_the_whole_log(
    world: World, connection: Connection
) -> None:
    found = b""
    for count in (0, 1, 1, 70, 400):
        put(world, lines(count))
        while new := connection.logs.since(PATH, len(found), limit=700):
            found += new
        assert found == lines(count)


def test_pieces_of_a_log_nobody_asked_for_are_not_taken_for_what_is_new(
    connect_with: Connect, scripted: Callable[[Any], str]
) -> None:
    def script(asked: Any) -> Reply:
        if "Range" in asked.headers:
            return 206, b"0123456789", {"Content-Range": "bytes 0-9/100"}
        return 200, lines(100), {}

    logs = connect_with(webdav_server=scripted(script)).logs
    assert logs.since(PATH, 24, limit=12) == lines(100)[24:36]


def test_a_log_that_does_not_exist_yet_is_an_error_that_may_pass(connection: Connection) -> None:
    with pytest.raises(LogError) as caught:
        connection.logs.since(PATH, 0, limit=10)
    assert (caught.value.status, caught.value.retryable) == (404, True)


def test_a_packed_log_that_is_damaged_gives_what_can_be_unpacked_and_says_so(
    world: World, read: Callable[..., LogFile]
) -> None:
    put(world, gzip.compress(lines(9000))[:-2000], "/Sites/LOGS/jobs/a.log.gz")
    found = read("/Sites/LOGS/jobs/a.log.gz")
    assert (found.name, found.head) == ("a.log", lines(9000)[:HEAD])
    assert len(found.tail) == TAIL
    assert found.tail in lines(9000)
    assert found.why == "the packed log is damaged from here on"
    assert found.size is None


def test_a_packed_log_of_which_nothing_can_be_had_is_an_error(
    world: World, read: Callable[..., LogFile]
) -> None:
    put(world, gzip.compress(lines(9000))[:10], "/Sites/LOGS/jobs/a.log.gz")
    with pytest.raises(LogError, match=r"nothing of the packed log on .* can be unpacked: it is damaged"):
        read("/Sites/LOGS/jobs/a.log.gz")


def test_a_packed_log_is_unpacked_no_further_than_the_size_limit(
    world: World, read: Callable[..., LogFile]
) -> None:
    put(world, gzip.compress(bytes(30_000_000)), "/Sites/LOGS/jobs/a.log.gz")
    found = read("/Sites/LOGS/jobs/a.log.gz", limits=ReadLimits(size=1_000_000))
    assert (found.head, found.tail, found.size) == (bytes(HEAD), b"", None)
    assert found.omitted < 1_200_000
    assert found.why == "its end lies beyond the first 1 MB (log_size_limit)"
