"""What is hidden by what, for how long, and that what outlives its inhibitor is told after all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incidents import reconcile
from alerts.model import EventKind, Finding, Incident, Severity
from monitor.detect import CONDITIONS, findings, judge
from monitor.detect.inhibit import RULES, Inhibitors, inhibited_by, quietened, switched_off
from monitor.detect.model import Decision, Facts, State
from monitor.model import Interval
from monitor.policy import JobPolicy, Policy
from monitor.settings.thresholds import CONDITION_NAMES

At = Callable[[str], datetime]
Tell = Callable[..., Facts]
Take = Callable[..., Decision]

RESTART = "a 01:50-02:00 aborted, b 01:50-02:00 aborted, c 01:50-02:01 aborted"


@pytest.fixture(scope="session")
def taken(at: At) -> Take:
    """`late of a 02:10-03:00`: a decision with a finding, open at these times, `?` for one that holds."""

    def taken(
        told: str, runs: str = "", since: str | None = None, quiet: str | None = None, name: str = ""
    ) -> Decision:
        condition, _, job, times = told.split()
        start, end = times.split("-")
        opens, closes = at(start), None if end == "?" else at(end)
        jobs = () if job == "all" else (job,)
        finding = Finding(
            source="production",
            condition=condition,
            labels={"name": name},
            severity=Severity.WARNING,
            since=at(since) if since else opens,
            occurrences=(start,),
            cause="",
            name=job,
            place="production",
            summary="",
            ends_at=closes,
            quiet=quiet,
        )
        return Decision(
            condition,
            jobs,
            State.HOLDS if closes is None else State.OVER,
            "reason",
            finding=finding,
            opens=opens,
            closes=closes,
            executions=tuple(runs.split()),
        )

    return taken


def hidden(decisions: list[Decision], seen_until: datetime, policy: Policy | None = None) -> list[str]:
    """By what, in the order of the decisions; empty for what is told."""
    found = quietened(decisions, policy or Policy(), seen_until)
    for one in found:
        assert one.finding is not None
        assert inhibited_by(one.finding.quiet) == one.inhibited_by
    return [one.inhibited_by for one in found]


@pytest.mark.parametrize(
    ("by", "hides", "expected"),
    [
        ("interrupted of all 02:00-?", "failed of a 02:00-?", "interrupted"),
        ("failed of a 02:00-?", "degraded of a 02:00-?", "failed"),
        ("stuck of a 02:00-?", "slow of a 01:00-?", "stuck"),
        ("missed of a 03:00-?", "late of a 03:10-?", "missed"),
        ("late of a 02:00-?", "stale of a 02:00-?", "late"),
        ("failed of a 02:00-?", "stale of a 02:00-?", "failed"),
        ("missed of a 02:00-?", "stale of a 02:00-?", "missed"),
        ("stuck of a 02:00-?", "stale of a 02:00-?", "stuck"),
        ("blind of all 02:00-?", "late of a 02:00-?", "blind"),
        ("blind of all 02:00-?", "stale of a 02:00-?", "blind"),
        ("blind of all 02:00-?", "failed of a 02:00-?", ""),
        ("stale of a 02:00-?", "overlap of a 02:00-?", ""),
        ("failed of a 02:00-?", "overlap of a 02:00-?", ""),
        ("interrupted of all 02:00-?", "stuck of a 02:00-?", ""),
        ("overlap of a 02:00-?", "overlap of a 02:00-?", ""),
    ],
)
def test_who_hides_whom(taken: Take, at: At, by: str, hides: str, expected: str) -> None:
    decisions = [taken(by, runs="1 2"), taken(hides, runs="1")]
    assert hidden(decisions, at("12:00")) == ["", expected]
    assert hidden(decisions[::-1], at("12:00")) == [expected, ""]


@pytest.mark.parametrize(
    ("by", "hides", "runs", "expected"),
    [
        pytest.param("missed of b 02:00-?", "stale of a 02:00-?", "1", "", id="another job's"),
        pytest.param(
            "interrupted of all 02:00-?", "failed of a 02:00-?", "3", "", id="a run it is not about"
        ),
        pytest.param(
            "interrupted of all 02:00-?", "failed of a 02:00-?", "2 3", "", id="one run more than it has"
        ),
        pytest.param("interrupted of all 02:00-?", "failed of a 02:00-?", "", "", id="of no run at all"),
        pytest.param(
            "interrupted of all 02:00-?", "failed of a 02:00-?", "1 2", "interrupted", id="all its runs"
        ),
    ],
)
def test_what_they_must_have_in_common(
    taken: Take, at: At, by: str, hides: str, runs: str, expected: str
) -> None:
    assert hidden([taken(by, runs="1 2"), taken(hides, runs=runs)], at("12:00")) == ["", expected]


@pytest.mark.parametrize(
    ("by", "hides", "expected", "told"),
    [
        pytest.param("missed of a 03:00-?", "stale of a 02:00-?", "missed", "02:00", id="it was first"),
        pytest.param("missed of a 02:00-?", "stale of a 02:00-?", "missed", None, id="at the same instant"),
        pytest.param("missed of a 01:00-02:00", "stale of a 02:00-?", "", "02:00", id="over as it opens"),
        pytest.param("missed of a 01:00-03:00", "stale of a 02:00-?", "", "03:00", id="outlived"),
        pytest.param("missed of a 01:00-12:00", "stale of a 02:00-?", "", "12:00", id="outlived just now"),
        pytest.param(
            "missed of a 01:00-12:01", "stale of a 02:00-?", "missed", "12:01", id="not yet outlived"
        ),
        pytest.param("missed of a 01:00-03:00", "stale of a 02:00-03:00", "missed", None, id="over together"),
        pytest.param(
            "missed of a 01:00-03:00", "stale of a 02:00-03:01", "", "03:00", id="outlived, and over"
        ),
        pytest.param("missed of a 01:00-?", "stale of a 02:00-03:00", "missed", None, id="over long before"),
        pytest.param("missed of a 03:00-?", "late of a 02:10-03:00", "missed", "02:10", id="it took over"),
        pytest.param("missed of a 03:01-?", "late of a 02:10-03:00", "", "02:10", id="it came later"),
        pytest.param("missed of a 12:01-?", "stale of a 02:00-?", "", "02:00", id="it is to come"),
    ],
)
def test_for_how_long(taken: Take, at: At, by: str, hides: str, expected: str, told: str | None) -> None:
    decisions = [taken(by), taken(hides)]
    assert hidden(decisions, at("12:00")) == ["", expected]
    assert Inhibitors(decisions).told_at(decisions[1]) == (told and at(told))


def test_one_inhibitor_after_the_other_hides_without_a_gap(taken: Take, at: At) -> None:
    stale = taken("stale of a 02:00-?")
    others = [
        taken("late of a 02:00-03:00"),
        taken("missed of a 03:00-05:00"),
        taken("failed of a 04:00-06:00"),
    ]
    assert Inhibitors([stale, *others]).told_at(stale) == at("06:00")
    assert Inhibitors([stale, *others[::2]]).told_at(stale) == at("03:00")
    blind = [taken("blind of all 03:00-05:00"), taken("late of a 02:00-03:00")]
    assert Inhibitors([stale, *blind, others[2]]).told_at(stale) == at("06:00")


@pytest.mark.parametrize(
    ("stale", "by", "now", "quiet", "told"),
    [
        pytest.param("02:00-?", "01:00-03:00", "03:10", None, "03:00", id="nothing is awaited"),
        pytest.param("02:00-?", "01:00-05:00", "05:10", "awaited", "05:30", id="a run is under way"),
        pytest.param("02:00-?", "01:00-05:00", "05:30", None, "05:30", id="it took too long"),
        pytest.param("02:00-05:20", "01:00-05:00", "06:00", "awaited", None, id="it settled the matter"),
        pytest.param("02:00-05:40", "01:00-05:00", "06:00", None, "05:30", id="too late"),
        pytest.param("05:10-?", "05:20-05:25", "06:00", None, "05:30", id="begun before it opened"),
        pytest.param("04:50-?", "06:00-?", "05:10", "awaited", "04:50", id="told before it began"),
    ],
)
def test_what_a_run_may_yet_settle_is_not_told_first_while_it_is_within_its_limit(
    taken: Take, at: At, stale: str, by: str, now: str, quiet: str | None, told: str | None
) -> None:
    awaits = (Interval(at("05:00"), at("05:30")),)
    decisions = [
        replace(taken(f"stale of a {stale}"), awaits=awaits),
        taken(f"late of a {by}"),
    ]
    (found, _) = quietened(decisions, Policy(), at(now))
    assert found.finding is not None
    assert found.finding.quiet == quiet
    assert Inhibitors(decisions).told_at(decisions[0]) == (told and at(told))


def test_a_restart_hides_what_it_began_with_though_nobody_could_know(taken: Take, at: At) -> None:
    restart = taken("interrupted of all 02:04-?", runs="1 2 3", since="02:00")
    first = taken("failed of a 02:00-?", runs="1")
    assert Inhibitors([restart, first]).told_at(first) is None
    missed = taken("missed of a 03:00-?", since="02:00")
    late = taken("late of a 02:10-03:00")
    assert Inhibitors([missed, late]).told_at(late) == at("02:10")


def test_what_nobody_is_told_of_hides_nothing(taken: Take, at: At) -> None:
    known = taken("missed of a 01:00-?", quiet="first_read")
    assert hidden([known, taken("stale of a 02:00-?")], at("12:00")) == ["", ""]


def test_a_hidden_one_hides_all_the_same(taken: Take, at: At) -> None:
    decisions = [
        taken("interrupted of all 02:00-?", runs="1"),
        taken("failed of a 02:00-?", runs="1"),
        taken("stale of a 03:00-?"),
    ]
    assert hidden(decisions, at("12:00")) == ["", "interrupted", "failed"]


def test_the_first_read_stays_the_reason(taken: Take, at: At) -> None:
    decisions = [taken("missed of a 01:00-?"), taken("stale of a 02:00-?", quiet="first_read")]
    (_, stale) = quietened(decisions, Policy(), at("12:00"))
    assert stale.finding is not None
    assert (stale.finding.quiet, stale.inhibited_by) == ("first_read", "missed")
    assert Inhibitors(decisions).told_at(decisions[1]) is None


@pytest.mark.parametrize(
    ("told", "policy", "is_off"),
    [
        pytest.param(
            "late of a 02:00-?", Policy(job=lambda _: JobPolicy(severity={"late": "off"})), True, id="a job"
        ),
        pytest.param("late of a 02:00-?", Policy(severity={"late": "off"}), False, id="not by the instance"),
        pytest.param("blind of all 02:00-?", Policy(severity={"blind": "off"}), True, id="an instance"),
        pytest.param(
            "blind of all 02:00-?", Policy(severity={"blind": "info"}), False, id="another severity"
        ),
        pytest.param(
            "slow of a 02:00-?", Policy(job=lambda _: JobPolicy(severity={"late": "off"})), False, id="else"
        ),
    ],
)
def test_what_is_switched_off_is_found_and_not_told(
    taken: Take, told: str, policy: Policy, *, is_off: bool
) -> None:
    (decision,) = switched_off([taken(told)], policy)
    assert decision.state is State.HOLDS
    assert (decision.finding is None) is is_off
    assert decision.reason == ("reason; switched off by the settings" if is_off else "reason")


def test_what_is_switched_off_hides_nothing(taken: Take, at: At) -> None:
    policy = Policy(job=lambda _: JobPolicy(severity={"missed": "off"}))
    found = quietened([taken("missed of a 01:00-?"), taken("stale of a 02:00-?")], policy, at("12:00"))
    assert [one.inhibited_by for one in found] == ["", ""]


def test_the_table_names_conditions_only() -> None:
    named = {rule.by for rule in RULES} | {rule.hides for rule in RULES}
    assert named <= set(CONDITION_NAMES)
    assert {"interrupted", "saturated"} <= set(CONDITIONS)


MINUTES = st.integers(0, 59)


@given(
    inhibitors=st.lists(
        st.tuples(st.sampled_from(("late", "missed", "failed")), MINUTES, MINUTES), max_size=6
    ),
    opens=MINUTES,
    closes=MINUTES,
)
def test_it_is_told_at_the_first_instant_at_which_nothing_hides_it(
    taken: Take, at: At, inhibitors: list[tuple[str, int, int]], opens: int, closes: int
) -> None:
    spans = [(name, min(one, other), max(one, other)) for name, one, other in inhibitors]
    others = [taken(f"{name} of a 02:{start}-02:{end}") for name, start, end in spans]
    stale = taken(f"stale of a 02:{opens}-02:{opens + closes}")
    free = [
        minute
        for minute in range(opens, opens + closes)
        if not any(start <= minute < end for _, start, end in spans)
    ]
    told = Inhibitors([*others, stale]).told_at(stale)
    if closes:
        assert told == (at(f"02:{free[0]}") if free else None)


@pytest.fixture
def agent(facts: Tell, at: At) -> Callable[..., list[tuple[EventKind, str]]]:
    """Looks again and again at what is known by then; answers with what is told at each look."""

    class Agent:
        def __init__(self) -> None:
            self.open: dict[str, Incident] = {}
            self.known: set[tuple[str, str]] = set()
            self.ids = count(1)
            self.by_id: dict[str, Incident] = {}

        def __call__(self, told: str, now: str) -> list[tuple[EventKind, str]]:
            decisions = judge(facts(told, at=now), Policy())
            changes = reconcile(
                findings(decisions), self.open, self.known, at(now), lambda: str(next(self.ids)), late=False
            )
            self.known |= {(one.fingerprint, one.occurrence) for one in changes.occurrences}
            for one in (*changes.opened, *changes.updated, *changes.resolved):
                self.by_id[one.id] = one
                self.open.pop(one.fingerprint, None)
                if one.is_open:
                    self.open[one.fingerprint] = one
            return [(event.kind, self._name(event.incident_id)) for event in changes.events]

        def _name(self, identity: str) -> str:
            one = self.by_id[identity]
            return " ".join((one.condition, one.labels.get("job_id", ""))).strip()

    return Agent()


def test_a_restart_is_one_message_and_a_job_that_is_not_run_again_is_told_when_it_is_given_up(
    agent: Callable[..., list[tuple[EventKind, str]]],
) -> None:
    assert agent(RESTART, "02:05") == [(EventKind.OPENED, "interrupted")]
    rerun = f"{RESTART}, a 03:00-03:10"
    assert agent(rerun, "03:30") == []
    told = agent(rerun, "26:01")
    assert (EventKind.RESOLVED, "interrupted") in told
    assert {name for kind, name in told if kind is EventKind.OPENED} == {"failed b", "failed c"}
    assert agent(rerun, "26:02") == []


def test_a_job_that_fails_again_after_a_restart_is_told(
    agent: Callable[..., list[tuple[EventKind, str]]],
) -> None:
    agent(RESTART, "02:05")
    assert agent(f"{RESTART}, a 03:00-03:10 failed", "03:30") == [(EventKind.OPENED, "failed a")]


def test_after_a_restart_that_was_made_good_nobody_is_told_of_single_jobs(
    agent: Callable[..., list[tuple[EventKind, str]]],
) -> None:
    agent(RESTART, "02:05")
    told = agent(f"{RESTART}, a 03:00-03:10, b 03:00-03:20, c 03:00-03:30", "04:00")
    assert told == [(EventKind.RESOLVED, "interrupted")]


def test_what_was_told_before_the_restart_was_known_ends_as_it_would_have(
    agent: Callable[..., list[tuple[EventKind, str]]],
) -> None:
    assert agent("a 01:50-02:00 aborted", "02:00") == [(EventKind.OPENED, "failed a")]
    assert agent(RESTART, "02:05") == [(EventKind.OPENED, "interrupted")]
    told = agent(f"{RESTART}, a 03:00-03:10", "03:30")
    assert told == [(EventKind.RESOLVED, "failed a")]


def test_a_look_back_hides_nothing_itself(facts: Tell) -> None:
    decisions = judge(replace(facts(RESTART, at="03:00"), is_hindsight=True), Policy())
    index = Inhibitors(decisions)
    told = {one.condition: index.told_at(one) for one in decisions if one.finding is not None}
    assert {one.finding.quiet for one in decisions if one.finding} == {None}
    assert told["failed"] is None
    assert told["interrupted"] is not None
