"""What is not asked plainly of Prometheus, answered by Prometheus itself over series written by hand.

Five seconds between two scrapes; `1*20` is twenty of them, `_` one that did not come,
`stale` the end of a target.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from grafana.promql import JOB, counted, open_since

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None,
    reason="NO PROMTOOL: these queries were asked nobody (Debian's package `prometheus` has it)",
)

SEEN = 'sfcc_poll_last_success_timestamp_seconds{sfcc_instance="shop", instance="AGENT"}'
FAILED = (
    'sfcc_job_executions_total{sfcc_instance="shop", job_id="prices", outcome="failed", trigger="schedule", '
    'instance="AGENT"}'
)
OPEN = (
    'sfcc_job_condition{sfcc_instance="shop", job_id="prices", condition="failed", severity="critical", '
    'instance="AGENT"}'
)
OUTCOMES = f"{JOB}, outcome, trigger"
FAILURES = counted("sfcc_job_executions_total", OUTCOMES, JOB, window="60s")


def of(series: str, agent: str = "one") -> str:
    return series.replace("AGENT", agent)


def plain(expr: str, span: str, step: str) -> str:
    """As Grafana fills it in, for all instances and jobs."""
    found = expr.replace("$__range", span).replace("$__interval", step)
    return re.sub(r"\$(sfcc_instance|job_id)\b", ".*", found)


def in_promtools_words(values: str) -> str:
    """There, `1x2` are three."""
    return re.sub(r"(\d+)\*(\d+)", lambda one: f"{one[1]}x{int(one[2]) - 1}", values).replace("_*", "_x")


def check(directory: Path, expr: str, at: str, series: Mapping[str, str], answer: float, labels: str) -> None:
    """promtool says what it got instead, in its own words."""
    written = [{"series": name, "values": in_promtools_words(values)} for name, values in series.items()]
    asked = {"expr": expr, "eval_time": at, "exp_samples": [{"labels": labels, "value": answer}]}
    test = {"interval": "5s", "input_series": written, "promql_expr_test": [asked]}
    file = directory / "test.yml"
    file.write_text(json.dumps({"evaluation_interval": "5s", "tests": [test]}), encoding="utf-8")
    assert PROMTOOL is not None
    result = subprocess.run(
        [PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("series", "answer"),
    [
        pytest.param({of(SEEN): "1*30", of(FAILED): "_*28 1 1"}, 1, id="the first failure of all"),
        pytest.param(
            {of(SEEN): "_*24 1*6", of(FAILED): "_*28 1 1"},
            1,
            id="the first failure, of an agent just started",
        ),
        pytest.param({of(SEEN): "_*24 1*6", of(FAILED): "_*24 7*6"}, 0, id="history older than the agent"),
        pytest.param({of(SEEN): "1*30", of(FAILED): "3*30"}, 0, id="no failure within the window"),
        pytest.param(
            {
                of(SEEN): "1*26 stale",
                of(FAILED): "_*22 1*4 stale",
                of(SEEN, "two"): "_*27 1*3",
                of(FAILED, "two"): "_*27 1*3",
            },
            1,
            id="a failure of an agent that ended since, once",
        ),
        pytest.param(
            {of(SEEN): "1*20 stale", of(SEEN, "two"): "_*24 1*6", of(FAILED, "two"): "_*24 1*6"},
            1,
            id="a failure while one agent took over from another",
        ),
        pytest.param(
            {
                of(SEEN): "1*20 stale",
                of(FAILED): "7*20 stale",
                of(SEEN, "two"): "_*24 1*6",
                of(FAILED, "two"): "_*24 7*6",
            },
            0,
            id="an agent that took over brings no failure of its own",
        ),
    ],
)
def test_what_a_counter_counted_within_a_minute(
    tmp_path: Path, series: Mapping[str, str], answer: float
) -> None:
    check(
        tmp_path, plain(FAILURES, "", ""), "145s", series, answer, '{sfcc_instance="shop", job_id="prices"}'
    )


@needs_promtool
@pytest.mark.parametrize(
    ("series", "since"),
    [
        pytest.param({of(OPEN): "_*60 1*60"}, 300, id="it opened within the range"),
        pytest.param({of(OPEN): "1*60 0*12 1*48"}, 360, id="it opened anew"),
        pytest.param({of(OPEN): "1*120"}, 0, id="it was open before the range"),
        pytest.param({of(OPEN): "_*60 1*20 stale _*9 1*30"}, 300, id="the agent was started anew meanwhile"),
        pytest.param(
            {of(OPEN): "_*60 1*20 stale", of(OPEN, "two"): "_*84 1*36"}, 300, id="another agent took over"
        ),
        pytest.param(
            {of(OPEN): "1*60 0*6 stale _*23 1*30"}, 450, id="it had ended before the agent was started anew"
        ),
        pytest.param(
            {of(OPEN): "1*20 stale", of(OPEN, "two"): "_*24 1*16 0*20 1*60"},
            300,
            id="it ended and opened anew since another agent took over",
        ),
    ],
)
def test_since_when_a_condition_is_open(tmp_path: Path, series: Mapping[str, str], since: float) -> None:
    labels = '{sfcc_instance="shop", job_id="prices", condition="failed", severity="critical"}'
    expr = plain(open_since(), "10m", "5s")
    check(tmp_path, expr, "595s", series, since * 1000, labels)
