"""Whatever a document holds: a run with what could be read of it, or one named error."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SfccError
from monitor.sfcc.jsontext import DEEPEST, read_json
from monitor.sfcc.runs import wire
from monitor.sfcc.runs.gaps import gaps
from monitor.sfcc.runs.paging import Slice, read_all
from tests.monitor.mangled import (
    DEEP,
    FINISHED,
    PENDING,
    RUNNING,
    bent,
    documents,
    hits,
    places,
    says_it_ended,
)


@settings(max_examples=300)
@given(hits)
def test_any_hit_is_a_run_fit_to_be_stored_or_the_one_error(hit: Any) -> None:
    assert len(wire.fingerprint(hit)) == 32
    try:
        found = wire.parse(hit, "production")
    except wire.UnreadableError:
        return
    repr(found).encode("utf-8")
    assert "\0" not in json.dumps(found.version)
    for key in (found.job_id, found.id, found.scope):
        assert 0 < len(key.encode()) <= wire.MAX_KEY
    assert not {"\0", "\n", "\r", "\x1b"} & set(found.job_id + found.id)
    for at in (found.start_time, found.end_time, found.last_modified, found.creation_date):
        assert at is None or (at.tzinfo is UTC and at.year in wire.PLAUSIBLE_YEARS)
    assert found.is_final == (not wire.is_active(hit))
    assert len(gaps(hit, found)) <= 9


@settings(max_examples=300)
@given(documents())
def test_what_does_not_say_that_it_ended_is_not_final(document: dict[str, Any]) -> None:
    with contextlib.suppress(wire.UnreadableError):
        assert not wire.parse(document, "production").is_final or says_it_ended(document)


def test_whole_documents_have_no_gaps() -> None:
    for document in (FINISHED, RUNNING, PENDING):
        assert gaps(document, wire.parse(document, "production")) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"end_time": "soon"}, ("end_time",), id="no time"),
        pytest.param({"end_time": "2026-02-30T00:00:00Z"}, ("end_time",), id="a day that never was"),
        pytest.param({"end_time": "0001-01-01T00:00:00.000Z"}, (), id="what stands for null"),
        pytest.param({"end_time": None, "duration": None, "exit_status": None}, (), id="null"),
        pytest.param({"duration": -5}, ("duration",), id="a negative duration"),
        pytest.param({"execution_status": 7}, ("execution_status",), id="a number for a word"),
        pytest.param({"execution_status": "hibernating"}, (), id="an unknown word is kept"),
        pytest.param({"exit_status": "ERROR"}, ("exit_status",), id="text for an exit status"),
        pytest.param({"exit_status": {"code": 7}}, ("exit_status.code",), id="a number for a code"),
        pytest.param({"is_restart": "no"}, ("is_restart",), id="text for a truth"),
        pytest.param({"execution_scopes": "RefArch"}, ("execution_scopes",), id="text for a list"),
        pytest.param({"retry_information": []}, ("retry_information",), id="a list for a table"),
        pytest.param(
            {"retry_information": {"max_retries": -1}},
            ("retry_information.max_retries",),
            id="a count below 0",
        ),
        pytest.param({"step_executions": {}}, ("step_executions",), id="a table for a list"),
        pytest.param({"step_executions": [{}, 7]}, ("step_executions[1]",), id="a number for a step"),
        pytest.param(
            {"step_executions": [7, {"start_time": "x"}]},
            ("step_executions[0]", "step_executions[1].start_time"),
            id="a step after one that is none",
        ),
        pytest.param(
            {"step_executions": [7] * 30},
            (*(f"step_executions[{number}]" for number in range(8)), "22 more"),
            id="many are counted",
        ),
    ],
)
def test_gaps_are_named(change: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    document = {**FINISHED, **change}
    assert gaps(document, wire.parse(document, "production")) == expected


@pytest.mark.parametrize("place", list(places(FINISHED)), ids=lambda place: ".".join(map(str, place)))
def test_any_field_may_be_missing_or_be_anything(place: tuple[str | int, ...]) -> None:
    identity = place[0] in {"id", "job_id"}
    for drop, new in ((True, None), (False, {"a": 1}), (False, [1]), (False, DEEP), (False, 10**400)):
        document = bent(FINISHED, place, new, drop=drop)
        with pytest.raises(wire.UnreadableError) if identity else contextlib.nullcontext():
            wire.parse(document, "production")


def test_many_sites_are_one_scope_that_fits_an_index_and_tells_them_apart() -> None:
    def scope(count: int) -> str:
        sites = [f"Site-{number:05}" for number in range(count)]
        return wire.parse({"id": "1", "job_id": "j", "execution_scopes": sites}, "production").scope

    assert scope(400) != scope(401)
    assert scope(400) == scope(400)
    assert scope(400).startswith("Site-00000, Site-00001, ")
    assert len(scope(400).encode()) <= wire.MAX_KEY


GOOD = json.dumps(FINISHED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b'{"a":"\xff"}', "\ufffd", id="not UTF-8"),
        pytest.param(b'{"a":"x\ny\0"}', "x\ny\0", id="raw control characters"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', 1, id="a mark at the beginning"),
        pytest.param('{"a":"ü"}'.encode("utf-16"), "ü", id="UTF-16"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", float("inf"), id="a number of 5000 digits"),
        pytest.param(b'{"a":-' + b"9" * 5000 + b"}", float("-inf"), id="a negative one"),
        pytest.param(b'{"b":"[[{", "a":"\\"]"}' + b" " * 9, '"]', id="brackets in text"),
    ],
)
def test_a_bad_spot_costs_no_page(text: bytes, expected: object) -> None:
    assert read_json(text)["a"] == expected


def test_what_is_nested_beyond_all_sense_is_null_and_its_neighbours_stay() -> None:
    for opening, closing in (("[", "]"), ('{"x":', "}")):
        odd = opening * 100_000 + "1" + closing * 100_000
        found = read_json(f'{{"hits":[{GOOD},{odd},{GOOD}],"total":3}}'.encode())
        assert [found["hits"][0], found["hits"][2], found["total"]] == [FINISHED, FINISHED, 3]
        assert repr(found["hits"][1]).count(opening[0]) == DEEPEST - 2


@pytest.mark.parametrize(
    "text",
    [b"", b"{", GOOD.encode()[:-9], b"[" * 99_999, b"]", b"[" * 3000 + b"]" * 2000, b'"\\', b"{}{}"],
    ids=ascii,
)
def test_half_a_document_is_none(text: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(text)


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text(alphabet='[]{}"\\,:1e-n ul\0', max_size=60).map(str.encode))
def test_any_bytes_are_json_or_a_value_error(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_json(body)


sizes = st.none() | st.integers(-5, 40) | st.sampled_from([10**18])


@settings(max_examples=200)
@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=5), sizes), min_size=1, max_size=8))
def test_pages_in_any_order_with_any_total_come_to_an_end(pages: list[tuple[list[int], int | None]]) -> None:
    asked: list[int] = []

    def fetch(start: int) -> Slice[int]:
        assert start >= 0
        asked.append(start)
        return Slice(*pages[min(len(asked), len(pages)) - 1])

    def rows() -> Iterator[int]:
        for page in read_all(fetch, str):
            yield from page

    found: list[int] = []
    with contextlib.suppress(SfccError):
        found += rows()
    assert len(found) == len(set(found))
    assert len(asked) < 200
