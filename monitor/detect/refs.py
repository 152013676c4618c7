"""How a finding names the log it wants attached: a run's key as text, and back.

Knows no log and no path. The text goes through `alerts`, which must not read it.
"""

from __future__ import annotations

import json

from monitor.model import RunKey


def attachment_ref(key: RunKey) -> str:
    return json.dumps(list(key), ensure_ascii=False)


def parse_attachment_ref(ref: str) -> RunKey:
    """Raises ValueError for text that `attachment_ref` did not make."""
    try:
        parts = json.loads(ref)
    except ValueError:
        parts = None
    if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"not a reference to a run's log: {ref!r}; expected [instance, job_id, id] as JSON")
    return RunKey(*parts)
