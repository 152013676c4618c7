"""A sandbox that is asleep: stopped to save credits, being reset, or deleted. Nobody's fault, and no alert.

Knows by which failures such a one is told from one that is in trouble; production that fails in the same
way is in trouble. Account Manager and the gateway of SCAPI serve others too: that they cannot be reached
says nothing of a sandbox.
"""

from __future__ import annotations

from monitor.errors import Reason, SfccError
from monitor.sfcc.network import is_unreachable

STOPPED = frozenset({413, 503})
NO_ORIGIN = frozenset({521, 522, 523})
"""Of the network in front of the platform: nothing answers behind it."""

_AWAKE = frozenset({Reason.THROTTLED, Reason.CREDENTIALS, Reason.PERMISSION})
"""Whoever counts requests and checks tokens is up."""


def asleep(error: SfccError, host: str) -> SfccError:
    """The same trouble of a sandbox's own host, as the sleep that it is; others as they are."""
    return _sleep(error, host) if is_unreachable(error) or _says_stopped(error) else error


def asleep_behind_gateway(error: SfccError, host: str) -> SfccError:
    """The same for a host that many share."""
    return _sleep(error, host) if _says_stopped(error) else error


def _says_stopped(error: SfccError) -> bool:
    return error.status in STOPPED | NO_ORIGIN and error.reason not in _AWAKE


def _sleep(error: SfccError, host: str) -> SfccError:
    how = "it cannot be reached" if error.status is None else f"it answers {error.status}"
    text = (
        f"{host}: the sandbox is asleep (stopped, being reset, or deleted; {how}): "
        "start it, or take it out of the settings if it is gone"
    )
    return SfccError(Reason.ASLEEP, text, status=error.status, fault_type=error.fault_type)
