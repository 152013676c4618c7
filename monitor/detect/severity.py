"""How loud a finding is: what the settings say of the job, else the condition's own, by instance type.

Knows no condition: each brings its default. What a job says itself is final; only defaults are lowered
on instances that are not production. What is switched off has a severity all the same: it is found, shown by
`explain`, and told to nobody.
"""

from __future__ import annotations

from alerts.model import Severity
from monitor.policy import OFF, JobPolicy, Policy

BY_RANK = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


def severity(condition: str, default: Severity, job: JobPolicy, policy: Policy) -> Severity:
    own = job.severity.get(condition, OFF)
    return lowered(default, policy.severity_offset) if own == OFF else Severity(own)


def instance_severity(condition: str, default: Severity, policy: Policy) -> Severity:
    """Of what is found of an instance as a whole."""
    return severity(condition, default, JobPolicy(severity=policy.severity), policy)


def is_off(condition: str, jobs: tuple[str, ...], policy: Policy) -> bool:
    """Of several jobs the first decides, whose severity it is as well; of none the instance."""
    said = policy.job(jobs[0]).severity if jobs else policy.severity
    return said.get(condition) == OFF


def lowered(default: Severity, steps: int) -> Severity:
    return BY_RANK[min(max(default.rank + steps, 0), len(BY_RANK) - 1)]
