"""Instances looked at side by side, once or until all is well.

Opens and closes the connections. The one trap: a WebDAV access key locks after six wrong tries, so the
connection that met a refusal is kept from one look to the next, because it remembers not to try again; every
other look begins with a fresh one, and so with a fresh token, which knows rights given meanwhile.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from monitor.access import access, connection
from monitor.checkup.model import Outcome, Step, What
from monitor.checkup.probe import look
from monitor.checkup.subject import Subject
from monitor.clock import Clock
from monitor.confidential import concealing
from monitor.errors import Reason, SettingsError
from monitor.settings import InstanceSettings, Settings
from monitor.settings.kinds import instance_type
from monitor.sfcc.connect import Access, Connection
from monitor.sfcc.endpoints import base_url
from monitor.sfcc.handshake import Trust
from monitor.sfcc.login.logins import ApiClient, WebDavUser
from monitor.sfcc.runs.tenant import scapi_url, tenant_of

AT_ONCE = 8
LOOK_SECONDS = 0.2

Conceal = Callable[[str], str]


class Inspection:
    """One instance, looked at as often as wanted."""

    def __init__(
        self, settings: Settings, instance: InstanceSettings, clock: Clock, stopping: threading.Event
    ) -> None:
        self.subject = subject_of(instance)
        self.trying: What | None = None
        self._instance = instance
        self._clock = clock
        self._stopping = stopping
        self._conceal = concealing(settings, os.environ)
        self._kept: Connection | None = None

    def look(self) -> list[Step]:
        """All steps; no text of them holds a secret."""
        try:
            opened = self._kept or connection(
                self._instance, self._clock, lambda _api, _outcome: None, self._stopping
            )
        except SettingsError as error:
            text = "; ".join(error.problems)
            steps = [Step(self.subject.instance, What.SETTINGS, "", Outcome.FAILED, text)]
        else:
            steps = self._steps(opened)
        self.trying = None
        return [_without_secrets(step, self._conceal) for step in steps]

    def _steps(self, opened: Connection) -> list[Step]:
        steps = look(self.subject, opened, trusting(access(self._instance)), self._clock.now, self._tell)
        self._kept = opened if self.subject.webdav_user and _is_refused(steps) else None
        if self._kept is None:
            opened.close()
        return steps

    def _tell(self, what: What) -> None:
        self.trying = what


def side_by_side(
    inspections: Mapping[str, Inspection], tick: Callable[[int], None] = lambda _done: None
) -> dict[str, list[Step]]:
    """The steps by instance, in the order given. `tick` is called now and then with how many are done.

    In threads that end with the process: whoever presses Ctrl-C waits for no server.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    results: queue.SimpleQueue[tuple[str, list[Step] | BaseException]] = queue.SimpleQueue()
    for name in inspections:
        waiting.put(name)
    for number in range(min(AT_ONCE, len(inspections))):
        work = partial(_work, inspections, waiting, results)
        threading.Thread(target=work, name=f"check-{number}", daemon=True).start()
    found: dict[str, list[Step]] = {}
    while len(found) < len(inspections):
        try:
            name, result = results.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            tick(len(found))
            continue
        if isinstance(result, BaseException):
            raise result
        found[name] = result
    return {name: found[name] for name in inspections}


def until_well(
    inspections: Mapping[str, Inspection],
    tick: Callable[[int], None],
    told: Callable[[Mapping[str, list[Step]]], None],
    pause: Callable[[], None],
) -> dict[str, list[Step]]:
    """Looks again at those where something is missing, until nothing is; `told` hears of each round."""
    found = side_by_side(inspections, tick)
    while lacking := {name: inspections[name] for name, steps in found.items() if _lacks(steps)}:
        told({name: found[name] for name in lacking})
        pause()
        found |= side_by_side(lacking, tick)
    return found


def subject_of(instance: InstanceSettings) -> Subject:
    """Also where the settings do not suffice to connect; that is then what the look says."""
    kind = instance_type(instance)
    try:
        return subject_from(access(instance), kind)
    except (SettingsError, ValueError):  # which the look will meet again
        return Subject(instance.name, kind, {"ocapi": base_url(instance.server)}, {})


def subject_from(known: Access, kind: str) -> Subject:
    """Raises `ValueError` where what is known does not make a connection."""
    reader, clients = known.log_reader, _clients(known)
    return Subject(
        known.instance,
        kind,
        servers=_servers(known),
        clients={api: who.client_id for api, who in clients.items()},
        token_servers={
            api: base_url(who.account_manager_host or known.account_manager_host)
            for api, who in clients.items()
        },
        webdav_user=reader.name if isinstance(reader, WebDavUser) else None,
        tenant=tenant_of(known.tenant_id) if known.tenant_id else "",
    )


def trusting(known: Access) -> Callable[[str], Trust]:
    """What requests to each API are sent with."""
    return lambda api: Trust(known.ca_file, known.verify, known.certificates.get(api))


def _servers(known: Access) -> dict[str, str]:
    own = base_url(known.server)
    servers = {
        "ocapi": own,
        "webdav": base_url(known.webdav_server) if known.webdav_server else own,
    }
    if known.shortcode or known.scapi_server:
        servers["scapi"] = scapi_url(known.shortcode, known.scapi_server)
    return servers


def _clients(known: Access) -> dict[str, ApiClient]:
    each = {"ocapi": known.ocapi, "scapi": known.scapi, "webdav": known.log_reader}
    return {api: who for api, who in each.items() if isinstance(who, ApiClient)}


def _work(
    inspections: Mapping[str, Inspection],
    waiting: queue.SimpleQueue[str],
    results: queue.SimpleQueue[tuple[str, list[Step] | BaseException]],
) -> None:
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            results.put((name, inspections[name].look()))
        except BaseException as error:  # noqa: BLE001 - raised again where the results are read
            results.put((name, error))


def _lacks(steps: list[Step]) -> bool:
    return any(step.outcome is Outcome.FAILED for step in steps)


def _is_refused(steps: list[Step]) -> bool:
    return any(step.what is What.LOG and step.reason == Reason.CREDENTIALS for step in steps)


def _without_secrets(step: Step, conceal: Conceal) -> Step:
    remedy = step.remedy
    if remedy is not None:
        remedy = replace(remedy, how=conceal(remedy.how))
    return replace(step, detail=conceal(step.detail), remedy=remedy)
