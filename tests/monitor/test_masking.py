from __future__ import annotations

from monitor.masking import masked
from monitor.model import Execution, ExitStatus, Step

SECRET = "token=abc"


def test_a_run_without_secrets_is_given_back_as_it_is() -> None:
    run = _run("all went well", "nothing to hide", None)
    assert masked(run, _mask) is run


def test_a_run_without_steps_or_ending_is_given_back_as_it_is() -> None:
    run = Execution("production", "import", "1")
    assert masked(run, _mask) is run


def test_a_secret_in_how_the_run_ended_is_masked() -> None:
    found = masked(_run(f"refused: {SECRET}", "fine"), _mask)
    assert found == _run("refused: ***", "fine")


def test_a_secret_in_one_step_leaves_the_others_alone() -> None:
    run = _run("failed", "fine", f"refused: {SECRET}", None)
    found = masked(run, _mask)
    assert found == _run("failed", "fine", "refused: ***", None)
    assert run.steps is not None
    assert found.steps is not None
    assert found.steps[0] is run.steps[0]


def _mask(text: str) -> tuple[str, int]:
    return text.replace(SECRET, "***"), text.count(SECRET)


def _run(message: str, *steps: str | None) -> Execution:
    return Execution(
        "production",
        "import",
        "1",
        exit_status=ExitStatus("ERROR", message, "error"),
        steps=tuple(
            Step(f"step {number}", exit_status=None if said is None else ExitStatus("ERROR", said, "error"))
            for number, said in enumerate(steps)
        ),
    )
