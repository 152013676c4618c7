"""Whatever an instance answers: a poll comes to a result, keeps what is good, and calls nothing finished
that does not say so. What cannot be read counts once and is said once."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from sqlalchemy import Engine

from monitor import snapshot
from monitor.clock import ManualClock
from monitor.errors import Reason
from monitor.history import cursor as cursors
from monitor.history import executions as history
from monitor.history.engine import reading
from monitor.metrics import AgentMetrics, StateCollector
from monitor.model import Execution
from monitor.policy import Policy
from monitor.polling.poll import Poller
from monitor.settings import InstanceSettings
from monitor.sfcc.runs import wire
from tests.monitor.answers import GONE, TOKEN, Answer, Client, searched, start_of
from tests.monitor.mangled import FINISHED, bent, hits, says_it_ended, values
from tests.monitor.mangled import INFINITE as INFINITY

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
GOOD = [{**FINISHED, "id": f"good-{number}", "job_id": "good"} for number in range(3)]
NAMES = itertools.count(1)


def fuzzed(examples: int) -> settings:
    """On a state that the examples share: each has an instance of its own in it."""
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck))


class Instance:
    """Of its own in a state that others use, read until NOW: a first read would be 26 searches."""

    def __init__(self, engine: Engine) -> None:
        self.name = f"instance-{next(NAMES)}"
        self.clock = ManualClock(NOW)
        self.answer: Answer | None = None
        self.rows: list[Any] = []
        self.page: dict[str, Any] = {}
        self.counted = 0
        self._engine = engine
        self._served: list[dict[str, Any]] = []
        with engine.begin() as connection:
            cursors.complete(connection, self.name, seen_until=NOW, at=NOW, running=0, clock_skew=None)
        self._poller = Poller(
            self.name,
            engine,
            Client(self._respond, self.clock.now, self.name).jobs,
            Policy(),
            self.clock,
            max_age=timedelta(hours=6),
            mask=lambda text: (text, 0),
            fence=lambda _connection: None,
            count_unreadable=self._count,
        )

    def poll(self) -> Reason | None:
        self.clock.advance(timedelta(minutes=1))
        result = self._poller.poll()
        assert result.instance == self.name
        return result.reason

    def history(self) -> dict[tuple[str, str], Execution]:
        with reading(self._engine) as connection:
            found = history.search(connection, instance=self.name, limit=1000)
        return {(run.execution.job_id, run.execution.id): run.execution for run in found}

    def page_of_metrics(self) -> str:
        collector = StateCollector(self.clock.now)
        agent = AgentMetrics(collector, "1", (), (self.name,))
        with reading(self._engine) as connection:
            one = InstanceSettings.model_construct(name=self.name, server="a.example")
            collector.publish(snapshot.instance(connection, one, Policy(), self.clock.now()))
        return generate_latest(agent.registry).decode()

    def check(self) -> None:
        """Nothing unfinished is called finished; what is stored can be shown."""
        ended = {wire.identity(one) for one in self._served if says_it_ended(one) and _is_run(one)}
        for key, run in self.history().items():
            assert run.is_vanished or not run.is_final or key in ended, run
        self.page_of_metrics()

    def _count(self) -> None:
        self.counted += 1

    def _respond(self, request: requests.PreparedRequest) -> Answer:
        url = request.url or ""
        if url.endswith("/token"):
            return TOKEN
        if request.method == "GET":
            return self._look_up(url)
        if self.answer is not None:
            return self.answer
        start = start_of(request)
        found = self.rows[start : start + 200]
        self._served += [one for one in found if isinstance(one, dict)]
        page = {"hits": found, "total": len(self.rows), "start": start, **self.page}
        return 200, json.dumps(page).encode(), {}

    def _look_up(self, url: str) -> Answer:
        for one in self.rows:
            if _is_run(one) and url.endswith(f"/executions/{one['id']}"):
                self._served.append(one)
                return 200, json.dumps(one).encode(), {}
        return GONE


def _is_run(hit: Any) -> bool:
    try:
        wire.identity(hit)
    except wire.UnreadableError:
        return False
    return True


def run_ids(runs: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(run["job_id"], run["id"]) for run in runs}


@fuzzed(25)
@given(rounds=st.lists(st.lists(hits, max_size=6), min_size=1, max_size=4), data=st.data())
def test_good_hits_survive_beside_any_others(
    engine: Engine, rounds: list[list[Any]], data: st.DataObject
) -> None:
    instance = Instance(engine)
    for bad in rounds:
        instance.rows = data.draw(st.permutations([*GOOD, *bad]))
        assert instance.poll() is None
        assert run_ids(GOOD) <= set(instance.history())
        instance.check()
    before = instance.counted
    assert instance.poll() is None
    assert instance.counted == before, "the same documents again"
    instance.check()


@fuzzed(8)
@given(rounds=st.lists(st.lists(hits, max_size=6), min_size=1, max_size=3))
def test_good_hits_survive_on_either_database(state: Engine, rounds: list[list[Any]]) -> None:
    instance = Instance(state)
    for bad in rounds:
        instance.rows = [*bad, *GOOD]
        assert instance.poll() is None
        assert run_ids(GOOD) <= set(instance.history())
        instance.check()


@fuzzed(30)
@given(
    rows=st.lists(hits, max_size=5),
    page=st.dictionaries(
        st.sampled_from(["hits", "total", "start", "count", "_v", "next"]), values, max_size=3
    ),
)
def test_a_page_of_any_shape_ends_a_poll_or_does_no_harm(
    engine: Engine, rows: list[Any], page: dict[str, Any]
) -> None:
    instance = Instance(engine)
    instance.rows, instance.page = [*GOOD, *rows], page
    assert instance.poll() in {None, Reason.PROTOCOL}
    if not isinstance(page.get("hits"), list):
        instance.check()
    instance.page = {}
    assert instance.poll() is None
    assert run_ids(GOOD) <= set(instance.history()), "the next poll makes up for it"


broken = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 200).map(lambda size: json.dumps({"hits": GOOD, "total": 3}).encode()[:-1][:size]),
    values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"", b"<html><title>Log in</title>", b"\x1f\x8b\x08", b"[" * 5000, b"null", b"\xff\xfe"]
    ),
)


@fuzzed(40)
@given(
    status=st.sampled_from(
        [200, 200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 418, 429, 500, 503, 599]
    ),
    body=broken,
    headers=st.dictionaries(
        st.sampled_from(["Date", "Location", "Retry-After", "Content-Type", "Content-Encoding"]),
        st.sampled_from(
            [
                *("", "gzip", "gzip, gzip", "deflate", "http://[", "//x:99999", "-1", "9" * 30, "\xff"),
                *("Fri, 31 Dec 9999 23:59:59 -1200", "Mon, 01 Jan 0001 00:00:00 +1200", "Wed"),
            ]
        ),
        max_size=3,
    ),
)
def test_an_answer_of_any_kind_is_a_reason_and_is_got_over(
    engine: Engine, status: int, body: bytes, headers: dict[str, str]
) -> None:
    instance = Instance(engine)
    instance.rows = list(GOOD)
    instance.answer = status, body, headers
    assert isinstance(instance.poll(), Reason)
    instance.answer = None
    assert instance.poll() is None
    assert set(instance.history()) == run_ids(GOOD)


@pytest.mark.parametrize(
    "date",
    ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Sat, 23 Nov 2030 02:00:00 GMT"],
)
def test_an_absurd_clock_of_one_answer_blinds_nobody(engine: Engine, date: str) -> None:
    instance = Instance(engine)
    status, body, _ = searched([])
    instance.answer = status, body, {"Date": date}
    assert instance.poll() is None
    with reading(engine) as connection:
        seen = cursors.load(connection, instance.name).seen_until
    assert seen is not None
    assert seen <= instance.clock.now(), "what was seen never steps back, so it must not run ahead"
    instance.answer, instance.rows = None, list(GOOD)
    assert instance.poll() is None
    assert set(instance.history()) == run_ids(GOOD)


def test_ids_and_sites_of_the_greatest_length_are_stored(state: Engine) -> None:
    """Neither compresses, so that an index has to take them whole."""
    instance = Instance(state)
    letters = [chr(0x4E00 + (number * 7919) % 20000) for number in range(20_000)]
    for number in range(6):
        job, run = ("".join(letters[start : start + 266]) for start in (number * 600, number * 600 + 300))
        sites = ["".join(letters[start : start + 30]) for start in range(number, 9000, 31)]
        instance.rows.append({**FINISHED, "id": run, "job_id": job, "execution_scopes": sites})
    assert instance.poll() is None
    assert set(instance.history()) == run_ids(instance.rows)


class Lines(logging.Handler):
    """What is said, from warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def said() -> Iterable[list[str]]:
    lines, logger = Lines(), logging.getLogger("monitor")
    logger.addHandler(lines)
    yield lines.texts
    logger.removeHandler(lines)


def test_what_cannot_be_read_counts_once_and_is_said_once_with_its_place(
    engine: Engine, said: list[str]
) -> None:
    instance = Instance(engine)
    running = {**FINISHED, "execution_status": "running", "id": "7", "end_time": "soon", "duration": "long"}
    instance.rows = [None, {"job_id": "x\x1b[2J"}, {"id": "9"}, running, *GOOD]
    for _ in range(4):
        assert instance.poll() is None
    assert instance.counted == 4
    a_hit, a_run = f"{instance.name}: a hit of the job search", f"{instance.name}: run"
    assert said == [
        f"{a_hit} (at position 0) was left out: it is NoneType, not a document",
        f"{a_hit} (at position 1) was left out: it has no usable job_id",
        f"{a_hit} (execution 9) was left out: it has no usable job_id",
        f"{a_run} 7 of {running['job_id']}: not readable, and taken for unknown: end_time, duration",
    ]


def test_what_moves_to_another_place_of_the_page_is_no_news(engine: Engine, said: list[str]) -> None:
    instance = Instance(engine)
    for rows in ([{"x": 1}, *GOOD], [*GOOD, {"x": 1}], [GOOD[0], {"x": 1}, {"x": 2}]):
        instance.rows = rows
        assert instance.poll() is None
    assert (instance.counted, len(said)) == (2, 2)


def test_when_a_field_changes_everywhere_all_are_counted_and_some_are_said(
    engine: Engine, said: list[str]
) -> None:
    instance = Instance(engine)
    instance.rows = [
        bent({**FINISHED, "id": str(number)}, ("duration",), INFINITY, drop=False) for number in range(60)
    ]
    for _ in range(3):
        assert instance.poll() is None
    assert instance.counted == 60
    assert len(said) == 21
    assert said[-1] == f"{instance.name}: more such documents of this poll are said at log_level debug"


def test_a_poll_that_fails_half_way_does_not_make_old_trouble_new(engine: Engine, said: list[str]) -> None:
    instance = Instance(engine)
    instance.rows = [{"x": 1}, *GOOD]
    for failing in (False, True, True, False, False):
        instance.answer = (500, b"", {}) if failing else None
        assert (instance.poll() is None) == (not failing)
    assert (instance.counted, len(said)) == (1, 1)
