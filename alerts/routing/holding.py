"""What silences, mutes and flapping hold back, until when, and what of it is never told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from alerts.model import Incident
from alerts.routing.flapping import flapping
from alerts.routing.messages import Draft
from alerts.routing.model import Decision, Reason, RoutingPolicy, Waiting
from alerts.routing.silences import Silence, Span, held_until, over_within, released_at
from alerts.routing.subjects import Subject


def hold(subjects: Iterable[Subject], policy: RoutingPolicy, draft: Draft) -> list[Subject]:
    """Answers what may be told now; what was held back counts as seen at the end of that."""
    left: list[Subject] = []
    for one in subjects:
        spans = _spans(one.incident, one.route.name, one.at, draft.waiting, policy, draft.now)
        moments = {event.at for event in one.events}
        if one.telling is None and not one.incident.is_open and over_within(spans, moments):
            draft.decisions.extend(Decision(event, Reason.SILENCED, one.route.name) for event in one.events)
            continue
        if one.recovery:  # whoever was told and silences it wants to know when it is over
            spans = [span for span in spans if not span.is_silence]
        until = held_until(spans, draft.now)
        if until is not None:
            span = _flapping(one.incident, draft.waiting, draft.now)
            is_that = span is not None and span.end == until
            draft.wait([one], Reason.WAITING_FLAPPING if is_that else Reason.WAITING_SILENCE, until)
            continue
        silenced = _silenced(one.incident, draft.waiting, policy, draft.now)
        left.append(replace(one, released_at=released_at(spans, one.at, draft.now), silenced=silenced))
    return left


def is_held(incident: Incident, route: str, waiting: Waiting, policy: RoutingPolicy, now: datetime) -> bool:
    """Whether news of it would be held back now."""
    return held_until(_spans(incident, route, now, waiting, policy, now), now) is not None


def _silenced(incident: Incident, waiting: Waiting, policy: RoutingPolicy, now: datetime) -> str:
    """By whom it was silenced last since it began, and why; empty for never."""
    its = _silences_of(incident, waiting, policy)
    begun = (one for one in its if one.starts_at <= now and one.ends_at > incident.starts_at)
    last = max(begun, key=lambda one: one.ends_at, default=None)
    return "" if last is None else f"by {last.created_by}: {last.comment}"


def _spans(
    incident: Incident,
    route: str,
    since: datetime,
    waiting: Waiting,
    policy: RoutingPolicy,
    now: datetime,
) -> Sequence[Span]:
    span = _flapping(incident, waiting, now)
    return [
        *(one.span for one in _silences_of(incident, waiting, policy)),
        *(policy.mutes(incident, route, since, now) if policy.mutes else ()),
        *((span,) if span else ()),
    ]


def _silences_of(incident: Incident, waiting: Waiting, policy: RoutingPolicy) -> Sequence[Silence]:
    if not waiting.silences:
        return ()
    said = policy.said(incident)
    return [one for one in waiting.silences if one.match.takes(said)]


def _flapping(incident: Incident, waiting: Waiting, now: datetime) -> Span | None:
    found = flapping(waiting.changes.get(incident.fingerprint, ()), now)
    return None if found is None else found.hides(incident)
