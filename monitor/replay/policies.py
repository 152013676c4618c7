"""By which settings the jobs of an instance are judged, whether the settings name it or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from monitor.policy import Policy
from monitor.settings import InstanceSettings, Settings
from monitor.settings.policies import policy


def policies(settings: Settings) -> Callable[[str], Policy]:
    """By the instance's name. What is said of all instances, and of jobs by glob, holds for strangers too."""

    @cache
    def of(name: str) -> Policy:
        known = [one for one in settings.instances if one.name == name]
        return policy(settings, known[0] if known else _stranger(name))

    return of


def _stranger(name: str) -> InstanceSettings:
    """Of whom nothing is known but a history; nothing is ever asked of it, so it needs no credentials."""
    return InstanceSettings.model_construct(name=name, server="localhost", type="production")
