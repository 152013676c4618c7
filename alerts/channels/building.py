"""From the type of a target, its address and its key to the way there."""

from __future__ import annotations

from enum import StrEnum

from alerts.channels import library
from alerts.notifier import Notifier


class TargetType(StrEnum):
    APPRISE = "apprise"  # any address of the library
    ALERTMANAGER = "alertmanager"
    PAGERDUTY = "pagerduty"
    OPSGENIE = "opsgenie"
    WEBHOOK = "webhook"

    @property
    def needs_key(self) -> bool:
        """Its key says where it goes; the address is known."""
        return self in {TargetType.PAGERDUTY, TargetType.OPSGENIE}


def build(name: str, kind: TargetType, address: str = "", key: str = "") -> Notifier:
    """address: empty for the usual one of a type that needs a key. Raises ValueError, with neither in it."""
    if kind is TargetType.APPRISE:
        return library.build(name, address)
    try:
        return _own(name, kind, address, key)
    except ValueError as error:
        raise ValueError(f"target {name!r}: {error}") from None


def _own(name: str, kind: TargetType, address: str, key: str) -> Notifier:
    """Each is imported where it is wanted: who only reads settings needs no HTTP client."""
    if not key.isascii() or not key.isprintable():
        raise ValueError("its key has a character that no key has")
    if kind is TargetType.ALERTMANAGER:
        from alerts.channels.alertmanager import AlertmanagerNotifier

        return AlertmanagerNotifier(name, address, key)
    if kind is TargetType.WEBHOOK:
        from alerts.channels.webhook import WebhookNotifier

        return WebhookNotifier(name, address, key)
    if kind is TargetType.PAGERDUTY:
        from alerts.channels import pagerduty

        return pagerduty.PagerDutyNotifier(name, key, address or pagerduty.ADDRESS)
    from alerts.channels import opsgenie

    return opsgenie.OpsgenieNotifier(name, key, address or opsgenie.ADDRESS)
