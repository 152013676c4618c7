"""`data import`: JSON lines, each an OCAPI job_execution with `sfcc_instance`, into the history."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine

from monitor import judgement
from monitor.history.transfer import import_documents
from monitor.model import Execution
from monitor.policy import Policy
from monitor.settings import Settings
from monitor.settings.policies import policy
from monitor.sfcc.wire import UnreadableHit, decode_execution

CHUNK = 5000
"""Lines held at once: an export of years must not fill the memory."""


@dataclass(slots=True)
class Imported:
    read: int = 0
    stored: int = 0
    problems: list[str] = field(default_factory=list)


def import_lines(
    engine: Engine, settings: Settings, lines: Iterable[str], *, default_instance: str | None
) -> Imported:
    """Stores what can be read and says what cannot, by line."""
    result = Imported()
    policies = {one.name: policy(settings, one) for one in settings.instances}
    pending: dict[str, list[Execution]] = defaultdict(list)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            _read_line(number, line, default_instance, pending, result)
        if result.read % CHUNK == 0:
            _flush(engine, policies, pending, result)
    _flush(engine, policies, pending, result)
    return result
