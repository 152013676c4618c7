from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.streak import Streak, Verdict, streak
from monitor.model import Execution

VERDICTS = st.lists(st.sampled_from(Verdict), max_size=30)


def counted(verdicts: str, opens: int, closes: int, story: Callable[[str], tuple[Execution, ...]]) -> Streak:
    """verdicts: `b` and `g`, one an hour."""
    told = ", ".join(f"a {hour:02}:00-{hour:02}:10" for hour in range(len(verdicts)))
    kinds = {"b": Verdict.BAD, "g": Verdict.GOOD}
    return streak(zip(story(told), (kinds[one] for one in verdicts), strict=True), opens, closes)


@pytest.mark.parametrize(
    ("verdicts", "opens", "closes", "over", "current", "waiting"),
    [
        pytest.param("", 1, 1, [], "", "", id="nothing"),
        pytest.param("b", 1, 1, [], "1", "", id="one"),
        pytest.param("bg", 1, 1, ["1"], "", "", id="over"),
        pytest.param("bb", 3, 1, [], "", "12", id="below the threshold"),
        pytest.param("bbb", 3, 1, [], "123", "", id="at the threshold"),
        pytest.param("bbgbb", 3, 1, [], "", "45", id="a good run breaks a streak that opened nothing"),
        pytest.param("bgbg", 1, 2, [], "13", "", id="good runs apart close nothing"),
        pytest.param("bgbgg", 1, 2, ["13"], "", "", id="good runs in a row do"),
        pytest.param("bgbg", 1, 1, ["1", "3"], "", "", id="two episodes"),
    ],
)
def test_streak(
    story: Callable[[str], tuple[Execution, ...]],
    verdicts: str,
    opens: int,
    closes: int,
    over: list[str],
    current: str,
    waiting: str,
) -> None:
    found = counted(verdicts, opens, closes, story)
    assert ["".join(run.id for run in episode.bad) for episode in found.over] == over
    assert "".join(run.id for run in (found.current.bad if found.current is not None else ())) == current
    assert "".join(run.id for run in found.bad) == waiting


def test_the_opener_is_the_run_that_reached_the_threshold(
    story: Callable[[str], tuple[Execution, ...]],
) -> None:
    current = counted("bbb", 2, 1, story).current
    assert current is not None
    assert (current.opener.id, current.newest.id) == ("2", "3")


def test_a_run_that_ended_nobody_knows_when_counts_last() -> None:
    lost = Execution("production", "a", "lost", execution_status="finished")
    known = Execution("production", "a", "known", execution_status="finished")
    assert streak([(lost, Verdict.BAD), (known, Verdict.BAD)], 2, 1).current is not None


def test_what_counts_is_when_runs_ended_not_when_they_arrived(
    story: Callable[[str], tuple[Execution, ...]],
) -> None:
    late, early = story("a 02:00-02:10, a 01:00-01:10")
    assert streak([(late, Verdict.GOOD), (early, Verdict.BAD)], 1, 1).current is None
    assert streak([(late, Verdict.BAD), (early, Verdict.GOOD)], 1, 1).current is not None


def test_a_verdict_that_is_known_late_counts_from_then_on(
    story: Callable[[str], tuple[Execution, ...]],
) -> None:
    waiting, failed, good = story("a 01:00-01:10, a 02:00-02:10, a 03:00-03:10")
    late = {waiting.run_id: story("a 02:00-02:40")[0].ended}
    known_at = {run_id: at for run_id, at in late.items() if at is not None}
    bad = [(waiting, Verdict.BAD), (failed, Verdict.BAD)]
    one = streak(bad, 1, 1, known_at).current
    two = streak([*bad, (good, Verdict.GOOD)], 2, 1, known_at).over[0]
    assert one is not None
    assert (one.opener, one.opened, one.bad) == (failed, failed.ended, (waiting, failed))
    assert (two.opener, two.opened, two.is_over) == (waiting, known_at[waiting.run_id], True)


@given(verdicts=VERDICTS, opens=st.integers(1, 4), closes=st.integers(1, 4))
def test_every_bad_run_is_in_one_episode_at_most_and_episodes_are_as_long_as_asked(
    story: Callable[[str], tuple[Execution, ...]], verdicts: list[Verdict], opens: int, closes: int
) -> None:
    found = counted("".join(one.value[0] for one in verdicts), opens, closes, story)
    episodes = [*found.over, *([found.current] if found.current is not None else [])]
    every = [run.id for episode in episodes for run in episode.bad] + [run.id for run in found.bad]
    assert len(every) == len(set(every))
    assert all(len(episode.bad) >= opens for episode in episodes)
    assert all(len(episode.good) == closes for episode in found.over)
