"""Which jobs must not run together, and which of them are full or differential imports.

Knows job ids and the groups of the settings. A pair is told by the first group that has both and sets the
rule. The built-in group yields: jobs that the settings put into one group themselves are judged by that only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property

from monitor.policy import AKENEO, GroupPolicy, Policy


@dataclass(frozen=True)
class Membership:
    """The groups of all jobs at hand, looked up once."""

    groups: Sequence[GroupPolicy]
    jobs: frozenset[str]

    @cached_property
    def of(self) -> Mapping[str, frozenset[int]]:
        """job id -> places of its groups in the settings."""
        return {job_id: places(job_id, self.groups) for job_id in self.jobs}

    def exclusive(self) -> Iterable[tuple[int, frozenset[str]]]:
        """Place and members of each group in which runs exclude each other."""
        return self._where(lambda group: group.exclusive)

    def spaced(self) -> Iterable[tuple[int, frozenset[str]]]:
        """Place and members of each group whose jobs keep a distance in time."""
        return self._where(keeps_apart)

    def telling(self, one: str, other: str) -> int | None:
        """The place of the group by which these two exclude each other."""
        return self._first(self.of[one] & self.of[other], lambda group: group.exclusive)

    def spacing(self, one: str, other: str) -> int | None:
        """The place of the group by which these two, or one job and itself, keep a distance."""
        pair = (one, other)
        if pair not in self._spacing:
            self._spacing[pair] = self._first(self.of[one] & self.of[other], keeps_apart)
        return self._spacing[pair]

    def judged(self, place: int) -> frozenset[str]:
        """The members of a group; of the built-in one without those that the settings put into another."""
        members = {job_id for job_id in self.jobs if place in self.of[job_id]}
        if self.groups[place] == AKENEO:
            members -= {job_id for job_id in members if len(self.of[job_id]) > 1}
        return frozenset(members)

    @cached_property
    def _spacing(self) -> dict[tuple[str, str], int | None]:
        return {}

    def _where(self, rule: Callable[[GroupPolicy], bool]) -> Iterable[tuple[int, frozenset[str]]]:
        for place, group in enumerate(self.groups):
            if rule(group):
                yield place, frozenset(job_id for job_id in self.jobs if place in self.of[job_id])

    def _first(self, shared: Iterable[int], rule: Callable[[GroupPolicy], bool]) -> int | None:
        ordered = sorted(shared)
        own = [place for place in ordered if self.groups[place] != AKENEO]
        return next((place for place in own or ordered if rule(self.groups[place])), None)


def keeps_apart(group: GroupPolicy) -> bool:
    """Exclusive ones, by the instance's buffer if by none of their own; others where they ask for it."""
    return group.exclusive or group.buffer is not None


def buffer_of(group: GroupPolicy, policy: Policy) -> timedelta:
    return policy.buffer if group.buffer is None else group.buffer


def position(job_id: str, group: GroupPolicy) -> int | None:
    """Whose turn it is, counted from 0; None for those that may run at any time."""
    matching = (place for place, glob in enumerate(group.order) if _is(job_id, glob, any_case=group.any_case))
    return next(matching, None)


def is_member(job_id: str, group: GroupPolicy) -> bool:
    return _matches(job_id, group.jobs, any_case=group.any_case)


def places(job_id: str, groups: Sequence[GroupPolicy]) -> frozenset[int]:
    """Where in the settings its groups stand."""
    return frozenset(place for place, group in enumerate(groups) if is_member(job_id, group))


def is_full_differential(one: str, other: str, group: GroupPolicy) -> bool:
    return any(_is_full(a, group) and _is_differential(b, group) for a, b in ((one, other), (other, one)))


def role(job_id: str, group: GroupPolicy) -> str:
    """`full`, `differential`, or empty for neither."""
    if _is_full(job_id, group):
        return "full"
    return "differential" if _is_differential(job_id, group) else ""


def _is_full(job_id: str, group: GroupPolicy) -> bool:
    """In any case, also in groups whose jobs are matched with case: connectors write Full, FULL and full."""
    return _matches(job_id, group.full, any_case=True)


def _is_differential(job_id: str, group: GroupPolicy) -> bool:
    return _matches(job_id, group.differential, any_case=True)


def _matches(job_id: str, globs: Sequence[str], *, any_case: bool) -> bool:
    return any(_is(job_id, glob, any_case=any_case) for glob in globs)


def _is(job_id: str, glob: str, *, any_case: bool) -> bool:
    return fnmatchcase(job_id.lower(), glob.lower()) if any_case else fnmatchcase(job_id, glob)
