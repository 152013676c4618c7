"""Which route takes an incident. Pure; knows what can be said of an incident, and globs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from alerts.model import Incident

Said = Mapping[str, tuple[str, ...]]
"""What can be matched, by name. Several values where there are several, as the groups of a job."""


@dataclass(frozen=True, slots=True)
class Match:
    """Each name must have a value that one of its globs matches. Empty: everything is taken."""

    globs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def takes(self, said: Said) -> bool:
        return not self.misses(said)

    def misses(self, said: Said) -> tuple[str, ...]:
        """The names it fails for, for people."""
        return tuple(name for name, globs in self.globs.items() if not is_met(globs, said.get(name, ())))


def said_of(incident: Incident, more: Said) -> Said:
    """more: what the settings say of its instance and its job."""
    group = incident.labels.get("group")
    return {
        **more,
        "condition": (incident.condition,),
        "severity": (incident.severity.value,),
        "instance": (incident.source,),
        "job_id": jobs_of(incident),
        "group": tuple(dict.fromkeys((*more.get("group", ()), *((group,) if group else ())))),
    }


def jobs_of(incident: Incident) -> tuple[str, ...]:
    """By its labels: of a pair both, none of what is of an instance."""
    return tuple(incident.labels[name] for name in ("job_id", "other_job_id") if incident.labels.get(name))


def is_met(globs: Sequence[str], values: Sequence[str]) -> bool:
    return any(fnmatchcase(value, glob) for value in values for glob in globs)
