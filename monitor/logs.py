"""The agent's own log: text for people, JSON for machines, secrets masked as a last line of defence.

Texts are made without secrets where they are born; the filter here is for what a library says.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from alerts.redact import mask


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked, count = mask(text, personal=False)
        if count:
            record.msg, record.args = masked, ()
        return True


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = mask(self.formatException(record.exc_info), personal=False)[0]
        return json.dumps(entry, ensure_ascii=False)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is the library's
        return mask(super().formatException(ei), personal=False)[0]  # type: ignore[arg-type]  # passed through


def configure(level: str, style: str) -> None:
    """Log to stderr; other libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    handler.addFilter(_Masking())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("monitor", "alerts"):
        logging.getLogger(name).setLevel(level.upper())
