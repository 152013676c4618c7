"""The agent's own log: text for people, JSON for machines, secrets masked as a last line of defence.

Texts are made without secrets where they are born; what is masked here is what a library or a defect says:
the whole line with its traceback, by patterns and by the values of the settings' own secrets. A log that
cannot be written ends nothing.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

from alerts.redact import mask

log = logging.getLogger(__name__)


class _Text(logging.Formatter):
    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._masked(super().format(record))

    def _masked(self, text: str) -> str:
        return mask(text, self._secrets, personal=False)[0]


class _Json(_Text):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": self._masked(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = self._masked(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # the class is generic to the checker alone
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is the library's
        """Not the library's way, which shows the arguments of the line as they are."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):  # the disk behind it is full, or its reader gone
            return
        with suppress(OSError, ValueError):
            place = f"{record.name}, line {record.lineno}"
            self.stream.write(f"a line of the log could not be made ({type(error).__name__}; {place})\n")


def configure(level: str, style: str, secrets: Collection[str] = ()) -> None:
    """Log to stderr; other libraries from warnings on. secrets: masked wherever they stand."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(_Json(secrets) if style == "json" else _Text(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("monitor", "alerts"):
        logging.getLogger(name).setLevel(level.upper())
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a scrape beside a probe is worth no line
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_ended


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    """Instead of a traceback on stderr that nobody has masked."""
    name = args.thread.name if args.thread else "unknown"
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        log.critical("thread %s has ended: this should not happen", name, exc_info=args.exc_value)
