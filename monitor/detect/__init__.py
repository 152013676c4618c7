"""Detection: stored facts and settings in, decisions and findings out.

Pure: no clock, no I/O, no memory of its own. The same facts give the same findings, so a restart or a
skipped poll changes nothing. A new condition is a module with its detector and a line in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from alerts.model import Finding
from monitor.detect.absence.deadline import deadline
from monitor.detect.absence.late import late
from monitor.detect.absence.missed import missed
from monitor.detect.absence.moved import moved
from monitor.detect.absence.site_missing import site_missing
from monitor.detect.absence.stale import stale
from monitor.detect.absence.unexpected import unexpected
from monitor.detect.doubt import undoubted
from monitor.detect.inhibit import quietened, switched_off
from monitor.detect.insistence import insistent
from monitor.detect.model import Decision, Facts
from monitor.detect.runs.degraded import degraded
from monitor.detect.runs.failed import failed
from monitor.detect.runs.fast import fast
from monitor.detect.runs.no_data import no_data
from monitor.detect.runs.slow import slow
from monitor.detect.runs.stuck import stuck
from monitor.detect.together.buffer import buffer
from monitor.detect.together.full_imports import full_imports
from monitor.detect.together.manual_clash import manual_clash
from monitor.detect.together.out_of_order import out_of_order
from monitor.detect.together.overlap import overlap
from monitor.detect.together.too_often import too_often
from monitor.detect.whole.interrupted import interrupted
from monitor.detect.whole.saturated import saturated
from monitor.policy import Policy

Detect = Callable[[Facts, Policy], Iterable[Decision]]

CONDITIONS: Mapping[str, Detect] = {
    "failed": failed,  # the last runs ended badly, and no retry is awaited
    "degraded": degraded,  # a run ended ok although something in it did not
    "no_data": no_data,  # runs find nothing to do any more
    "slow": slow,  # a run takes longer than its limit
    "fast": fast,  # a run ended far sooner than usual
    "stuck": stuck,  # a run is active and nothing moves, or it is never started
    "late": late,  # no run started in time for its slot
    "missed": missed,  # a slot stayed empty
    "moved": moved,  # runs are off by the same time: the schedule was changed
    "unexpected": unexpected,  # the schedule started a run when none was due
    "interrupted": interrupted,  # a restart of the instance cut several runs short
    "overlap": overlap,  # two runs that exclude each other ran at once
    "buffer": buffer,  # a job started right after another of its group had ended
    "too_often": too_often,  # two runs of a job started too close to each other
    "manual_clash": manual_clash,  # somebody started a run into the schedules of its group
    "out_of_order": out_of_order,  # a job started on what the one before it had not done
    "full_imports": full_imports,  # more full imports than differential ones
    "saturated": saturated,  # the instance runs about as many executions as it can
    "site_missing": site_missing,  # a site stays away from a run of its siblings
    "stale": stale,  # no run ended well for too long
    "deadline": deadline,  # not done, or no longer to be done, by a time of day
}


def judge(facts: Facts, policy: Policy) -> tuple[Decision, ...]:
    """Every decision taken, alarms or not. Looking back, when each of them was told is another question:
    see `monitor.detect.inhibit`."""
    found = (decision for detect in CONDITIONS.values() for decision in detect(facts, policy))
    taken = [*insistent(found, policy)]
    if facts.is_hindsight:
        return switched_off(taken, policy)
    return quietened(undoubted(taken, facts), policy, facts.seen_until)


def findings(decisions: Iterable[Decision]) -> tuple[Finding, ...]:
    return tuple(decision.finding for decision in decisions if decision.finding is not None)
