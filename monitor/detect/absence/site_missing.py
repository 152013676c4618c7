"""`site_missing`: a site stays away from a run of a job over several sites, though it was in the last three.

One run is told from the next by its sites: a site that was there already begins another one. Whoever comes
within an hour of its siblings still belongs to them, and a site that makes up alone for what it missed is no
run of the job. Three runs without a site: it was closed, and that is said once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.model import EndsBy, Finding, Json, Severity
from monitor.detect.classify import trigger
from monitor.detect.model import Decision, Facts, State
from monitor.detect.severity import severity
from monitor.detect.subject import Stay, Subject, is_judged
from monitor.detect.words import called, moment, said, span
from monitor.model import ORGANIZATION, Interval, Series, Trigger
from monitor.policy import JobPolicy, Policy

CONDITION = "site_missing"
RUNS = 3
"""In so many runs a site was before it is missed, and so many go by without it before it is given up."""


@dataclass
class SiteRun:
    """One run of a job: its sites, and those that were expected. Grows while it is told.

    made_up: sites that ran alone afterwards, for what they had missed.
    """

    expected: frozenset[str]
    stays: dict[str, Stay] = field(default_factory=dict)
    made_up: frozenset[str] = frozenset()

    @property
    def first(self) -> Stay:
        return next(iter(self.stays.values()))

    @property
    def ended(self) -> datetime | None:
        """When the last of its sites did; None while one is under way."""
        ends = [stay.end for stay in self.stays.values()]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    @property
    def missing(self) -> frozenset[str]:
        return self.expected - self.stays.keys()


@dataclass(frozen=True, slots=True)
class Absent:
    """A site that is missing from a run. opens: None while its siblings are under way.

    back: its next run, however it was started. given_up: the last of the runs without it; gives_up: when that
    will be known.
    """

    scope: str
    run: SiteRun
    opens: datetime | None
    closes: datetime | None = None
    back: Stay | None = None
    given_up: SiteRun | None = None
    gives_up: datetime | None = None


def site_missing(facts: Facts, policy: Policy) -> Iterator[Decision]:
    scopes: dict[str, list[Series]] = {}
    for series in sorted(facts.runs):
        scopes.setdefault(series.job_id, []).append(series)
    for job_id, sites in scopes.items():
        if len(sites) > 1 and is_judged(job_id, facts) and not policy.is_sandbox:
            yield from _decisions(job_id, sites, facts, policy)


def _decisions(job_id: str, series: Sequence[Series], facts: Facts, policy: Policy) -> Iterator[Decision]:
    stays = [stay for one in series for stay in Subject(one, facts, policy).stays]
    stays.sort(key=lambda one: (one.start, one.run.id))
    look = _Look(job_id, stays, facts, policy)
    decided = False
    for one in look.absent():
        decision = look.decision(one)
        if decision is not None:
            decided = decided or decision.state is not State.OVER
            yield decision
    if not decided:
        yield Decision(CONDITION, (job_id,), State.CLEAR, f"{len(series)} sites, none is missing")


@dataclass(frozen=True)
class _Look:
    """One job as this condition sees it. stays: of all sites, in the order in which they started."""

    job_id: str
    stays: Sequence[Stay]
    facts: Facts
    policy: Policy

    @property
    def settings(self) -> JobPolicy:
        return self.policy.job(self.job_id)

    @property
    def patience(self) -> timedelta:
        """At least as long as a site may follow the others in the ordinary way."""
        return max(self.settings.site_missing_after, self.policy.absence_lag, self.policy.site_spread)

    def absent(self) -> Iterator[Absent]:
        starts: dict[str, list[Stay]] = {}
        for stay in self.stays:
            starts.setdefault(stay.run.scope, []).append(stay)
        for interval in self.facts.known(self.job_id):
            inside = [stay for stay in self.stays if interval.start <= stay.start < interval.end]
            runs = self._runs(stay for stay in inside if self._is_regular(stay))
            for number, run in enumerate(runs):
                for scope in sorted(run.missing):
                    found = self._absent(scope, runs[number:], starts[scope])
                    if found is not None and self._could_be_seen(found, interval):
                        yield found

    def decision(self, one: Absent) -> Decision | None:
        """None for what is over and no news, and for what never opened."""
        seen = self.facts.seen_until
        reason = f"not in the run of {moment(one.run.first.start, seen)}, but in the {RUNS} before it"
        if one.closes is not None:
            told = [stay.run for stay in (one.back, *_of(one.given_up)) if stay is not None]
            if not self.facts.is_news(one.closes, told):
                return None
            return self._decided(one, State.OVER, f"{reason}; {self._resolution(one)}")
        if one.opens is None:
            return self._decided(one, State.WAITING, f"{reason}, which is not over")
        return self._decided(one, State.HOLDS if one.opens <= seen else State.WAITING, reason)

    def _could_be_seen(self, one: Absent, interval: Interval) -> bool:
        return one.opens is None or one.opens <= interval.end or interval.end >= self.facts.seen_until

    def _is_regular(self, stay: Stay) -> bool:
        run = stay.run
        if run.is_restart or run.current_retry_attempt:
            return False
        return trigger(run, self.policy) is Trigger.SCHEDULE

    def _runs(self, stays: Iterator[Stay]) -> list[SiteRun]:
        """What made up for an earlier one counts as a part of that."""
        runs: list[SiteRun] = []
        for stay in stays:
            if runs and self._belongs(stay, runs[-1]):
                runs[-1].stays[stay.run.scope] = stay
                continue
            _merge_made_up(runs)
            last = runs[-RUNS:]
            always = frozenset[str]()
            if len(last) == RUNS:
                always = frozenset.intersection(*(one.made_up.union(one.stays) for one in last))
            runs.append(SiteRun(always, {stay.run.scope: stay}))
        _merge_made_up(runs)
        return runs

    def _belongs(self, stay: Stay, run: SiteRun) -> bool:
        if stay.run.scope in run.stays:
            return False
        last = next(reversed(run.stays.values()))
        spread = self.policy.site_spread
        if stay.start - last.start <= spread:
            return True
        ends = [one.end for one in run.stays.values() if one.end is not None and one.end <= stay.start]
        if not ends:
            return False
        is_awaited = stay.run.scope in run.expected and len(ends) == len(run.stays)
        return stay.start - max(ends) <= (self.patience if is_awaited else spread)

    def _absent(self, scope: str, runs: Sequence[SiteRun], own: Sequence[Stay]) -> Absent | None:
        """runs: from the one on from which it is missing. None where it came before anybody missed it."""
        run = runs[0]
        back = next((stay for stay in own if stay.start >= run.first.start), None)
        without = [one for one in runs[:RUNS] if scope not in one.stays]
        third = without[-1] if len(without) == RUNS else None
        given_up_at = third.ended + self.patience if third is not None and third.ended is not None else None
        opens = None if run.ended is None else run.ended + self.patience
        if back is not None and (given_up_at is None or back.start <= given_up_at):
            if opens is None or back.start < opens:
                return None
            return Absent(scope, run, opens, back.start, back)
        if given_up_at is not None and given_up_at <= self.facts.seen_until:
            return Absent(scope, run, opens, given_up_at, given_up=third)
        return Absent(scope, run, opens, given_up=third, gives_up=given_up_at)

    def _resolution(self, one: Absent) -> str:
        seen = self.facts.seen_until
        if one.back is not None:
            return f"run {one.back.run.id} for {one.scope} started at {moment(one.back.start, seen)}"
        return f"{RUNS} runs without {one.scope}: the site seems to be closed"

    def _decided(self, one: Absent, state: State, reason: str) -> Decision:
        numbers: dict[str, Json] = {
            "scope": one.scope,
            "run": one.run.first.start.isoformat(),
            "executions": [stay.run.id for stay in one.run.stays.values()],
        }
        is_found = state in {State.HOLDS, State.OVER}
        return Decision(
            *(CONDITION, (self.job_id,), state, reason, one.scope),
            numbers=numbers,
            finding=self._finding(one, numbers) if is_found else None,
            opens=one.opens,
            closes=one.closes,
            look_again=one.opens if state is State.WAITING else one.gives_up,
            executions=tuple(numbers["executions"]),
        )

    def _finding(self, one: Absent, numbers: dict[str, Json]) -> Finding:
        seen, settings = self.facts.seen_until, self.settings
        start = one.run.first.start
        site = "the whole organization" if one.scope == ORGANIZATION else one.scope
        others = ", ".join(sorted(one.run.stays))
        return Finding(
            source=self.facts.instance,
            condition=CONDITION,
            labels={"sfcc_instance": self.facts.instance, "job_id": self.job_id, "scope": one.scope},
            severity=severity(CONDITION, Severity.WARNING, settings, self.policy),
            since=start,
            occurrences=(f"{one.scope} {start.isoformat()}",),
            cause="the site did not run",
            name=called(self.job_id, settings),
            place=self.facts.instance,
            summary=f"The run of {moment(start, seen)} did not run for {site}, as the {RUNS} before it did.",
            facts=said(
                ("Impact", settings.impact),
                ("Ran for", others),
                ("Missed for", f"more than {span(self.patience)} after the others ended"),
                ("Owner", settings.owner),
                ("Runbook", settings.runbook),
            ),
            evidence=numbers,
            ends_at=one.closes,
            resolution="" if one.closes is None else self._resolution(one),
            quiet=None if one.opens is None else self.facts.quiet(one.opens),
            ends_by=EndsBy.FACT,
        )


def _merge_made_up(runs: list[SiteRun]) -> None:
    """A last run of none but sites that the one before it had missed is the rest of that one."""
    if len(runs) > 1 and runs[-1].stays.keys() <= runs[-2].missing:
        made_up = runs.pop()
        runs[-1].made_up = runs[-1].made_up.union(made_up.stays)


def _of(run: SiteRun | None) -> Sequence[Stay]:
    return [] if run is None else [*run.stays.values()]
