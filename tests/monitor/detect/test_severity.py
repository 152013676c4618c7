from __future__ import annotations

import pytest

from alerts.model import Severity
from monitor.detect.severity import instance_severity, is_off, severity
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
        pytest.param(
            "critical", {"failed": "off"}, 1, "warning", id="what is switched off is what it is else"
        ),
        pytest.param("critical", {"slow": "info"}, 0, "critical", id="another condition's word is not meant"),
    ],
)
def test_severity(default: str, own: dict[str, str], offset: int, expected: str) -> None:
    found = severity("failed", Severity(default), JobPolicy(severity=own), Policy(severity_offset=offset))
    assert found == expected


def test_an_instance_has_severities_of_its_own() -> None:
    policy = Policy(severity={"blind": "info"}, severity_offset=1)
    assert instance_severity("blind", Severity.CRITICAL, policy) is Severity.INFO
    assert instance_severity("saturated", Severity.CRITICAL, policy) is Severity.WARNING


def test_of_a_pair_the_first_job_decides_whether_it_is_told() -> None:
    policy = Policy(job=lambda job_id: JobPolicy(severity={"overlap": "off"} if job_id == "a" else {}))
    assert is_off("overlap", ("a", "b"), policy)
    assert not is_off("overlap", ("b", "a"), policy)
    assert not is_off("overlap", (), policy)
