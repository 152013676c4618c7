"""Quiet while something is sent: the libraries below log paths and addresses, which carry secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TALKATIVE = (
    "charset_normalizer",
    "oauthlib",
    "requests_oauthlib",
    "requests_oauthlib.oauth2_session",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)
_sending: ContextVar[bool] = ContextVar("alerts_sending", default=False)


@contextmanager
def discreetly() -> Iterator[None]:
    """What the HTTP libraries log meanwhile, in this thread and those it starts, names paths with secrets."""

    def outside(_record: logging.LogRecord) -> bool:
        return not _sending.get()

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(outside)
    token = _sending.set(True)
    try:
        yield
    finally:
        _sending.reset(token)
        for logger in loggers:
            logger.removeFilter(outside)
