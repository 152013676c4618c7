"""Which run a person means, and where its log comes from."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from monitor.errors import LogError, MonitorError, Reason
from monitor.joblogs.runlog import find_run, read_log
from monitor.model import Outcome
from monitor.settings import Settings
from tests.monitor.cli.conftest import a_run
from tests.monitor.conftest import Night

JOB = "3-1-1 Akeneo | Import 100%"


def plain(text: str) -> tuple[str, int]:
    return text, 0


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        pytest.param(["ERROR"], (0, Outcome.FAILED, False), id="the only one failed"),
        pytest.param(["OK", "ERROR"], (1, Outcome.FAILED, False), id="the last failed one"),
        pytest.param(["ERROR", "OK"], (0, Outcome.FAILED, False), id="though a good one followed"),
        pytest.param(["ERROR", "ERROR", "OK"], (1, Outcome.FAILED, False), id="the newer of two"),
        pytest.param(["OK", "OK"], (1, Outcome.OK, True), id="none failed: the newest"),
    ],
)
def test_the_run_that_is_meant(night: Night, codes: list[str], expected: tuple[int, Outcome, bool]) -> None:
    app = night.agent()
    ids = []
    for code in codes:
        run = night.world.start(JOB)
        run.finish(code=code)
        ids.append(run.id)
        night.turn(app)
    found = find_run(app.engine, JOB, None, None)
    assert (ids.index(found.run.id), found.outcome, found.is_stopgap) == expected
    for run_id in ids:
        assert find_run(app.engine, JOB, run_id, "production").run.id == run_id


@pytest.mark.parametrize("execution_id", [None, "1"])
def test_a_job_nobody_knows_has_no_run(engine: Engine, execution_id: str | None) -> None:
    with pytest.raises(MonitorError):
        find_run(engine, "unheard-of", execution_id, None)


def test_a_log_is_read_where_it_is_with_the_lines_of_its_job(night: Night) -> None:
    app = night.agent()
    night.world.start(JOB).finish(code="ERROR", failed_step="import-catalog")
    night.pass_time(minutes=1)
    app.poll("production")
    log = read_log(night.settings(), app.engine, find_run(app.engine, JOB, None, None).run, plain)
    assert log.content is not None
    assert f"|{JOB}|import-catalog ".encode() in log.content
    assert "[import-catalog]" in log.lines[0]
    assert JOB not in log.lines[0]


def test_a_run_without_a_log_says_so(engine: Engine) -> None:
    with pytest.raises(LogError) as refused:
        read_log(Settings(), engine, a_run(1), plain)
    assert refused.value.reason is Reason.NOT_FOUND
