from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model import FINAL_WORDS, Execution, ExitStatus, RunId
from monitor.sfcc.runs import wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(["RUNNING", "OK", "finished", "2026-11-22T02:00:00.000Z", "aborted", "error"])
FIELDS = st.sampled_from(
    [
        *("id", "job_id", "execution_status", "status", "exit_status", "start_time", "end_time", "duration"),
        *("creation_date", "last_modified", "modification_time", "user_login", "client_id", "is_restart"),
        *("retry_information", "execution_scopes", "log_file_path", "log_file_name", "step_executions"),
        *("is_log_file_existing", "code", "message", "current_retry_attempt", "max_retries", "step_id"),
    ]
)
DOCUMENTS = st.dictionaries(
    FIELDS,
    JSON | WORDS | st.dictionaries(FIELDS, JSON | WORDS) | st.lists(st.dictionaries(FIELDS, JSON | WORDS)),
)

FAILED = {
    "_type": "job_execution",
    "id": "2664334",
    "job_id": "3-1-1-Akeneo-Differential-Import-Master",
    "execution_status": "finished",
    "status": "ERROR",
    "exit_status": {"_type": "status", "code": "ERROR", "message": "No feed.", "status": "error"},
    "start_time": "2026-11-22T02:00:00.316Z",
    "end_time": "2026-11-22T02:14:11.020Z",
    "duration": 850704,
    "creation_date": "2026-11-22T01:59:59.000Z",
    "last_modified": "2026-11-22T02:14:11.020Z",
    "execution_scopes": ["RefArchGlobal", "RefArch"],
    "user_login": "jdoe@example.com",
    "is_restart": False,
    "is_log_file_existing": True,
    "log_file_path": "/Sites/LOGS/jobs/x/Job-x-4db8124510b43bcedeaad79a0f.log",
    "retry_information": {"current_retry_attempt": 1, "max_retries": 3},
    "step_executions": [
        {
            "id": "5846619",
            "step_id": "import-catalog",
            "step_type_id": "ImportCatalog",
            "execution_scope": "Organization",
            "execution_status": "finished",
            "status": "ERROR",
            "exit_status": {"code": "ERROR", "status": "error"},
            "duration": 123,
        }
    ],
}
PENDING_OF_2022 = {
    "client_id": "client",
    "duration": 6667,
    "execution_status": "pending",
    "id": "8211123",
    "is_log_file_existing": False,
    "is_restart": False,
    "job_id": "sfcc-site-archive-import",
    "log_file_name": "Job-sfcc-site-archive-import-20220210200313703.log",
    "modification_time": "2022-02-10T20:03:13.703Z",
    "start_time": "2022-02-10T20:03:13.703Z",
    "status": "PENDING",
}


def run(**fields: Any) -> Execution:
    return wire.parse({"id": "1", "job_id": "import", **fields}, "production")


def test_a_whole_document_becomes_an_execution() -> None:
    found = wire.parse(FAILED, "production")
    assert found.run_id == RunId("3-1-1-Akeneo-Differential-Import-Master", "2664334")
    assert found.instance == "production"
    assert found.scope == "RefArch, RefArchGlobal"
    assert found.execution_status == "finished"
    assert found.exit_status == ExitStatus("ERROR", "No feed.", "error")
    assert found.start_time == datetime(2026, 11, 22, 2, 0, 0, 316000, UTC)
    assert found.end_time == datetime(2026, 11, 22, 2, 14, 11, 20000, UTC)
    assert found.duration == timedelta(minutes=14, seconds=10, milliseconds=704)
    assert (found.current_retry_attempt, found.max_retries) == (1, 3)
    assert found.log_file_path == FAILED["log_file_path"]
    assert found.steps is not None
    assert found.steps[0].step_id == "import-catalog"
    assert found.steps[0].exit_status == ExitStatus("ERROR", None, "error")
    assert found.version == wire.version(FAILED)
    assert found.is_final


def test_a_pending_run_of_an_old_version_is_active_and_has_its_log_in_impex() -> None:
    found = wire.parse(PENDING_OF_2022, "production")
    assert found.is_pending
    assert not found.is_final
    assert found.exit_status is None
    assert found.steps is None
    assert found.last_modified == datetime(2022, 2, 10, 20, 3, 13, 703000, UTC)
    name = PENDING_OF_2022["log_file_name"]
    assert found.log_file_path == f"/Sites/Impex/log/{name}"


def test_a_bare_identity_is_a_run_of_which_nothing_else_is_known() -> None:
    assert run() == Execution("production", "import", "1", version=run().version)


@pytest.mark.parametrize(
    ("hit", "why", "where"),
    [
        pytest.param({"job_id": "import"}, "no usable id", "job import", id="no id"),
        pytest.param({"id": "7"}, "no usable job_id", "execution 7", id="no job"),
        pytest.param({"id": "", "job_id": "import"}, "no usable id", "job import", id="empty id"),
        pytest.param({"id": " ", "job_id": "import"}, "no usable id", "job import", id="blank id"),
        pytest.param({"id": True, "job_id": "import"}, "no usable id", "job import", id="a truth as id"),
        pytest.param({"id": ["1"], "job_id": "import"}, "no usable id", "job import", id="a list as id"),
        pytest.param({"id": "1\0", "job_id": "import"}, "no usable id", "job import", id="NUL in an id"),
        pytest.param({"id": "\ud800", "job_id": "i"}, "no usable id", "job i", id="half a character as id"),
        pytest.param({"id": "1", "job_id": "x" * 501}, "no usable job_id", "execution 1", id="endless job"),
        pytest.param("17", "it is str", "", id="a string"),
        pytest.param(None, "it is NoneType", "", id="null"),
    ],
)
def test_a_hit_without_identity_is_refused_with_what_is_known_of_it(hit: Any, why: str, where: str) -> None:
    with pytest.raises(wire.UnreadableError, match=why) as caught:
        wire.parse(hit, "production")
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("given_id", "expected"),
    [(" 1 ", " 1 "), (17, "17"), ("abc123-def456", "abc123-def456"), ("3-1-1 Akeneo/ü", "3-1-1 Akeneo/ü")],
)
def test_an_id_is_opaque_and_never_repaired(given_id: Any, expected: str) -> None:
    assert wire.identity({"id": given_id, "job_id": "import"}).id == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"execution_status": "RUNNING"}, "running", id="said in capitals"),
        pytest.param({"execution_status": "hibernating"}, "hibernating", id="a word nobody knows is kept"),
        pytest.param({"execution_status": "Retried"}, "retried", id="superseded"),
        pytest.param({"execution_status": 7, "status": "RUNNING"}, "running", id="no word, status says it"),
        pytest.param({"status": "PENDING"}, "pending", id="from the status, pending"),
        pytest.param({"status": "RETRYING"}, "retrying", id="from the status, retrying"),
        pytest.param({"status": "OK"}, "unknown", id="an exit code alone proves nothing"),
        pytest.param(
            {"status": "OK", "exit_status": {"code": "OK"}}, "finished", id="an exit status is an end"
        ),
        pytest.param({"end_time": "2026-11-22T02:00:00Z"}, "finished", id="an end time is an end"),
        pytest.param(
            {"end_time": "2026-11-22T02:00:00Z", "status": "RUNNING"}, "finished", id="an end beats a status"
        ),
        pytest.param({"end_time": "soon"}, "unknown", id="an unreadable end is none"),
        pytest.param({"exit_status": {}}, "unknown", id="an empty exit status is none"),
        pytest.param({"exit_status": "ERROR"}, "unknown", id="an exit status of the wrong type is none"),
        pytest.param(
            {"exit_status": {"code": "OK"}, "status": "RUNNING"}, "running", id="active says the status"
        ),
        pytest.param({}, "unknown", id="nothing is known"),
    ],
)
def test_execution_status(fields: dict[str, Any], expected: str) -> None:
    assert run(**fields).execution_status == expected
    assert wire.is_active(fields) == (expected not in FINAL_WORDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-22T02:00:00.316Z", datetime(2026, 11, 22, 2, 0, 0, 316000, UTC), id="millis"),
        pytest.param("2026-11-22T02:00:00Z", datetime(2026, 11, 22, 2, 0, tzinfo=UTC), id="no millis"),
        pytest.param("2026-11-22T02:00:00+02:00", datetime(2026, 11, 22, 0, 0, tzinfo=UTC), id="offset"),
        pytest.param(
            "2026-11-22T02:00:00.5-0130", datetime(2026, 11, 22, 3, 30, 0, 500000, UTC), id="no colon"
        ),
        pytest.param(
            "2026-11-22T02:00:00.123456789Z", datetime(2026, 11, 22, 2, 0, 0, 123456, UTC), id="nanoseconds"
        ),
        pytest.param("2026-11-22T02:00:00", None, id="without zone it is not an instant"),
        pytest.param("2026-11-22", None, id="a day"),
        pytest.param("2026-13-22T02:00:00Z", None, id="month 13"),
        pytest.param("1970-01-01T00:00:00Z", None, id="the epoch stands for nothing"),
        pytest.param("0001-01-01T00:00:00+02:00", None, id="before time began"),
        pytest.param("9999-12-31T23:59:59-02:00", None, id="after its end"),
        pytest.param("2026-11-22T02:00:00Z ", None, id="more than a time"),
        pytest.param(1763776800000, None, id="a number"),
        pytest.param(None, None, id="null"),
    ],
)
def test_timestamps(text: Any, expected: datetime | None) -> None:
    assert wire.timestamp(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, timedelta()),
        (1500, timedelta(seconds=1.5)),
        (1500.5, timedelta(milliseconds=1500.5)),
        (-1, None),
        (10**13, None),
        (10**400, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("1500", None),
    ],
)
def test_durations_are_milliseconds_within_reason(value: Any, expected: timedelta | None) -> None:
    assert run(duration=value).duration == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["b", "a"], "a, b"),
        (["a", "a", " "], "a"),
        (["RefArch", 7, None], "RefArch"),
        ([], "Organization"),
        ("RefArch", "Organization"),
        (None, "Organization"),
    ],
)
def test_the_scope_is_the_sorted_names_of_the_sites(value: Any, expected: str) -> None:
    assert run(execution_scopes=value).scope == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({}, None),
        ([], ()),
        ([7, None], ()),
        ([{"step_id": "a"}, "x", {"step_type_id": "ImportCatalog"}, {}], ("a", "ImportCatalog", "(unnamed)")),
    ],
)
def test_steps_are_unknown_none_or_named(value: Any, expected: tuple[str, ...] | None) -> None:
    steps = run(step_executions=value).steps
    assert expected == (None if steps is None else tuple(step.step_id for step in steps))


def test_text_loses_what_no_database_takes() -> None:
    assert run(status="E\0RROR").status == "ERROR"
    assert run(user_login="jo\ud800e").user_login == "jo?e"


@pytest.mark.parametrize(
    "change",
    [
        {"execution_status": "running"},
        {"status": "OK"},
        {"exit_status": {"code": "ERROR", "status": "ok"}},
        {"last_modified": "2026-11-22T02:14:12.000Z"},
        {"end_time": None},
        {"is_log_file_existing": False},
        {"retry_information": {"current_retry_attempt": 2}},
    ],
)
def test_the_version_changes_with_what_can_change(change: dict[str, Any]) -> None:
    assert wire.version(FAILED | change) != wire.version(FAILED)


def test_the_version_does_not_depend_on_what_searches_leave_out() -> None:
    hit = {key: value for key, value in FAILED.items() if key not in {"step_executions", "log_file_path"}}
    assert wire.version(hit) == wire.version(FAILED)


@settings(max_examples=60)
@given(DOCUMENTS)
def test_no_document_raises_anything_but_the_one_error(doc: dict[str, Any]) -> None:
    try:
        found = wire.parse(doc, "production")
    except wire.UnreadableError:
        return
    found.version.encode("ascii")
    repr(found).encode("utf-8")
    assert found.is_final == (not wire.is_active(doc))


@given(JSON)
def test_no_json_at_all_raises_anything_but_the_one_error(doc: Any) -> None:
    with pytest.raises(wire.UnreadableError):
        wire.parse(doc, "production")


@settings(max_examples=60)
@given(DOCUMENTS, st.text(min_size=1).filter(lambda word: word.strip().lower() not in FINAL_WORDS))
def test_a_word_nobody_knows_is_never_final(doc: dict[str, Any], word: str) -> None:
    known = {"id": "1", "job_id": "import", "execution_status": word}
    found = wire.parse(doc | known, "production")
    assert found.is_final == (not word.replace("\0", "").strip() and _says_it_ended(doc))


def _says_it_ended(doc: dict[str, Any]) -> bool:
    return not wire.is_active({key: value for key, value in doc.items() if key != "execution_status"})


NEARLY = st.from_regex(
    r"\A[0-9]{4}.[0-9W][0-9].[0-9]{2}.[0-9]{2}.[0-9]{2}.[0-9]{2}.[0-9]{3}[Zz]\Z"
) | st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z")


@given(text=NEARLY)
def test_the_short_way_to_read_a_time_comes_to_what_the_long_one_does(text: str) -> None:
    """Six digits for the fraction take the long one."""
    longer = f"{text[:-1]}000{text[-1]}"
    assert wire.timestamp(text) == wire.timestamp(longer)
