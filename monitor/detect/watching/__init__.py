"""What the monitor says of itself: that it cannot see, cannot read logs, will not be let in for long.

Decided by our own clock at the end of each poll, also of one that failed. Pure, like all conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from monitor.detect.model import Decision
from monitor.detect.watching.blind import blind
from monitor.detect.watching.expiring import expiring
from monitor.detect.watching.logaccess import log_access
from monitor.detect.watching.model import Watching
from monitor.policy import Policy

_DETECTORS: Mapping[str, Callable[[Watching, Policy], Iterator[Decision]]] = {
    "blind": blind,  # no poll was complete for some time
    "log_access": log_access,  # runs can be read, their logs cannot
    "expiring": expiring,  # a certificate or a secret ends soon
}

WATCHING = frozenset(_DETECTORS)
"""Looked at by `monitor.watching` alone: an instance that cannot be read is not judged otherwise."""


def watch(watching: Watching, policy: Policy) -> tuple[Decision, ...]:
    return tuple(decision for detect in _DETECTORS.values() for decision in detect(watching, policy))
