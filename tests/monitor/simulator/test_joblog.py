"""The text of a log: form of the lines, markers, and what a failure leaves in it."""

import re
from datetime import timedelta

from monitor.simulator import Caller, ManualClock, Outcome, Run, StepSpec, World

LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} GMT\] (INFO|WARN|ERROR|DEBUG|FATAL|TRACE) .+")
STEPS = (StepSpec("read"), StepSpec("import"))


def log_of(world: World, run: Run) -> list[str]:
    return Caller(world).file(run.log_path).read().decode().splitlines()


def finished(world: World, clock: ManualClock, outcome: Outcome) -> list[str]:
    run = world.start("job", steps=STEPS, outcome=outcome)
    clock.advance(600)
    return log_of(world, run)


def test_every_line_of_a_good_run_has_time_level_and_thread(world: World, clock: ManualClock) -> None:
    lines = finished(world, clock, Outcome(duration=timedelta(minutes=5)))
    assert all(LINE.fullmatch(line) and "SystemJobThread|" in line for line in lines)
    assert [line[1:24] for line in lines] == sorted(line[1:24] for line in lines)


def test_markers_carry_the_ids_of_execution_and_steps(world: World, clock: ManualClock) -> None:
    run = world.start("job", steps=STEPS, outcome=Outcome(duration=timedelta(minutes=1)), scope="RefArch")
    clock.advance(60)
    lines = log_of(world, run)
    first, second = run.document()["step_executions"]
    assert lines[0].endswith(f"Executing job [job][{run.id}]...")
    assert any(f"|job|read Executing step [read][{first['id']}] for [RefArch]..." in line for line in lines)
    assert any(f"Executing step [import][{second['id']}]" in line for line in lines)
    assert "Step [import] completed successfully." in lines[-2]


def test_a_failure_leaves_a_stack_trace_in_its_step(world: World, clock: ManualClock) -> None:
    lines = finished(world, clock, Outcome("ERROR", "error", "no connection"))
    (at,) = [i for i, line in enumerate(lines) if "ERROR" in line and "no connection" in line]
    assert "|job|import " in lines[at]
    assert lines[at + 2].startswith("\tat ")
    assert lines[-1].endswith("finished with status [ERROR].")


def test_a_trace_that_is_told_is_written_at_the_failed_step(world: World, clock: ManualClock) -> None:
    trace = (
        "WARN try 1",
        "ERROR DATAERROR [P1] no value",
        "java.io.IOException: gone",
        "\tat a.B.c(B.java:1)",
    )
    lines = finished(world, clock, Outcome("ERROR", "error", failed_step="read", trace=trace))
    at = next(i for i, line in enumerate(lines) if line.endswith("try 1"))
    assert lines[at + 1].endswith("|job|read DATAERROR [P1] no value")
    assert lines[at + 2 : at + 4] == list(trace[2:])
    assert not any("Executing step [import]" in line for line in lines)


def test_a_good_run_may_have_errors_in_its_log(world: World, clock: ManualClock) -> None:
    lines = finished(world, clock, Outcome(trace=("ERROR DATAERROR [P1] no value",)))
    assert any(" ERROR " in line and "DATAERROR" in line for line in lines)
    assert lines[-1].endswith("[OK].")


def test_the_log_of_a_planned_run_does_not_tell_the_future(world: World, clock: ManualClock) -> None:
    run = world.start(
        "job", steps=STEPS, outcome=Outcome("ERROR", "error", "soon", duration=timedelta(minutes=5))
    )
    clock.advance(30)
    lines = log_of(world, run)
    assert len(lines) > 1
    assert max(line[1:24] for line in lines) <= "2026-11-22 02:00:30.000"
    assert not any("ERROR" in line or "[import]" in line for line in lines)


def test_an_aborted_run_says_so(world: World, clock: ManualClock) -> None:
    run = world.start("job")
    clock.advance(30)
    assert log_of(world, run.abort())[-1].endswith("was aborted.")


def test_an_import_names_the_log_of_its_own_and_writes_it(world: World, clock: ManualClock) -> None:
    run = world.start("import", steps=("load", "after"))
    clock.advance(30)
    path = run.write_import_log()
    other = run.write_import_log(b"x", name="import-b.log")
    clock.advance(30)
    run.next_step()
    clock.advance(30)
    run.finish()
    caller = Caller(world)
    lines = caller.file(run.log_path).read().decode().splitlines()
    named = [line for line in lines if "Import log file: " in line]
    assert [line.rpartition(" ")[2] for line in named] == [path, other]
    assert all("|import|load " in line and line.startswith("[2026-11-22 02:00:30.000") for line in named)
    assert [line[:26] for line in lines] == sorted(line[:26] for line in lines)
    assert path.startswith("/Sites/IMPEX/log/import-20261122020030000-1")
    assert b"DATAERROR" in caller.file(path).read()
    assert caller.file("/Sites/Impex/log/import-b.log").read() == b"x"
