"""The error tree: split by what the caller does next.

MonitorError
 ├─ SettingsError   wrong settings: show all problems, exit 2
 ├─ StateError      the state cannot be reached or used: say where, try again later
 ├─ StoppingError   the agent ends: leave what is being done to the next start
 ├─ LeaseLostError  another agent on this state has taken over: leave what is being done to it
 └─ SfccError       SFCC did not give what was asked: `reason` says why, `retryable` whether to ask again
     └─ LogError    the same for a log file: the alert goes out without it and says why
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Reason(StrEnum):
    """Why SFCC did not answer as asked; also the `outcome` label of the request metrics."""

    CREDENTIALS = "credentials"  # the login was refused
    PERMISSION = "permission"  # logged in, but a right is missing
    NETWORK = "network"  # no connection, reset, name or certificate trouble
    TIMEOUT = "timeout"  # connected, but too slow
    THROTTLED = "throttled"  # 429, or the platform sheds load
    MAINTENANCE = "maintenance"  # the platform says that it is down on purpose
    ASLEEP = "asleep"  # a sandbox that is stopped, being reset, or deleted
    SERVER = "server"  # 5xx
    NOT_FOUND = "not_found"  # 404
    REFUSED = "refused"  # 4xx: the request itself was not accepted
    STOPPING = "stopping"  # nobody's fault: the agent ends
    PROTOCOL = "protocol"  # an answer that is no answer: HTML, broken JSON, wrong shape


class MonitorError(Exception):
    """Everything this program raises on purpose; its text is fit to show to a person."""


class SettingsError(MonitorError):
    """One or more settings are wrong; `problems` holds a line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StateError(MonitorError):
    """The state (database) cannot be opened, is locked, full, or of a newer version."""


class StoppingError(MonitorError):
    """The agent was told to stop while this was under way."""


class LeaseLostError(MonitorError):
    """Another agent on the same state has taken over; what this transaction did is undone."""


class SfccError(MonitorError):
    """SFCC did not give what was asked for.

    `retry_after` is in seconds, where the platform said so. `status` is the HTTP status, if any.
    `correlation_id` is for logs: by it Salesforce finds the request; another one each time.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        fault_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status
        self.fault_type = fault_type
        self.correlation_id: str | None = None


class LogError(SfccError):
    """A log file could not be read; the message says why in words fit for an alert."""
