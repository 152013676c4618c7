"""Agents in processes of their own that end themselves, by SIGKILL, at a crossing they are told.

A process that has imported everything forks one for each life: starting anew takes most of a second, a fork
some milliseconds. Orders come as lines of JSON, each answered by one line; after `birth` the child reads them
itself, and when it is gone the nursery says how it ended, after it was reaped. The crossings are those
the wiring tells of (`monitor.crossings`); nobody lists them here.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import update

from alerts.model import Capabilities, Message
from alerts.notifier import Notifier
from alerts.outbox import RowState
from alerts.schema import outbox
from monitor.app import App
from monitor.clock import ManualClock
from monitor.settings import InstanceSettings, Settings
from monitor.simulator import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from monitor.targets import notifiers_for

INSTANCE = "production"

Order = dict[str, Any]


def main() -> None:
    _warm_up()
    gc.collect()
    gc.freeze()  # else each child looks through all of this again
    orders = os.fdopen(0, "rb", buffering=0)  # not a byte is read that is the child's
    while line := orders.readline():
        order = json.loads(line)
        if threading.active_count() > 1:
            raise RuntimeError("a process with threads must not fork")
        child = os.fork()
        if child == 0:
            _end_with(lambda: _Life(order).go_on(orders))  # noqa: B023 - called at once
        _say(ended=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


class _Life:
    """One process of the agent, from its birth to its end."""

    def __init__(self, birth: Order) -> None:
        settings = _settings(birth)
        self._clock = ManualClock(datetime.fromisoformat(birth["at"]))
        self._lock = threading.Lock()
        self._crossed: list[str] = []
        self._kill_at = 0
        notifiers: Mapping[str, Notifier] = notifiers_for(settings)
        self._app = App(settings, clock=self._clock, notifiers=notifiers, crossing=self._cross)
        if birth["damage"]:
            DAMAGE[birth["damage"]](self._app)
        self._steps: Mapping[str, Callable[[], object]] = {
            "poll": self._poll,
            "fetch_logs": self._app.fetch_logs,
            "dispatch": self._app.dispatch,
        } | {f"deliver {name}": functools.partial(self._app.deliver, name) for name in notifiers}

    def go_on(self, orders: Any) -> None:
        _say(targets=list(self._app.notifiers))
        while line := orders.readline():
            order = json.loads(line)
            if order["do"] == "end":
                return
            self._crossed.clear()
            self._kill_at = order["kill_at"]
            self._clock.set(datetime.fromisoformat(order["at"]))
            self._steps[order["do"]]()
            _say(crossed=self._crossed)

    def _poll(self) -> None:
        result = self._app.poll(INSTANCE)
        if not result.complete:
            raise RuntimeError(f"the poll was not complete: {result}")

    def _cross(self, what: str) -> None:
        with self._lock:
            self._crossed.append(what)
            if len(self._crossed) == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


class _MarkedFirst:
    """An agent that takes a message off its list before the target has it."""

    def __init__(self, notifier: Notifier, app: App) -> None:
        self._notifier = notifier
        self._app = app

    @property
    def name(self) -> str:
        return self._notifier.name

    @property
    def capabilities(self) -> Capabilities:
        return self._notifier.capabilities

    def send(self, message: Message) -> None:
        leased = (outbox.c.state == RowState.LEASED.value) & (outbox.c.target == self.name)
        with self._app.engine.begin() as connection:
            connection.execute(update(outbox).where(leased).values(state=RowState.SENT.value))
        self._notifier.send(message)


class _Twice(_MarkedFirst):
    """An agent that says everything twice when it had to begin anew."""

    def send(self, message: Message) -> None:
        self._notifier.send(message)
        self._notifier.send(message)


def _wrapped(wrap: Callable[[Notifier, App], Notifier]) -> Callable[[App], None]:
    def damage(app: App) -> None:
        for name, notifier in app.notifiers.items():
            app.notifiers[name] = wrap(notifier, app)

    return damage


DAMAGE: Mapping[str, Callable[[App], None]] = {
    "marks before it sends": _wrapped(_MarkedFirst),
    "sends twice": _wrapped(_Twice),
}
"""What the rehearsal has to find out: it could not fail otherwise."""


def _settings(birth: Order) -> Settings:
    server = birth["server"]
    instance = InstanceSettings(
        name=INSTANCE,
        server=server,
        account_manager_host=server,
        client_id=DEMO_CLIENT_ID,
        client_secret=SecretStr(DEMO_CLIENT_SECRET),
    )
    return Settings(
        instances=[instance], state=birth["state"], apprise_urls=[SecretStr(url) for url in birth["chats"]]
    )


def _warm_up() -> None:
    """What is imported where it is used would be imported in every life."""
    import apprise.attachment.memory
    import apprise.result
    import psycopg

    del apprise, psycopg
    notifiers_for(Settings(apprise_urls=[SecretStr("json://127.0.0.1:9/hook")]))


def _end_with(life: Callable[[], object]) -> None:
    """The child never comes back into the loop of its parent."""
    code = 1
    try:
        life()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is belongs into the report
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(**answer: object) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
