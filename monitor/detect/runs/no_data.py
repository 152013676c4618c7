"""`no_data`: runs end without having found anything to do, and that is new, or has gone on for too long.

An empty delta is normal until it is not. It is decided when a run without data ends, not in between: a job
that does not run at all is told by other conditions. Only what is known counts: a series that never carried
data, as far as one can see, has no usual gap, and of a job that is new nobody knows what is usual.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from statistics import median

from alerts.model import Json, Severity
from monitor.detect.classify import ends_with, exit_code
from monitor.detect.model import Decision, Facts, State
from monitor.detect.runs.spells import Spell, Spells
from monitor.detect.runs.telling import Trouble, count, decided, ids, look, named, the_run
from monitor.detect.subject import GOOD, Subject, subjects
from monitor.detect.words import moment, span
from monitor.model import Execution, Outcome, Series
from monitor.policy import JobPolicy, Policy

CONDITION = "no_data"
GAPS = 30
"""Between runs with data, the last ones, of which the usual one is taken."""

GAPS_NEEDED = 4
"""Five runs with data: as many as a baseline needs."""

USUAL_GAPS = 3


def no_data(facts: Facts, policy: Policy) -> Iterator[Decision]:
    for subject in subjects(facts, policy):
        look_at = _Look(subject)
        for spell in look_at.spells.over:
            if spell.ended_by is not None and facts.is_news(
                spell.ended_by.ended, (*spell.bad, spell.ended_by)
            ):
                yield decided(subject, _trouble(look_at, spell))
        current = look_at.spells.current
        yield decided(subject, _trouble(look_at, current)) if current else _nothing(look_at)


def wanted_ends(facts: Facts, policy: Policy) -> Iterator[tuple[Series, datetime, frozenset[str]]]:
    """Of which series it has to be known when data came before the runs that are known here.

    Those that have older runs, and of these some without data: with when the first known one began, and the
    codes by which runs without data are known.
    """
    for subject in subjects(facts, policy):
        if len(subject.runs) < (facts.kept or 0) or not subject.is_cut:
            continue
        job = subject.job
        codes = {exit_code(run) or "" for run, how in subject.final if is_empty(run, how, job)}
        if codes:
            began = min((run.began for run, _ in subject.final if run.began is not None), default=None)
            if began is not None:
                yield subject.series, began, frozenset((*codes, *job.no_data_codes))


def is_empty(run: Execution, how: Outcome, job: JobPolicy) -> bool:
    """Whether it ended well and without anything to do."""
    return how in GOOD and ends_with(run, job.no_data_codes)


def is_code_of_none(code: str, job: JobPolicy) -> bool:
    """Whether a run that ended well with this code carried no data."""
    return any(fnmatchcase(code, glob) for glob in job.no_data_codes)


class _Look:
    """The runs of one series with and without data, as this condition sees them."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.spells = Spells(is_cut=subject.is_cut)
        self.data = _Data(subject.job.no_data_after)
        for at in subject.facts.data_before.get(subject.series, ()):
            self.data.came(at)
        self.before: dict[str, datetime] = {}  # by the run that began a spell: when a run last carried data
        for run, how in subject.final:
            self._take(run, how)

    def _take(self, run: Execution, how: Outcome) -> None:
        if how not in GOOD:
            self.spells.other()
        elif not is_empty(run, how, self.subject.job):
            if run.ended is not None:
                self.data.came(run.ended)
            self.spells.good(run)
        elif self.spells.habit.may_be and not self.spells.is_open and not self.data.is_overdue(run):
            self.spells.unclear()
        else:
            was_open = self.spells.is_open
            self.spells.bad(run, whatever_the_habit=bool(self.spells.habit) and self.data.is_overdue(run))
            if self.spells.is_open and not was_open and self.data.last is not None:
                self.before[run.id] = self.data.last


class _Data:
    """When runs carried data, and for how long none may."""

    def __init__(self, after: timedelta | None) -> None:
        self._after = after
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._usual: timedelta | None = None
        self.last: datetime | None = None

    def came(self, at: datetime) -> None:
        if self.last is not None:
            self._gaps.append((at - self.last).total_seconds())
            self._usual = None
        self.last = at

    @property
    def limit(self) -> timedelta | None:
        """None while nothing is set and fewer than five runs with data are known."""
        if self._after is not None or len(self._gaps) < GAPS_NEEDED:
            return self._after
        if self._usual is None:
            self._usual = timedelta(seconds=median(self._gaps))
        return USUAL_GAPS * self._usual

    def is_overdue(self, run: Execution) -> bool:
        limit = self.limit
        if limit is None or self.last is None or run.ended is None:
            return False
        return run.ended - self.last >= limit


def _nothing(look_at: _Look) -> Decision:
    subject, data = look_at.subject, look_at.data
    last = next(((run, how) for run, how in reversed(subject.final) if how in GOOD), None)
    numbers: dict[str, Json] = {
        "no_data_after_seconds": None if data.limit is None else data.limit.total_seconds(),
        "last_data": None if data.last is None else data.last.isoformat(),
    }
    if last is None:
        return look(subject, CONDITION, State.UNKNOWN, "no run known that ended ok", numbers=numbers)
    run, how = last
    if not is_empty(run, how, subject.job):
        reason = f"the last run that ended ok carried data (run {run.id}, {exit_code(run) or 'no code'})"
        return look(subject, CONDITION, State.CLEAR, reason, numbers=numbers, runs=[run])
    is_habit = "a habit" if look_at.spells.habit else "too few are known to call it unusual"
    reason = f"run {run.id} ended with {exit_code(run)}, as {look_at.spells.habit} did: {is_habit}"
    if data.last is None or data.limit is None:
        reason += "; too few runs with data are known to say how long is too long"
        return look(subject, CONDITION, State.UNKNOWN, reason, numbers=numbers, runs=[run])
    since = moment(data.last, subject.facts.seen_until)
    reason += f"; the last data came at {since}, {span(data.limit)} without are too long"
    return look(subject, CONDITION, State.CLEAR, reason, numbers=numbers, runs=[run])


def _trouble(look_at: _Look, spell: Spell) -> Trouble:
    subject, newest, ended = look_at.subject, spell.bad[-1], spell.ended_by
    seen_until = subject.facts.seen_until
    last = look_at.before.get(spell.bad[0].id)
    since = f"the last data came at {moment(last, seen_until)}" if last else "no earlier data is known"
    return Trouble(
        condition=CONDITION,
        severity=Severity.WARNING,
        runs=spell.bad,
        news=spell.news,
        opens=subject.end(spell.bad[0]),
        closes=None if ended is None else subject.end(ended),
        cause=exit_code(newest) or CONDITION,
        summary=f"{the_run(subject, newest)} ended with {exit_code(newest)}: {since}.",
        reason=f"{count(spell.bad)} without data ({named(spell.bad)}), {since}",
        resolution=f"run {ended.id} carried data at {moment(subject.end(ended), seen_until)}"
        if ended
        else "",
        lines=(
            ("Since", moment(subject.end(spell.bad[0]), seen_until)),
            ("Last data", moment(last, seen_until) if last else ""),
            ("Runs", f"{count(spell.bad)} without data"),
        ),
        numbers={
            "last_data": None if last is None else last.isoformat(),
            "ended_by": list(ids([ended] if ended else [])),
        },
    )
