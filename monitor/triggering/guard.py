"""Whether a job may be started by hand now: what speaks against it, what to know, and what to start instead.

Pure; knows runs, schedules and groups, nothing of how a job is started. The rules are those that a person is
asked to keep: not beside a run that works on the same data, not shortly before one is due, and rather the
differential import than the full one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from monitor.detect.classify import trigger
from monitor.detect.together.groups import is_full_differential, places, role
from monitor.detect.words import moment, span
from monitor.model import Execution, Outcome, Trigger
from monitor.policy import AKENEO, GroupPolicy, Policy
from monitor.schedule import Timetable

JUST_DUE = timedelta(minutes=2)
"""A slot so long ago may still be about to be filled; a scheduled run may come as much before its slot."""

_ROLES = re.compile(r"full|differential", re.IGNORECASE)


class Kind(StrEnum):
    """Why a job is not started."""

    RUNNING = "running"  # it is active itself
    CONFLICTING = "conflicting"  # another job of a group of its is
    DUE = "due"  # it, or one of these, is about to be started by its schedule
    UNSEEN = "unseen"  # what runs could not be asked


@dataclass(frozen=True, slots=True)
class Objection:
    """at: since when it runs, or when it is due."""

    kind: Kind
    sentence: str
    job_id: str = ""
    execution_id: str | None = None
    at: datetime | None = None


class LastRun(NamedTuple):
    """How the last final run of a job ended, on whatever site."""

    outcome: Outcome
    ended: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known at the moment a job is to be started.

    runs: what the platform said just now: everything active, and what ended lately. last: by job, of the
    history and of these. usual: how long the job takes, where that is known. timetables: what was imported
    or learned, beside the schedules of the settings. unseen: in words, why the platform could not be asked.
    """

    job_id: str
    now: datetime
    runs: tuple[Execution, ...] = ()
    last: Mapping[str, LastRun] = field(default_factory=dict)
    usual: timedelta | None = None
    timetables: Mapping[str, Timetable] = field(default_factory=dict)
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """instead: the differential import to start in place of this full one."""

    objections: tuple[Objection, ...] = ()
    notes: tuple[str, ...] = ()
    instead: str | None = None


class _Partner(NamedTuple):
    """Another job, and a group it shares with the one to be started."""

    job_id: str
    group: GroupPolicy


class _Slot(NamedTuple):
    job_id: str
    at: datetime
    partner: _Partner | None


def judge(situation: Situation, policy: Policy) -> Verdict:
    """What is active first, then what is due, each in the order of time."""
    partners = _partners(situation, policy)
    active = [*_running(situation), *_conflicting(situation, policy, partners)]
    busy = {one.job_id for one in active}
    slots = [one for one in _slots(situation, policy, partners) if one.job_id not in busy]
    due = [_due(one, situation, policy) for one in slots if one.at <= situation.now + _buffer(one, policy)]
    later = [one for one in slots if one.at > situation.now + _buffer(one, policy)]
    unseen = [Objection(Kind.UNSEEN, situation.unseen)] if situation.unseen else []
    return Verdict(
        objections=(*unseen, *active, *due),
        notes=(*_too_close(situation, policy, partners), *_still_running(later, situation)),
        instead=_instead(situation, policy),
    )


def shared_group(one: str, other: str, policy: Policy) -> GroupPolicy | None:
    """The group by which these two jobs concern each other, rather an exclusive one.

    The built-in group yields, as it does where runs are judged.
    """
    both = places(one, policy.groups) & places(other, policy.groups)
    shared = [policy.groups[place] for place in sorted(both)]
    shared = [group for group in shared if group != AKENEO] or shared
    return next((group for group in shared if group.exclusive), shared[0] if shared else None)


def _partners(situation: Situation, policy: Policy) -> list[_Partner]:
    known = {
        *situation.last,
        *situation.timetables,
        *policy.scheduled,
        *(run.job_id for run in situation.runs),
    }
    groups = {job_id: shared_group(situation.job_id, job_id, policy) for job_id in known}
    return [
        _Partner(job_id, group)
        for job_id, group in sorted(groups.items(), key=lambda item: item[0])
        if group is not None and job_id != situation.job_id
    ]


def _active(situation: Situation) -> list[Execution]:
    runs = [run for run in situation.runs if not run.is_final]
    return sorted(runs, key=lambda run: (run.began or situation.now, run.job_id, run.id))


def _running(situation: Situation) -> Iterator[Objection]:
    for run in _active(situation):
        if run.job_id == situation.job_id:
            text = f"{_described(run, situation)}, and the platform starts no second run beside it"
            yield Objection(Kind.RUNNING, text, run.job_id, run.id, run.began)


def _conflicting(situation: Situation, policy: Policy, partners: list[_Partner]) -> Iterator[Objection]:
    """In an exclusive group whatever runs; in any other what the schedule has started."""
    groups = {one.job_id: one.group for one in partners}
    for run in _active(situation):
        group = groups.get(run.job_id)
        if group is None or not (group.exclusive or trigger(run, policy) is Trigger.SCHEDULE):
            continue
        yield Objection(
            Kind.CONFLICTING,
            f"{_described(run, situation)}, {_why(situation.job_id, run.job_id, group)}",
            run.job_id,
            run.id,
            run.began,
        )


def _why(job_id: str, other: str, group: GroupPolicy) -> str:
    if is_full_differential(job_id, other, group):
        return f"and full and differential imports of the group {group.name} must not run at once"
    rest = "of which one runs at a time" if group.exclusive else "and the schedule has started it"
    return f"which is in the group {group.name} as well, {rest}"


def _described(run: Execution, situation: Situation) -> str:
    """`prices has been running since 02:12 UTC (2664334)`."""
    since = f" since {moment(run.began, situation.now)}" if run.began else ""
    word = "is about to run" if run.is_pending else "has been running"
    if run.execution_status in {"retrying", "paused", "restarting"}:
        word = f"has been {run.execution_status}"
    return f"{run.job_id} {word}{since} ({run.id})"


def _slots(situation: Situation, policy: Policy, partners: list[_Partner]) -> list[_Slot]:
    """The next one of each job it concerns, or the one that is still to be filled."""
    if policy.is_sandbox:
        return []
    concerned = [(situation.job_id, None), *((one.job_id, one) for one in partners)]
    found = []
    for job_id, partner in concerned:
        timetable = situation.timetables.get(job_id) or Timetable.of(policy.job(job_id).schedule)
        at = timetable.next_slot(situation.now - JUST_DUE)
        if at is not None and _is_filled(job_id, at, situation, policy):
            at = timetable.next_slot(max(at, situation.now))
        if at is not None:
            found.append(_Slot(job_id, at, partner))
    return sorted(found, key=lambda slot: (slot.at, slot.job_id))


def _is_filled(job_id: str, at: datetime, situation: Situation, policy: Policy) -> bool:
    return any(
        run.job_id == job_id
        and run.began is not None
        and run.began >= at - JUST_DUE
        and trigger(run, policy) is Trigger.SCHEDULE
        for run in situation.runs
    )


def _buffer(slot: _Slot, policy: Policy) -> timedelta:
    return policy.buffer if slot.partner is None else _buffer_of(slot.partner.group, policy)


def _buffer_of(group: GroupPolicy, policy: Policy) -> timedelta:
    return policy.buffer if group.buffer is None else group.buffer


def _due(slot: _Slot, situation: Situation, policy: Policy) -> Objection:
    when = f"at {moment(slot.at, situation.now)}"
    if slot.at > situation.now:
        when += f", in {span(slot.at - situation.now)}"
    whose = "by its own schedule" if slot.partner is None else f"and in the group {slot.partner.group.name}"
    text = f"{slot.job_id} is due {when}, {whose}: {span(_buffer(slot, policy))} before it are kept free"
    return Objection(Kind.DUE, text, slot.job_id, at=slot.at)


def _too_close(situation: Situation, policy: Policy, partners: list[_Partner]) -> Iterator[str]:
    for partner in partners:
        last = situation.last.get(partner.job_id)
        buffer = _buffer_of(partner.group, policy)
        if last is not None and partner.group.exclusive and situation.now < last.ended + buffer:
            yield (
                f"{partner.job_id} ended {span(max(situation.now - last.ended, timedelta()))} ago: the group "
                f"{partner.group.name} wants {span(buffer)} between its runs"
            )


def _still_running(slots: list[_Slot], situation: Situation) -> Iterator[str]:
    end = None if situation.usual is None else situation.now + situation.usual
    for slot in slots:
        if end is not None and slot.at < end:
            yield (
                f"{situation.job_id} usually takes {span(end - situation.now)}, and {slot.job_id} is due at "
                f"{moment(slot.at, situation.now)}"
            )


def _instead(situation: Situation, policy: Policy) -> str | None:
    """The differential import most like this full one whose last run ended ok."""
    groups = [policy.groups[place] for place in sorted(places(situation.job_id, policy.groups))]
    groups = [group for group in groups if role(situation.job_id, group) == "full"]
    candidates = {
        job_id
        for group in groups
        for job_id, last in situation.last.items()
        if last.outcome is Outcome.OK and places(job_id, (group,)) and role(job_id, group) == "differential"
    }
    plain = _ROLES.sub("", situation.job_id)
    return max(
        sorted(candidates),
        key=lambda job_id: SequenceMatcher(None, plain, _ROLES.sub("", job_id)).ratio(),
        default=None,
    )
