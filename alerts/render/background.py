"""What whoever wires the rooms knows of an incident beside the incident itself. Plain data and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alerts.model import Incident

Fact = tuple[str, str]


def _no_hint(_incident: Incident) -> None:
    return None


def _no_labels(_incident: Incident) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Background:
    """hint: what a person can do about an incident, as the last fact of what is new. labels: what the
    settings say of its instance and its job."""

    hint: Callable[[Incident], Fact | None] = _no_hint
    labels: Callable[[Incident], Mapping[str, str]] = _no_labels


NOTHING_KNOWN = Background()
