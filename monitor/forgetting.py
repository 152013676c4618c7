"""What `data forget` takes out of the state, in one transaction: all of an instance, or a login."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Engine, delete

from alerts import schema as alerts
from alerts.forgetting import forget_name, forget_source
from monitor.errors import MonitorError
from monitor.history import leases
from monitor.history import schema as history
from monitor.history.trouble import state_errors
from monitor.leases import instance_of

SHORTEST = 3
"""Characters of a login: anything shorter is part of half the texts there are."""


@dataclass(frozen=True, slots=True)
class Gone:
    runs: int
    incidents: int


def forget_instance(engine: Engine, name: str) -> Gone:
    """Raises MonitorError while an agent watches it: what is deleted would come back half."""
    with state_errors(engine.url), engine.begin() as connection:
        for lease, holder in leases.holders(connection).items():
            if instance_of(lease) == name:
                remedy = "stop it, or take it out of its settings"
                raise MonitorError(f"{name} is watched by a running agent ({holder}): {remedy}")
        runs = 0
        for table in history.metadata.sorted_tables:
            if "instance" in table.c:
                deleted = connection.execute(delete(table).where(table.c.instance == name)).rowcount
                runs += deleted if table is history.executions else 0
        prefix = json.dumps([name], ensure_ascii=False).removesuffix("]") + ","
        return Gone(runs, forget_source(connection, name, prefix))


def forget_user(engine: Engine, login: str) -> int:
    """How many rows had it. Raises MonitorError for a login too short to be told from other words."""
    if len(login) < SHORTEST:
        raise MonitorError(f"{login!r} is too short: a login of {SHORTEST} characters at least can be found")
    with state_errors(engine.url), engine.begin() as connection:
        every = {id(one): one for one in (alerts.metadata, history.metadata)}.values()
        return sum(forget_name(connection, one, login) for one in every)
