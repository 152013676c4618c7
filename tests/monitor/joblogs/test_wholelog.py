"""What belongs to a run's log, and how long one waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from monitor.clock import ManualClock
from monitor.errors import LogError, Reason, SfccError, StoppingError
from monitor.joblogs.wholelog import IMPORT_SECONDS, Reading, reading_by, whole_log
from monitor.model import Execution
from monitor.settings import Settings
from monitor.sfcc import LogFile, ReadLimits
from tests.monitor.cli.conftest import a_run, running
from tests.monitor.conftest import Night

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LINE = b"[2026-11-23 01:59:58.000 GMT] ERROR SystemJobThread|1|import|step No feed\n"
END = b"[2026-11-23 01:59:59.000 GMT] ERROR SystemJobThread|1|i Execution of job finished with status [E].\n"
NAMED = b"[2026-11-23 01:59:57.000 GMT] INFO Import log file: /Sites/IMPEX/log/%s.log\n"
PATH = "/Sites/LOGS/jobs/import/Job-import-1.log"

Answer = bytes | SfccError


class Shelf:
    """A `LogReader` whose files are lists of answers, one for each reading; the last stays."""

    def __init__(self, **files: list[Answer]) -> None:
        self.files = files
        self.read_paths: list[tuple[str, bool]] = []
        self.limits: list[ReadLimits] = []

    def read(
        self,
        log_file_path: str,
        *,
        head_bytes: int,
        tail_bytes: int,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - as in the protocol; it is frozen
        archived: bool = True,
    ) -> LogFile:
        name = log_file_path.rpartition("/")[2]
        answers = self.files["Job" if name.startswith("Job-") else name.removesuffix(".log")]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        self.read_paths.append((log_file_path, archived))
        self.limits.append(limits)
        if isinstance(found, SfccError):
            raise found
        assert head_bytes + tail_bytes >= len(found)
        return LogFile(name, found, size=len(found))

    def since(self, log_file_path: str, offset: int, *, limit: int) -> bytes:
        raise NotImplementedError


def run(ended: timedelta | None) -> Execution:
    """One that ended so long ago; None: it still runs."""
    one = replace(a_run(1), job_id="import", log_file_path=PATH)
    return running(one) if ended is None else replace(one, end_time=NOW - ended)


def nothing(text: str) -> tuple[str, int]:
    return text, 0


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def fetch(waited: list[float]) -> Callable[..., str]:
    """The text of a run's log."""

    def fetching(shelf: Shelf, ended: timedelta | None = timedelta(seconds=5)) -> str:
        reading = Reading(ReadLimits(), lambda: NOW, waited.append, (1.0, 3.0))
        return whole_log(shelf, run(ended), nothing, reading).content.decode()

    return fetching


def sized(count: int) -> bytes:
    return LINE * count


@pytest.mark.parametrize(
    ("answers", "ended", "pauses", "lines"),
    [
        pytest.param([LINE + END], 5, [], 2, id="its end is there"),
        pytest.param([LINE, LINE + END], 5, [1.0], 2, id="its end comes a moment later"),
        pytest.param([LINE, LINE * 2, LINE * 2 + END], 5, [1.0, 3.0], 3, id="it grows and grows"),
        pytest.param(
            [LINE, LINE * 2, LINE * 3, LINE * 4], 5, [1.0, 3.0], 3, id="and then it is taken as it is"
        ),
        pytest.param([LINE, LINE], 5, [1.0], 1, id="without an end that grows no more"),
        pytest.param([b"", b"", LINE], 5, [1.0], 0, id="empty and growing no more"),
        pytest.param([LINE, LINE + END], 59, [1.0], 2, id="just within the lag"),
        pytest.param([LINE, LINE + END], 60, [], 1, id="a minute after its end"),
        pytest.param([LINE, LINE + END], -9, [1.0], 2, id="ended in the future, by a clock that is off"),
        pytest.param([LINE, LINE + END], None, [], 1, id="of a run that still runs"),
    ],
)
def test_a_log_is_waited_for_while_its_end_is_being_written(
    answers: list[Answer],
    ended: float | None,
    pauses: list[float],
    lines: int,
    fetch: Callable[..., str],
    waited: list[float],
) -> None:
    text = fetch(Shelf(Job=answers), None if ended is None else timedelta(seconds=ended))
    assert waited == pauses
    assert text.count("\n") == lines


def test_trouble_at_a_second_look_costs_nothing(fetch: Callable[..., str]) -> None:
    trouble = LogError(Reason.SERVER, "no log: trouble", retryable=True)
    assert fetch(Shelf(Job=[LINE, trouble, trouble])) == LINE.decode()


def test_trouble_at_the_first_look_is_an_error(fetch: Callable[..., str]) -> None:
    with pytest.raises(LogError, match="no log: trouble"):
        fetch(Shelf(Job=[LogError(Reason.SERVER, "no log: trouble")]))


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param(timedelta(days=2) - timedelta(seconds=1), False, id="younger than two days"),
        pytest.param(timedelta(days=2), True, id="two days old"),
        pytest.param(None, False, id="still running"),
    ],
)
def test_only_a_log_old_enough_is_looked_for_in_the_archive(
    ended: timedelta | None, expected: object, fetch: Callable[..., str]
) -> None:
    shelf = Shelf(Job=[END])
    fetch(shelf, ended)
    assert shelf.read_paths == [(PATH, expected)]


@pytest.mark.parametrize(
    ("log_wait", "pauses"),
    [("0s", ()), ("3.9s", ()), ("4s", (1.0,)), ("15.9s", (1.0,)), ("16s", (1.0, 3.0)), ("30s", (1.0, 3.0))],
)
def test_waiting_for_the_end_takes_a_part_of_log_wait(log_wait: str, pauses: tuple[float, ...]) -> None:
    settings = Settings.model_validate(
        {"log_wait": log_wait, "log_time_limit": "9s", "log_size_limit": "7MB"}
    )
    reading = reading_by(settings, ManualClock(NOW), Event())
    assert reading.pauses == pauses
    assert reading.limits == ReadLimits(9.0, 7_000_000)


def test_an_agent_that_ends_waits_no_longer() -> None:
    stopping = Event()
    stopping.set()
    reading = reading_by(Settings(), ManualClock(NOW), stopping)
    with pytest.raises(StoppingError):
        whole_log(Shelf(Job=[LINE]), run(timedelta()), nothing, reading)


READING = Reading(ReadLimits(), lambda: NOW, lambda _seconds: None)


def test_the_import_logs_a_log_names_are_part_of_it() -> None:
    shelf = Shelf(Job=[NAMED % b"a" + NAMED % b"b" + END], a=[b"DATAERROR no price\n"], b=[b"all is well\n"])
    made = whole_log(shelf, run(timedelta(hours=1)), nothing, READING)
    assert [path for path, _archived in shelf.read_paths] == [PATH, "Impex/log/a.log", "Impex/log/b.log"]
    assert b"===== a.log =====\nDATAERROR no price\n" in made.content
    assert made.content.endswith(b"===== b.log =====\nall is well\n")
    assert made.lines[-2:] == ("a.log:", "DATAERROR no price")
    assert made.note == "with a.log; with b.log"
    assert [one.seconds for one in shelf.limits] == [60.0, IMPORT_SECONDS, IMPORT_SECONDS]


@pytest.mark.parametrize(
    ("trouble", "asked", "note"),
    [
        pytest.param(
            LogError(Reason.PERMISSION, "no log: add /impex", status=403),
            1,
            "without a.log: add /impex",
            id="a right that is missing is said once",
        ),
        pytest.param(
            LogError(Reason.NOT_FOUND, "no log: it is gone", status=404),
            2,
            "with b.log; without a.log: it is gone",
            id="a file that is gone",
        ),
        pytest.param(
            SfccError(Reason.CREDENTIALS, "wrong secret"),
            2,
            "with b.log; without a.log: wrong secret",
            id="any other trouble",
        ),
    ],
)
def test_an_import_log_that_cannot_be_had_is_a_sentence_and_no_failure(
    trouble: SfccError, asked: int, note: str
) -> None:
    shelf = Shelf(Job=[NAMED % b"a" + NAMED % b"b" + END], a=[trouble], b=[b"fine\n"])
    made = whole_log(shelf, run(timedelta(hours=1)), nothing, READING)
    assert made.content.startswith(NAMED % b"a")
    assert made.note == note
    assert len(shelf.read_paths) == 1 + asked


def test_a_log_of_a_run_that_still_runs_says_so() -> None:
    made = whole_log(Shelf(Job=[LINE]), run(None), nothing, READING)
    assert made.note == "the run was still going on"


def test_an_alert_tells_which_products_an_import_refused(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    one = night.world.start("import", steps=["import-catalog"])
    one.write_import_log(b"[2026-11-23 02:00:01.000 GMT] ERROR DATAERROR: product 'M-1' has no price\n")
    one.finish(code="ERROR", message="Import failed.")
    night.turn(app)
    (message,) = night.chat.sent
    assert "DATAERROR: product 'M-1' has no price" in message.body
    (file,) = message.files
    assert b"\n===== import-" in file.content


def test_without_the_right_to_impex_the_alert_says_what_to_add(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.permissions.folders = frozenset({"/logs"})
    one = night.world.start("import")
    one.write_import_log(name="import-1.log")
    one.finish(code="ERROR")
    night.turn(app)
    (message,) = night.chat.sent
    assert "without import-1.log: the API client" in message.body
    assert '{"path": "/impex", "operations": ["read"]}' in message.body


def test_a_log_that_is_behind_its_run_holds_its_alert_up_for_a_moment_only(night: Night) -> None:
    app = night.agent()
    night.turn(app)
    night.world.quirks.log_lag = timedelta(seconds=40)
    night.world.start("import").finish(code="ERROR", message="No feed.")
    night.pass_time(seconds=39)
    app.poll("production")
    before = night.clock.now()
    app.fetch_logs()
    assert night.clock.now() - before == timedelta(seconds=1), "it grows no more, for the world stands still"
    night.tell(app)
    assert night.chat.sent


@pytest.mark.parametrize(
    ("hours", "tries"),
    [pytest.param(0.9, 2, id="it may still come"), pytest.param(1.1, 1, id="it does not come any more")],
)
def test_a_log_that_is_not_there_long_after_the_end_is_not_asked_for_again(
    night: Night, hours: float, tries: int
) -> None:
    app = night.agent()
    night.turn(app)
    night.world.start("import").finish(code="ERROR")
    night.world.quirks.log_archive_after = timedelta(0)
    night.world.quirks.log_archive = None
    night.turn(app, hours=hours)
    night.pass_time(minutes=1)
    app.fetch_logs()
    assert [one.status for one in night.world.requests if one.api == "webdav"] == [404] * tries
