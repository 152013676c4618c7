"""Runs looked up by their id: what a search left out of them, and what has become of those it did not show.

Knows which runs are worth a request, and in which order; no document and no address. A run that ended is
asked for once, when the search told no steps of it (or, where it ended badly, no log): at the poll that
found it, or at one of the next ones where more ended than one poll asks for. What is still owed is kept in
the state (`history.lookups`) and in memory, so that a poll without any asks the state nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from monitor.errors import Reason, SfccError, StoppingError
from monitor.history import lookups as kept
from monitor.history.executions import Judge
from monitor.history.lookups import Owed
from monitor.model import FINAL_WORDS, Execution, Outcome, RunId, RunKey, is_wanted
from monitor.sfcc import JobsApi

log = logging.getLogger(__name__)

LOOKUPS = 100
"""Runs looked up by id in one poll at most; the rest has its turn in the next ones."""

AT_LEAST = 5
"""Of failed runs, however small the budget: an alert waits for them."""

OF_FAILED = 50
"""Of those, runs that ended badly: so many at once must not keep the poll from following what is active."""

OF_GOOD = 20
"""Of those, runs that ended well, and only as far as the budget of requests has some to spare."""

OWED = 1000
"""Runs that wait for their look-up, of each kind: the newest. Older ones keep their steps unknown."""

FAILURES = 5
"""So many look-ups that fail end them for this poll: each takes its tries, and the poll has to end."""

TRIES = 10
"""Polls that ask for a run which the platform fails to give."""

PAUSE_REFUSED = 3600.0
PAUSE_FAILING = 600.0
"""Seconds without asking for what is left out, after the right to ask was missing, or after `FAILURES`."""

SAID_KEPT = 1000

_BAD = frozenset({Outcome.FAILED, Outcome.ABORTED})
_REFUSED = frozenset({Reason.PERMISSION, Reason.CREDENTIALS})
_OF_THIS_RUN = frozenset({Reason.NOT_FOUND, Reason.REFUSED, Reason.PROTOCOL, Reason.SERVER})
"""Of all other reasons the next look-up would hear as well."""

_Question = tuple[RunId, Owed | None]


@dataclass(slots=True)
class Answers:
    """What the look-ups of a poll brought. `gone`: the platform says that there is no such run. `settled`:
    not to be asked for again. `owed`: still to be asked for."""

    found: list[Execution] = field(default_factory=list)
    gone: list[RunKey] = field(default_factory=list)
    settled: set[RunId] = field(default_factory=set)
    owed: dict[RunId, Owed] = field(default_factory=dict)


class Lookups:
    """Of one instance; not to be shared by threads. Empty until `follow`."""

    def __init__(
        self,
        instance: str,
        api: JobsApi,
        judge: Judge,
        system_jobs: Sequence[str],
        *,
        monotonic: Callable[[], float],
        stopping: Callable[[], bool],
        spare: Callable[[], int],
    ) -> None:
        """system_jobs: globs of those watched like any other. spare: requests nobody else needs now."""
        self._instance = instance
        self._api = api
        self._judge = judge
        self._system_jobs = tuple(system_jobs)
        self._monotonic = monotonic
        self._stopping = stopping
        self._spare = spare
        self._owed: dict[RunId, Owed] | None = None
        self._paused_until = 0.0
        self._said: set[str] = set()

    def follow(self, connection: Connection) -> None:
        """Reads what is owed, unless that is known."""
        if self._owed is None:
            self._owed = {one.run: one for one in kept.load(connection, self._instance)}

    def doubt(self) -> None:
        """A transaction came to nothing, and with it what was kept in it."""
        self._owed = None

    def wanted(self, run: Execution) -> Owed | None:
        """Whether a look-up may bring what an alert or a person would miss in what the search told."""
        ended = run.ended
        if run.execution_status not in FINAL_WORDS or ended is None or not self._is_watched(run.job_id):
            return None
        failed = self._judge.outcome(run) in _BAD
        no_log = failed and run.log_file_path is None and run.is_log_file_existing is not False
        return Owed(run.run_id, run.version, ended, failed) if run.steps is None or no_log else None

    def postpone(self, connection: Connection, owed: Iterable[Owed]) -> None:
        """To one of the next polls."""
        before = self._known
        if not (added := {one.run: one for one in owed if before.get(one.run) != one}):
            return
        self._owed = {one.run: one for one in _newest({**before, **added}.values())}
        kept.keep(connection, self._instance, [one for run, one in added.items() if run in self._owed])
        kept.settle(connection, self._instance, before.keys() - self._owed.keys())

    def ask(self, fresh: Mapping[RunId, Owed], waiting: Iterable[Owed], active: Sequence[RunId]) -> Answers:
        """Looks up what is owed, with what this poll found (`fresh`), and what the search did not show:
        attempts that may have been marked as repeated (`waiting`), and active runs.

        A request that fails costs the poll nothing. What it was to bring is owed from then on, but for active
        runs, which the next poll misses again. Raises `StoppingError`.
        """
        marked = {one.run: one for one in waiting}
        answers = Answers(owed={**marked, **self._known, **fresh})
        failures = 0
        for run, owed in self._questions({**self._known, **fresh}, marked, active):
            if self._stopping():
                raise StoppingError("ended early")
            try:
                answer = self._api.execution(*run)
            except SfccError as error:
                failures += 1
                self._say_once(f"a run could not be looked up ({error.reason}): {error}")
                if owed is not None:
                    self._fail(answers, owed, error)
                if self._is_over(error, failures):
                    break
                continue
            answers.settled.add(run)
            if answer is None:
                answers.gone.append(RunKey(self._instance, *run))
            else:  # under the version of the search, or it would look changed there for ever
                version = owed.version if owed is not None and owed.version else answer.version
                answers.found.append(replace(answer, version=version))
        return answers

    def keep(self, connection: Connection, answers: Answers) -> None:
        """What is still owed, and what is not any more."""
        known = self._known
        if over := known.keys() & answers.settled:
            kept.settle(connection, self._instance, over)
            self._owed = {run: one for run, one in known.items() if run not in over}
        self.postpone(connection, (one for run, one in answers.owed.items() if run not in answers.settled))

    @property
    def _known(self) -> dict[RunId, Owed]:
        return self._owed or {}

    def _is_watched(self, job_id: str) -> bool:
        return is_wanted(job_id, self._system_jobs)

    def _questions(
        self, owed: Mapping[RunId, Owed], waiting: Mapping[RunId, Owed], active: Sequence[RunId]
    ) -> list[_Question]:
        """Newest failures first, then what the poll has to follow, then the newest of the rest."""
        due = [] if self._monotonic() < self._paused_until else _in_turn(owed.values())
        spare = max(self._spare(), 0)
        failed = [one.run for one in due if one.failed][: min(OF_FAILED, max(AT_LEAST, spare))]
        rest = [run for run in dict.fromkeys((*waiting, *active)) if run not in set(failed)]
        good = [one.run for one in due if not one.failed and one.run not in set(rest)]
        good = good[: min(OF_GOOD, spare)]
        known = {**waiting, **owed}
        return [(run, known.get(run)) for run in (*failed, *rest, *good)][:LOOKUPS]

    def _fail(self, answers: Answers, owed: Owed, error: SfccError) -> None:
        tried = owed.tried()
        hopeless = not error.retryable and error.reason in _OF_THIS_RUN
        if hopeless or tried.tries >= TRIES:
            answers.settled.add(owed.run)
        else:
            answers.owed[owed.run] = tried

    def _is_over(self, error: SfccError, failures: int) -> bool:
        if error.reason in _REFUSED:
            self._paused_until = self._monotonic() + PAUSE_REFUSED
        elif failures >= FAILURES:
            self._paused_until = self._monotonic() + PAUSE_FAILING
        return failures >= FAILURES or error.reason not in _OF_THIS_RUN

    def _say_once(self, sentence: str) -> None:
        """The same trouble comes with every poll."""
        if len(self._said) > SAID_KEPT:
            self._said.clear()
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning("%s: %s", self._instance, sentence)


def _in_turn(owed: Iterable[Owed]) -> list[Owed]:
    """Newest first; one that failed to come has its turn after those not yet asked for."""
    return sorted(owed, key=lambda one: (-one.tries, one.ended, one.run), reverse=True)


def _newest(owed: Iterable[Owed]) -> list[Owed]:
    """As many of each kind as are kept."""
    ordered = sorted(owed, key=lambda one: (one.ended, one.run), reverse=True)
    failed, good = ([one for one in ordered if one.failed is kind][:OWED] for kind in (True, False))
    return failed + good
