"""Which WebDAV access keys were refused, as `monitor.sfcc.login.accesskey` wants it remembered.

Never in the way: where the state cannot be read or written, who asks still remembers by itself.
"""

from __future__ import annotations

import logging

from sqlalchemy import Engine, select

from monitor.errors import StateError
from monitor.history.engine import reading, state_errors
from monitor.history.schema import refused_keys
from monitor.history.statements import upsert

log = logging.getLogger(__name__)


class StoredRefusedKeys:
    """Of one instance. Each call is a transaction of its own, in whatever thread."""

    def __init__(self, engine: Engine, instance: str) -> None:
        self._engine = engine
        self._instance = instance

    def load(self, user: str) -> str | None:
        wanted = select(refused_keys.c.mark).where(
            refused_keys.c.instance == self._instance, refused_keys.c.login == user
        )
        try:
            with state_errors(self._engine.url), reading(self._engine) as conn:
                return conn.scalar(wanted)
        except StateError as error:
            log.warning(
                "%s: whether the access key was refused before is not known: %s", self._instance, error
            )
            return None

    def save(self, user: str, mark: str) -> None:
        row = {"instance": self._instance, "login": user, "mark": mark}
        try:
            with state_errors(self._engine.url), self._engine.begin() as conn:
                upsert(conn, refused_keys, [row])
        except StateError as error:
            log.warning("%s: that the access key was refused is not kept: %s", self._instance, error)
