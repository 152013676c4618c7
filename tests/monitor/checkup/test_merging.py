"""Somebody's document with our entry in it: nothing else may change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.checkup.merging import MergeError, merge, read
from monitor.checkup.permissions import Document, Entry, ocapi_entry, webdav_entry

OURS = "11111111-2222-3333-4444-555555555555"
OTHER: dict[str, Any] = {"client_id": "other", "resources": [{"resource_id": "/sites/*", "methods": ["get"]}]}
SEARCH: dict[str, Any] = dict(ocapi_entry(OURS)["resources"][0])
LOOKUP: dict[str, Any] = dict(ocapi_entry(OURS)["resources"][1])


def merged(document: Any, entry: Entry, wanted: Document | None = None) -> Any:
    kind, found = read(json.dumps(document), wanted)
    return json.loads(merge(kind, found, entry).text)


def test_a_new_client_is_added_behind_those_there() -> None:
    found = merged({"_v": "24.5", "clients": [OTHER]}, ocapi_entry(OURS))
    assert found == {"_v": "24.5", "clients": [OTHER, ocapi_entry(OURS)]}


def test_what_is_there_keeps_its_order_its_attributes_and_its_spelling() -> None:
    text = (
        '{"clients": [{"client_id": "Ü", "resources": [], "z": 1, "a": null}], "_v": "24.5", "extra": [1.0]}'
    )
    kind, document = read(text)
    changed = merge(kind, document, ocapi_entry(OURS)).text
    assert list(json.loads(changed)) == ["clients", "_v", "extra"]
    assert list(json.loads(changed)["clients"][0]) == ["client_id", "resources", "z", "a"]
    assert '"Ü"' in changed


def test_a_client_that_is_there_gets_what_it_lacks_and_keeps_its_other_rights() -> None:
    ours = {"client_id": OURS, "note": "keep me", "resources": [{"resource_id": "/x", "methods": ["put"]}]}
    found = merged({"_v": "24.5", "clients": [ours, OTHER]}, ocapi_entry(OURS))
    assert found["clients"][1] == OTHER
    assert found["clients"][0]["note"] == "keep me"
    assert found["clients"][0]["resources"] == [ours["resources"][0], SEARCH, LOOKUP]


@pytest.mark.parametrize(
    ("held", "methods"),
    [
        pytest.param(["get"], ["get", "post"], id="another method is there"),
        pytest.param(["POST"], ["POST"], id="in capitals"),
        pytest.param(["post", "get"], ["post", "get"], id="more than wanted"),
        pytest.param([], ["post"], id="none"),
    ],
)
def test_methods_of_a_resource_that_is_there_are_united(held: list[str], methods: list[str]) -> None:
    ours = {"client_id": OURS, "resources": [{**SEARCH, "methods": held}, LOOKUP]}
    assert merged({"_v": "24.5", "clients": [ours]}, ocapi_entry(OURS))["clients"][0]["resources"] == [
        {**SEARCH, "methods": methods},
        LOOKUP,
    ]


def test_attributes_that_show_less_are_kept_and_said() -> None:
    ours = {"client_id": OURS, "resources": [{**SEARCH, "read_attributes": "(id)"}, LOOKUP]}
    kind, document = read(json.dumps({"_v": "24.5", "clients": [ours]}))
    found = merge(kind, document, ocapi_entry(OURS))
    assert json.loads(found.text)["clients"] == [ours]
    assert not found.changed
    (note,) = found.notes
    assert note == (
        'clients[0].resources[0].read_attributes is kept as "(id)"; the monitor is made for "(**)" '
        "and takes for unknown what it is not shown"
    )


def test_the_other_way_to_write_a_resource_is_the_same_resource() -> None:
    spelt = {**LOOKUP, "resource_id": "/jobs/{job_id}/executions/{id}"}
    ours = {"client_id": OURS, "resources": [SEARCH, spelt]}
    assert merged({"_v": "1", "clients": [ours]}, ocapi_entry(OURS))["clients"] == [ours]


def test_merging_twice_changes_nothing_more() -> None:
    once = merged({"_v": "24.5", "clients": [OTHER]}, ocapi_entry(OURS))
    assert merged(once, ocapi_entry(OURS)) == once


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param([], [{"path": "/logs", "operations": ["read"]}], id="none"),
        pytest.param(
            [{"path": "/impex", "operations": ["read_write"]}],
            [{"path": "/impex", "operations": ["read_write"]}, {"path": "/logs", "operations": ["read"]}],
            id="another folder",
        ),
        pytest.param(
            [{"path": "/Logs/", "operations": ["read"]}],
            [{"path": "/Logs/", "operations": ["read"]}],
            id="there in another spelling",
        ),
        pytest.param(
            [{"path": "/logs", "operations": []}],
            [{"path": "/logs", "operations": ["read"]}],
            id="there without the operation",
        ),
    ],
)
def test_paths_are_united_and_never_lie_within_each_other(held: list[Any], expected: list[Any]) -> None:
    document = {"clients": [{"client_id": OURS, "permissions": held}]}
    assert merged(document, webdav_entry(OURS))["clients"][0]["permissions"] == expected


def test_a_folder_within_ours_is_for_a_person_to_widen() -> None:
    held = {"path": "/logs/jobs", "operations": ["read"]}
    document = {"clients": [{"client_id": OURS, "permissions": [held]}]}
    with pytest.raises(MergeError, match=r"clients\[0\]\.permissions\[0\] is for /logs/jobs, within /logs"):
        merged(document, webdav_entry(OURS))


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        pytest.param({"_v": "24.5"}, Document.OCAPI, id="a version and nothing else"),
        pytest.param({"clients": [OTHER]}, Document.OCAPI, id="resources"),
        pytest.param({"clients": [{"client_id": "x", "permissions": []}]}, Document.WEBDAV, id="permissions"),
    ],
)
def test_which_document_it_is_shows_in_it(document: Any, kind: Document) -> None:
    assert read(json.dumps(document))[0] is kind


def test_an_empty_document_is_what_the_person_says_it_is() -> None:
    for kind in Document:
        assert read("{}", kind) == (kind, {"clients": []})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{}", "nothing in it tells which document it is", id="empty"),
        pytest.param("", "not valid JSON", id="no text"),
        pytest.param("<settings/>", "it looks like XML", id="an export"),
        pytest.param("[]", "it is a list, not an object", id="a list"),
        pytest.param('{"clients": {}}', "clients is an object, not a list", id="clients as an object"),
        pytest.param('{"clients": [3]}', r"clients\[0\] is no client", id="a number for a client"),
        pytest.param('{"clients": [{"resources": []}]}', r"clients\[0\] is no client", id="no client_id"),
        pytest.param(
            '{"clients": [{"client_id": "x", "resources": {}}]}',
            r"clients\[0\]\.resources is not a list",
            id="resources as an object",
        ),
        pytest.param(
            '{"clients": [{"client_id": "x", "resources": []}, {"client_id": "y", "permissions": []}]}',
            "it mixes two documents",
            id="both documents in one",
        ),
        pytest.param('{"clients": [], "clients": []}', '"clients" stands twice', id="a name twice"),
        pytest.param("[" * 100_000, "nested too deeply", id="deeper than anybody writes"),
    ],
)
def test_what_is_none_of_the_two_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(MergeError, match=said):
        read(text)


def test_the_other_document_than_was_said_is_refused() -> None:
    with pytest.raises(MergeError, match=r"it is the ocapi document .*, not that of webdav"):
        read(json.dumps({"clients": [OTHER]}), Document.WEBDAV)


def test_a_client_that_stands_twice_is_for_a_person_to_make_one() -> None:
    document = {"_v": "24.5", "clients": [{"client_id": OURS}, OTHER, {"client_id": OURS}]}
    with pytest.raises(MergeError, match=r"clients\[0\] and clients\[2\] are both 1111"):
        merged(document, ocapi_entry(OURS))


names = st.sampled_from(["a", "b", OURS])
resources = st.lists(
    st.fixed_dictionaries(
        {
            "resource_id": st.sampled_from(["/x", SEARCH["resource_id"], LOOKUP["resource_id"]]),
            "methods": st.lists(st.sampled_from(["get", "post", "put", "GET"])),
        },
        optional={"read_attributes": st.text(max_size=3), "cache_time": st.integers()},
    ),
    max_size=4,
)
clients = st.lists(
    st.fixed_dictionaries({"client_id": names, "resources": resources}),
    max_size=3,
    unique_by=lambda one: one["client_id"],
)


@given(clients)
def test_whatever_is_there_stays_there(held: list[dict[str, Any]]) -> None:
    found = merged({"_v": "24.5", "clients": held}, ocapi_entry(OURS))["clients"]
    for before, after in zip(held, found, strict=False):
        if before["client_id"] != OURS:
            assert after == before
        for old, new in zip(before["resources"], after["resources"], strict=False):
            assert {**new, "methods": old["methods"]} == old
            assert new["methods"][: len(old["methods"])] == old["methods"]
    (ours,) = [one for one in found if one["client_id"] == OURS]
    allowed = {(one["resource_id"], word.lower()) for one in ours["resources"] for word in one["methods"]}
    assert {(SEARCH["resource_id"], "post"), (LOOKUP["resource_id"], "get")} <= allowed
