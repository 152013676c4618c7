from __future__ import annotations

import pytest

from alerts.model import Severity
from monitor.detect.severity import severity
from monitor.policy import JobPolicy, Policy


@pytest.mark.parametrize(
    ("default", "own", "offset", "expected"),
    [
        pytest.param("critical", {}, 0, "critical", id="production is told as defined"),
        pytest.param("critical", {}, 1, "warning", id="staging is one lower"),
        pytest.param("warning", {}, 1, "info", id="a warning on staging is information"),
        pytest.param("info", {}, 1, "info", id="nothing is lower than information"),
        pytest.param("critical", {"failed": "info"}, 0, "info", id="a job's own word wins"),
        pytest.param("warning", {"failed": "critical"}, 1, "critical", id="a job's own word is not lowered"),
        pytest.param("critical", {"slow": "info"}, 0, "critical", id="another condition's word is not meant"),
    ],
)
def test_severity(default: str, own: dict[str, str], offset: int, expected: str) -> None:
    found = severity("failed", Severity(default), JobPolicy(severity=own), Policy(severity_offset=offset))
    assert found == expected
