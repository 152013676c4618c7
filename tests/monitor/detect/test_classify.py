from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.classify import cause, exit_code, failed_step, outcome, trigger
from monitor.model import FINAL_WORDS, Execution, ExitStatus, Outcome, Step
from monitor.policy import JobPolicy, Policy

OK = ExitStatus("OK", None, "ok")
ERROR = ExitStatus("ERROR", "Import failed.", "error")
JOB = JobPolicy()


def run(word: str = "finished", **fields: Any) -> Execution:
    return Execution("production", "import", "1", execution_status=word, **fields)


def step(name: str, exit_status: ExitStatus | None = None, **fields: Any) -> Step:
    return Step(name, execution_status="finished", exit_status=exit_status, **fields)


@pytest.mark.parametrize(
    ("execution", "expected"),
    [
        pytest.param(run(exit_status=OK), "ok", id="exit status ok"),
        pytest.param(run(exit_status=ERROR), "failed", id="exit status error"),
        pytest.param(
            run(exit_status=ExitStatus("NO_PRICES", None, "error")), "failed", id="error whatever code"
        ),
        pytest.param(run(exit_status=ExitStatus("ERROR")), "failed", id="code ERROR without a word"),
        pytest.param(run(exit_status=ExitStatus("ERROR", None, "ok")), "failed", id="code ERROR beside ok"),
        pytest.param(run(exit_status=ExitStatus("ERROR_XML", None, "ok")), "failed", id="code of a failure"),
        pytest.param(
            run(exit_status=ExitStatus("NO_STAGING_INSTANCE", None, "ok")), "failed", id="another one"
        ),
        pytest.param(
            run(exit_status=ExitStatus("ERRORS_FOUND", None, "ok")), "ok", id="free text that only looks so"
        ),
        pytest.param(run(exit_status=ExitStatus("NOTHING_TO_DO", None, "ok")), "ok", id="free text is ok"),
        pytest.param(run(exit_status=ExitStatus("WARN", None, "ok")), "degraded", id="a warn code"),
        pytest.param(run(status="ERROR"), "failed", id="no exit status, status text ERROR"),
        pytest.param(run(status="ERROR_IO"), "failed", id="no exit status, status text of a failure"),
        pytest.param(run(status="OK"), "ok", id="no exit status, status text OK"),
        pytest.param(run(status="DONE_NOTHING"), "ok", id="no exit status, any other text"),
        pytest.param(run(), "unknown", id="neither exit status nor status"),
        pytest.param(run(exit_status=ExitStatus()), "unknown", id="an empty exit status says nothing"),
        pytest.param(
            run(exit_status=ExitStatus(), status="ERROR"), "failed", id="hidden exit status, status text"
        ),
        pytest.param(run("aborted"), "aborted", id="aborted without exit status"),
        pytest.param(run("aborted", exit_status=ERROR), "aborted", id="aborted with one"),
        pytest.param(run("retried", exit_status=ERROR), "superseded", id="a later attempt took its place"),
        pytest.param(run("restarted"), "superseded", id="restarted by the platform"),
        pytest.param(run("running", status="RUNNING"), "active", id="running"),
        pytest.param(run("pending", status="PENDING"), "active", id="pending without exit status"),
        pytest.param(run("running", status="ERROR"), "active", id="active whatever its status says"),
        pytest.param(run("paused"), "active", id="paused"),
        pytest.param(run("retrying", exit_status=ERROR), "active", id="between two attempts"),
        pytest.param(run("running", missing=1), "active", id="gone once is not gone"),
        pytest.param(run("running", missing=2), "vanished", id="gone twice"),
        pytest.param(run("finished", exit_status=OK, missing=2), "ok", id="final ones cannot vanish"),
        pytest.param(run(exit_status=OK, steps=()), "ok", id="no steps"),
        pytest.param(run(exit_status=OK, steps=(step("a", OK),)), "ok", id="good steps"),
        pytest.param(
            run(exit_status=OK, steps=(step("a", ERROR), step("b", OK))), "degraded", id="a failed step"
        ),
        pytest.param(
            run(exit_status=OK, steps=(step("a", status="ERROR"),)), "degraded", id="by status text"
        ),
        pytest.param(
            run(exit_status=OK, steps=(step("a", ExitStatus("WARN")),)), "degraded", id="a step warns"
        ),
        pytest.param(
            run(exit_status=OK, steps=(Step("a", execution_status="aborted"),)),
            "degraded",
            id="a step aborted",
        ),
        pytest.param(
            run(
                exit_status=OK,
                steps=(Step("a", execution_status="restarted", exit_status=ERROR), step("a", OK)),
            ),
            "ok",
            id="a restarted step is told by its later attempt",
        ),
        pytest.param(
            run(exit_status=ERROR, steps=(step("a", OK),)), "failed", id="good steps save no failed run"
        ),
    ],
)
def test_outcome(execution: Execution, expected: str) -> None:
    assert outcome(execution, JOB) == expected


def test_a_setting_adds_codes_of_failures_and_of_warnings() -> None:
    job = JobPolicy(failure_codes=("BROKEN_*",), warn_codes=("PARTLY*",))
    assert outcome(run(exit_status=ExitStatus("BROKEN_FEED", None, "ok")), job) is Outcome.FAILED
    assert outcome(run(exit_status=ExitStatus("PARTLY_DONE", None, "ok")), job) is Outcome.DEGRADED
    assert outcome(run(exit_status=ExitStatus("broken_feed", None, "ok")), job) is Outcome.OK


@given(
    st.text().filter(lambda word: word not in FINAL_WORDS), st.sampled_from([None, "OK", "ERROR", "RUNNING"])
)
def test_a_word_nobody_knows_is_never_final(word: str, status: str | None) -> None:
    assert outcome(run(word, status=status), JOB) is Outcome.ACTIVE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "schedule", id="nobody named is the scheduler"),
        pytest.param({"user_login": ""}, "schedule", id="an empty login is nobody"),
        pytest.param({"user_login": "jdoe"}, "manual", id="a person"),
        pytest.param({"client_id": "c1"}, "api", id="a client"),
        pytest.param({"user_login": "jdoe", "client_id": "c1"}, "manual", id="a person through a client"),
        pytest.param({"user_login": "cron"}, "schedule", id="a login that is a timetable"),
        pytest.param({"client_id": "middleware"}, "schedule", id="a client that is a timetable"),
        pytest.param(
            {"user_login": "cron", "client_id": "c1"}, "api", id="the client decides where the login is one"
        ),
    ],
)
def test_trigger(fields: dict[str, str], expected: str) -> None:
    policy = Policy(scheduler_logins=("cron",), scheduler_clients=("middleware",))
    assert trigger(run(**fields), policy) == expected


SILENT = ExitStatus("ERROR", None, "error")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(None, None, id="steps unknown"),
        pytest.param((step("a", OK),), None, id="no step failed"),
        pytest.param((step("a", ERROR), step("b", ERROR), step("c", OK)), "b", id="the last that failed"),
        pytest.param(
            (step("a", ERROR), step("b", SILENT)), "a", id="one that says why before one that does not"
        ),
        pytest.param((step("a", SILENT), step("b", SILENT)), "b", id="the last where none says why"),
        pytest.param((step("a", status="ERROR_IO"),), "a", id="by its status text"),
    ],
)
def test_failed_step(steps: tuple[Step, ...] | None, expected: str | None) -> None:
    found = failed_step(run(exit_status=ERROR, steps=steps))
    assert (found and found.step_id) == expected


def failing(message: str, *, step_id: str = "import-catalog", code: str = "ERROR") -> Execution:
    return run(exit_status=ERROR, steps=(step(step_id, ExitStatus(code, message, "error")),))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            "Import of file 'src/catalog_20261122.xml' failed: 12 errors, 3 warnings",
            "Import of file 'src/catalog_20261123.xml' failed: 7 errors, 114 warnings",
            id="quoted file and counts",
        ),
        pytest.param(
            'Error reading "/Sites/Impex/src/akeneo/My products A.xml": premature end of file',
            'Error reading "/Sites/Impex/src/akeneo/My products B.xml": premature end of file',
            id="quoted path without a number",
        ),
        pytest.param(
            "Could not move /Sites/Impex/src/in/delta-a.xml to archive",
            "Could not move /Sites/Impex/src/in/delta-b.xml to archive",
            id="plain path",
        ),
        pytest.param(
            "Product [SKU-100234] could not be saved (transaction 4db8124510b43bcedeaad79a0f)",
            "Product [SKU-99] could not be saved (transaction bcFtwiaaiQ1jcaaadkbJ7rIW2U)",
            id="product id and object id",
        ),
        pytest.param(
            "[2026-11-22 02:12:01.316 GMT] ERROR SystemJobThread|67038033|import read timeout 30000 ms",
            "[2026-11-23 14:00:59.002 GMT] ERROR SystemJobThread|543399044|import read timeout 30001 ms",
            id="log prefix with time and thread",
        ),
        pytest.param(
            "Stopped at Sun Nov 22 02:12:01 GMT 2026",
            "Stopped at Mon Nov 23 14:12:01 GMT 2026",
            id="date as Java prints it",
        ),
        pytest.param(
            "HTTP 401 from https://pim.example.com/api/rest/v1/products?search_after=abcdef&limit=100",
            "HTTP 401 from https://pim.example.com/api/rest/v1/products?search_after=zyxwvu&limit=100",
            id="cursor in a URL",
        ),
        pytest.param(
            "Lock held by job execution 2664334 (jdoe@example.com) since 2026-11-22T02:00:00.316Z",
            "Lock held by job execution 2664999 (ann.other@example.org) since 2026-11-23T02:00:00.001Z",
            id="execution, mail address and ISO time",
        ),
        pytest.param("Missing: A1, B2, C3", "Missing: A1, B2, C3, D4, E5", id="a longer list of ids"),
        pytest.param("Custom object 0x7fa3 is gone", "Custom object 0x00b1 is gone", id="hex"),
        pytest.param("Read  timed\n out", "Read timed out", id="line breaks"),
        pytest.param(
            "Session b3c61c1e-8d0e-4f5e-9a55-0c8f6c0f8f11 expired",
            "Session 0d9f3b9e-1111-4c1c-8a77-7f3c1f1c2a22 expired",
            id="UUID",
        ),
    ],
)
def test_equal_trouble_gives_equal_text(one: str, other: str) -> None:
    assert cause(failing(one)) == cause(failing(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(failing("Read timed out"), failing("Connection refused"), id="other words"),
        pytest.param(failing("", step_id="a"), failing("", step_id="b"), id="another step"),
        pytest.param(failing("", step_id="step-1"), failing("", step_id="step-2"), id="numbers name steps"),
        pytest.param(failing("", code="ERROR_1"), failing("", code="ERROR_2"), id="numbers name codes"),
        pytest.param(
            failing("No answer from https://pim.example.com/a"),
            failing("No answer from https://cdn.example.com/a"),
            id="another host",
        ),
        pytest.param(
            failing("Attribute 'color' is unknown"),
            failing("Attribute 'size' is unknown"),
            id="another quoted word",
        ),
        pytest.param(run(exit_status=ERROR), run("aborted", exit_status=ERROR), id="failed and aborted"),
    ],
)
def test_other_trouble_gives_other_text(one: Execution, other: Execution) -> None:
    assert cause(one) != cause(other)


def test_a_cause_is_step_code_and_message() -> None:
    assert cause(failing("Read timed out after 30 s.")) == "import-catalog | ERROR | Read timed out after # s"
    assert cause(run(exit_status=ERROR)) == "ERROR | Import failed"
    assert cause(run(status="ERROR_IO")) == "ERROR_IO"
    assert cause(run("aborted")) == "aborted"


@given(st.text(max_size=2000))
def test_a_cause_is_short_and_stays_on_one_line(message: str) -> None:
    text = cause(failing(message))
    assert len(text) < 400
    assert len(text.splitlines()) == 1


def test_a_step_that_says_nothing_borrows_the_words_of_the_run() -> None:
    silent = run(exit_status=ERROR, steps=(step("a", SILENT),))
    assert cause(silent) == "a | ERROR | Import failed"


def test_the_status_text_stands_in_for_a_hidden_exit_code() -> None:
    assert exit_code(run(exit_status=ExitStatus(status="ok"), status="PARTLY")) == "PARTLY"
    assert exit_code(run()) is None
