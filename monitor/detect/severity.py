"""How loud a finding is: what the settings say of the job, else the condition's own, by instance type.

Knows no condition: each brings its default. What a job says itself is final; only defaults are lowered
on instances that are not production.
"""

from __future__ import annotations

from alerts.model import Severity
from monitor.policy import JobPolicy, Policy

BY_RANK = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


def severity(condition: str, default: Severity, job: JobPolicy, policy: Policy) -> Severity:
    own = job.severity.get(condition)
    return Severity(own) if own else lowered(default, policy.severity_offset)


def lowered(default: Severity, steps: int) -> Severity:
    return BY_RANK[min(max(default.rank + steps, 0), len(BY_RANK) - 1)]
