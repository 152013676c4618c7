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
from monitor.identities import certificates_of, client_of, log_reader_of, trigger_of
from monitor.masking import Mask
from monitor.settings import InstanceSettings, Settings
from monitor.settings.kinds import instance_type
from monitor.sfcc.connect import Access, Connection, connect
from monitor.sfcc.login.accesskey import RefusedKeys
from monitor.sfcc.traffic import Traffic

REQUESTS_PER_MINUTE = 120.0
"""To one instance, over all APIs: two a second are few for the platform and a week's history in minutes."""

REQUESTS_PER_POLL = 4.0

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
    return Access(
        instance=instance.name,
        server=instance.server,
        webdav_server=instance.webdav_server,
        account_manager_host=instance.account_manager_host,
        ocapi=client_of(instance, "ocapi"),
        scapi=client_of(instance, "scapi"),
        trigger=trigger_of(instance),
        webdav=log_reader_of(instance),
        shortcode=instance.shortcode,
        tenant_id=instance.tenant_id,
        scapi_server=instance.scapi_server,
        api_backend=instance.api_backend,
        search_field_style=instance.search_field_style,
        certificates=certificates_of(instance),
        ca_file=None if instance.ca_file is None else str(instance.ca_file),
        verify=not instance.selfsigned,
        include_system_jobs=(*CONTEXT, *instance.include_system_jobs),
        is_sandbox=instance_type(instance) == "sandbox",
        conceal=concealing(instance, os.environ),
    )


def sleeper(clock: Clock, stopping: threading.Event) -> Callable[[float], None]:
    """Waits; ends early, with StoppingError, when `stopping` is set."""

    def sleep(seconds: float) -> None:
        if clock.wait(stopping, seconds):
            raise StoppingError("ended early")

    return sleep


def traffic_of(
    settings: Settings, instance: InstanceSettings, clock: Clock, stopping: threading.Event
) -> Traffic:
    """By the instance's clock, so that a sped-up one has a sped-up budget."""
    per_minute = requests_per_minute(settings, instance)
    return Traffic(per_minute, monotonic=clock.monotonic, sleep=sleeper(clock, stopping))


def requests_per_minute(settings: Settings, instance: InstanceSettings) -> float:
    """As set; else the usual number, and as many as polls that follow each other quickly need."""
    if instance.requests_per_minute is not None:
        return instance.requests_per_minute
    return max(REQUESTS_PER_MINUTE, REQUESTS_PER_POLL * 60.0 / settings.poll_interval.total_seconds())


def connection(
    instance: InstanceSettings,
    clock: Clock,
    count: Callable[[str, str], None],
    stopping: threading.Event,
    traffic: Traffic | None = None,
    refused_keys: RefusedKeys | None = None,
) -> Connection:
    """Waits end early, with StoppingError, when `stopping` is set. `refused_keys`: in memory without."""
    try:
        return connect(
            access(instance),
            now=clock.now,
            monotonic=time.monotonic,  # sockets and tokens live by the real clock, however fast ours runs
            sleep=sleeper(clock, stopping),
            count=count,
            traffic=traffic,
            refused_keys=refused_keys,
        )
    except ValueError as error:
        raise SettingsError([f"instance {instance.name}: {error}"]) from error


def connection_to(settings: Settings, name: str) -> Connection:
    """For commands, outside of a running agent; raises SettingsError for an unknown instance."""
    for instance in settings.instances:
        if instance.name == name:
            return connection(instance, SystemClock(), lambda _api, _outcome: None, threading.Event())
    raise SettingsError([f"the settings have no instance {name!r}"])
