"""Which jobs must not run together, and which of them are full or differential imports.

Knows job ids and the groups of the settings. A pair is told by the first exclusive group that has both.
The built-in group yields: jobs that the settings put into one group themselves are judged by that only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from monitor.policy import AKENEO, GroupPolicy


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
        for place, group in enumerate(self.groups):
            if group.exclusive:
                yield place, frozenset(job_id for job_id in self.jobs if place in self.of[job_id])

    def telling(self, one: str, other: str) -> int | None:
        """The place of the group by which these two exclude each other."""
        shared = sorted(self.of[one] & self.of[other])
        own = [place for place in shared if self.groups[place] != AKENEO]
        return next((place for place in own or shared if self.groups[place].exclusive), None)


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
    if any_case:
        return any(fnmatchcase(job_id.lower(), glob.lower()) for glob in globs)
    return any(fnmatchcase(job_id, glob) for glob in globs)
