"""From the settings to routes: what is known of an incident's instance and job, and who hears of what.

The one place where `alerts.routing` meets the settings. What no route there takes is told to all targets: a
match that is too narrow must not be how a failure is lost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from alerts.model import Incident
from alerts.routing import Escalation, Route, RoutingPolicy
from alerts.routing.matching import Match, Said, is_met, jobs_of
from alerts.routing.model import Mutes
from alerts.routing.silences import Span
from monitor.detect.together.groups import is_member
from monitor.errors import SettingsError
from monitor.policy import Policy
from monitor.schedule import Window, outside
from monitor.settings import Settings
from monitor.settings.kinds import instance_type
from monitor.settings.policies import policy, window_of, windows_of
from monitor.settings.routes import MATCHED, RouteSettings
from monitor.settings.windows import HOURS, MUTE

DEFAULT = "default"
"""The route below those of the settings: all that none of them takes goes to all targets."""


def routing(settings: Settings, targets: Sequence[str]) -> RoutingPolicy:
    """targets: those that there are, by name; the others are left out. Raises SettingsError where
    `isolate_by` does not hold."""
    usual = tuple(settings.group_by)
    names = _names([*(_named(one) for one in settings.routes), DEFAULT])
    routes = [
        Route(
            name,
            tuple(one for one in route.targets if one in targets),
            usual if route.group_by is None else tuple(route.group_by),
            Match({field: tuple(globs) for field, globs in route.match.items()}),
            goes_on=route.goes_on,
            escalation=_escalation(route, targets),
        )
        for name, route in zip(names, settings.routes, strict=False)
    ]
    routes.append(Route(names[-1], tuple(targets), usual))
    if mixed := isolation(settings, routes):
        raise SettingsError(mixed)
    return RoutingPolicy(
        routes=tuple(routes),
        about=about(settings),
        mutes=_mutes(settings, names),
        group_wait=settings.group_wait,
        group_interval=settings.group_interval,
        repeat_interval=settings.repeat_interval,
        log_wait=settings.log_wait,
        storm_threshold=settings.storm_threshold,
    )


def about(settings: Settings) -> Callable[[Incident], Said]:
    """What the settings say of an incident's instance and of its job."""
    known = _instances(settings)

    def said(incident: Incident) -> Said:
        instance = known.get(incident.source)
        return {} if instance is None else instance.said(incident.labels.get("job_id", ""))

    return said


def _mutes(settings: Settings, names: Sequence[str]) -> Mutes | None:
    """names: of the routes of the settings, in their order. None where nothing is ever muted."""
    windows = {one.name: windows_of(settings, one, MUTE) for one in settings.instances}
    zones = {one.name: one.timezone for one in settings.instances}
    hours = {one.name: one for one in settings.windows if one.kind == HOURS}
    routes = {
        name: ([hours[one] for one in route.active], [hours[one] for one in route.mute])
        for name, route in zip(names, settings.routes, strict=False)
        if route.active or route.mute
    }
    if not routes and not any(windows.values()):
        return None

    @cache
    def of_route(name: str, zone: str) -> tuple[list[Window], list[Window]]:
        active, mute = routes.get(name, ([], []))
        return [window_of(one, zone) for one in active], [window_of(one, zone) for one in mute]

    def mutes(incident: Incident, route: str, since: datetime, now: datetime) -> Sequence[Span]:
        active, muted = of_route(route, zones.get(incident.source, "UTC"))
        own = (one for table, one in windows.get(incident.source, ()) if _is_muted(incident, table.jobs))
        spans = [span for window in (*own, *muted) for span in window.spans(since, now)]
        return [Span(*span) for span in (*spans, *(outside(active, since, now) if active else ()))]

    return mutes


def _is_muted(incident: Incident, jobs: Sequence[str]) -> bool:
    """What is of the whole instance only by a window for all of its jobs."""
    names = jobs_of(incident)
    return is_met(jobs, names) if names else "*" in jobs


def reach(settings: Settings, routes: Sequence[Route]) -> dict[str, tuple[str, ...]]:
    """By instance, the targets that may hear of it: of whatever job, condition and severity."""
    found: dict[str, tuple[str, ...]] = {}
    fallbacks = {one.name: one.fallback for one in settings.targets if one.fallback}
    for name, instance in _instances(settings).items():
        said = {**instance.said(""), "instance": (name,)}
        of_instance = {"instance", "instance_type", *instance.labels}
        targets: dict[str, None] = {}
        for route in routes:
            misses = {*route.match.misses(said)}
            # Of a label that this instance does not have, nothing else will ever be known either.
            if misses & of_instance or misses - {*MATCHED}:
                continue
            targets |= dict.fromkeys((*route.targets, *route.second.targets))
            targets |= dict.fromkeys(fallbacks[one] for one in targets if one in fallbacks)
            if not misses and not route.goes_on:
                break
        found[name] = tuple(targets)
    return found


def isolation(settings: Settings, routes: Sequence[Route]) -> list[str]:
    """By what a target could hear of instances that differ in the label `isolate_by`, or lack it."""
    label = settings.isolate_by
    if label is None:
        return []
    values = {one.name: one.labels.get(label, "") for one in settings.instances}
    heard: defaultdict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for instance, targets in reach(settings, routes).items():
        for target in targets:
            heard[target][values[instance]].append(instance)
    lacking = [name for name, value in values.items() if not value]
    return [
        *(f"instance {name}: isolate_by = {label!r} needs labels.{label}" for name in lacking),
        *(
            f"target {target}: isolate_by = {label!r}, and it could hear of {_differing(label, found)}; "
            f"narrow the match of its routes ({label} = …), and end them with one of targets = []"
            for target, found in heard.items()
            if len(found) > 1
        ),
    ]


def _differing(label: str, found: Mapping[str, Sequence[str]]) -> str:
    """An instance of each is enough to see why."""
    return " and of ".join(f"{some[0]} ({label} {value or 'not set'})" for value, some in found.items())


def _instances(settings: Settings) -> dict[str, _Instance]:
    return {
        one.name: _Instance(one.labels, instance_type(one), policy(settings, one))
        for one in settings.instances
    }


@dataclass(frozen=True, slots=True)
class _Instance:
    labels: Mapping[str, str]
    kind: str
    policy: Policy

    def said(self, job_id: str) -> Said:
        groups = [group.name for group in self.policy.groups if job_id and is_member(job_id, group)]
        owner = self.policy.job(job_id).owner if job_id else ""
        return {
            **{name: (value,) for name, value in self.labels.items()},
            "instance_type": (self.kind,),
            "group": tuple(groups),
            "owner": (owner,) if owner else (),
        }


def _escalation(route: RouteSettings, targets: Sequence[str]) -> Escalation | None:
    there_are = tuple(one for one in route.escalate_to if one in targets)
    return Escalation(route.escalate_after, there_are) if route.escalate_after and there_are else None


def _named(route: RouteSettings) -> str:
    """One without a name by its targets, so that another that is put before it does not rename it."""
    return route.name or " and ".join(route.targets) or "nobody"


def _names(wanted: Sequence[str]) -> list[str]:
    """Each once."""
    found: list[str] = []
    seen: Counter[str] = Counter()
    for name in wanted:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
