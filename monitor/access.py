"""From an instance's settings to a connection. Opens nothing: the first request does."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable

from alerts.redact import MASK, mask
from monitor.clock import Clock, SystemClock
from monitor.confidential import concealing, secrets_of
from monitor.errors import SettingsError, StoppingError
from monitor.masking import Mask
from monitor.settings import InstanceSettings, Settings
from monitor.sfcc.connect import Access, Connection, connect
from monitor.sfcc.logins import ApiClient, WebDavUser

CONTEXT = ("sfcc-site-archive-import*", "sfcc-search-index-*", "sfcc-*replication*")
"""System jobs kept as context: they change what customer jobs work on. The rest is noise every minute."""


def masking_by(settings: Settings) -> Mask:
    """What the settings want masked in texts of the platform; and their own secrets in any case."""
    patterns = [re.compile(pattern) for pattern in settings.redact.patterns]
    known = tuple(secrets_of(settings, os.environ))

    def masked(text: str) -> tuple[str, int]:
        count = 0
        for pattern in patterns:
            count += sum(1 for found in pattern.finditer(text) if found[0])
            text = pattern.sub(lambda found: MASK if found[0] else "", text)
        text, more = mask(text, known, personal=settings.redact.personal)
        return text, count + more

    return masked


def access(instance: InstanceSettings) -> Access:
    client = instance.ocapi if instance.ocapi.client_id else instance
    basic = instance.webdav if instance.webdav.username else instance
    secret = client.secret(f"client secret of {instance.name}")
    if client.client_id is None or secret is None:
        raise SettingsError([f"instance {instance.name}: client_id or its secret is missing"])
    access_key = basic.access_key(f"WebDAV access key of {instance.name}")
    user = WebDavUser(basic.username, access_key) if basic.username and access_key else None
    return Access(
        instance=instance.name,
        server=instance.server,
        webdav_server=instance.webdav_server,
        account_manager_host=instance.account_manager_host,
        ocapi=ApiClient(client.client_id, secret),
        webdav=user,
        ca_file=None if instance.ca_file is None else str(instance.ca_file),
        verify=not instance.selfsigned,
        include_system_jobs=(*CONTEXT, *instance.include_system_jobs),
        conceal=concealing(instance, os.environ),
    )


def connection(
    instance: InstanceSettings, clock: Clock, count: Callable[[str, str], None], stopping: threading.Event
) -> Connection:
    """Waits end early, with StoppingError, when `stopping` is set."""

    def sleep(seconds: float) -> None:
        if clock.wait(stopping, seconds):
            raise StoppingError("ended early")

    try:
        return connect(
            access(instance),
            now=clock.now,
            monotonic=time.monotonic,  # sockets and tokens live by the real clock, however fast ours runs
            sleep=sleep,
            count=count,
        )
    except ValueError as error:
        raise SettingsError([f"instance {instance.name}: {error}"]) from error


def connection_to(settings: Settings, name: str) -> Connection:
    """For commands, outside of a running agent; raises SettingsError for an unknown instance."""
    for instance in settings.instances:
        if instance.name == name:
            return connection(instance, SystemClock(), lambda _api, _outcome: None, threading.Event())
    raise SettingsError([f"the settings have no instance {name!r}"])
