from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.errors import Reason, SfccError
from monitor.sfcc.retry import Pace, retrying


def trouble(*, retryable: bool = True, retry_after: float | None = None) -> SfccError:
    return SfccError(Reason.SERVER, "no", retryable=retryable, retry_after=retry_after)


class Play:
    """Attempts that go as told, each `takes` seconds long, on a clock that only they and waits move."""

    def __init__(self, *outcomes: SfccError | str, takes: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.takes = takes
        self.time = 0.0
        self.slept: list[float] = []

    def attempt(self) -> str:
        self.time += self.takes
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, SfccError):
            raise outcome
        return outcome

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def run(self, *, jitter: float = 0.5, deadline: float | None = None) -> str:
        pace = Pace(lambda: datetime.now(UTC), lambda: self.time, self.sleep, lambda: jitter)
        return retrying(self.attempt, pace, deadline=deadline)


def test_a_second_try_may_succeed() -> None:
    play = Play(trouble(), "ok")
    assert play.run() == "ok"
    assert play.slept == [1.0]


@pytest.mark.parametrize(
    ("errors", "slept"),
    [
        pytest.param([trouble()] * 3, [1.0, 2.0], id="three tries, doubling"),
        pytest.param([trouble(retryable=False)], [], id="what does not help is not tried"),
        pytest.param([trouble(retry_after=7)] * 3, [7.5, 7.5], id="as long as the server asks"),
        pytest.param([trouble(retry_after=0)] * 3, [0.5, 0.5], id="no wait asked for"),
        pytest.param([trouble(retry_after=25)] * 2, [25.5], id="no more than 40 seconds in all"),
        pytest.param([trouble(retry_after=30), trouble(retryable=False)], [30.5], id="30 seconds are waited"),
        pytest.param([trouble(retry_after=31)], [], id="who asks for more is left alone"),
        pytest.param([trouble(), trouble(retry_after=3600)], [1.0], id="and also at the second try"),
    ],
)
def test_when_it_gives_up(errors: list[SfccError], slept: list[float]) -> None:
    play = Play(*errors)
    with pytest.raises(SfccError) as caught:
        play.run()
    assert caught.value is errors[-1]
    assert play.slept == slept
    assert play.outcomes == []


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 0.5), (0.999, 1.499)])
def test_waits_are_spread(jitter: float, pause: float) -> None:
    play = Play(trouble(), "ok")
    play.run(jitter=jitter)
    assert play.slept == [pytest.approx(pause)]


def test_slow_tries_are_not_repeated_for_minutes() -> None:
    play = Play(*[trouble()] * 3, takes=30)
    with pytest.raises(SfccError):
        play.run()
    assert play.slept == [1.0]


def test_no_try_begins_after_the_deadline() -> None:
    play = Play(*[trouble()] * 3, takes=4)
    with pytest.raises(SfccError):
        play.run(deadline=5.0)
    assert play.slept == []


def test_a_stop_ends_the_wait() -> None:
    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    play = Play(trouble(), "ok")
    pace = Pace(lambda: datetime.now(UTC), lambda: 0.0, stop, lambda: 0.5)
    with pytest.raises(KeyboardInterrupt):
        retrying(play.attempt, pace)
