"""Where settings come from, and which of two wins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from monitor.errors import SettingsError
from monitor.settings import Loaded, Settings, load

Read = Callable[..., Loaded]
Refused = Callable[..., list[str]]

FIVE_MINUTES = timedelta(minutes=5)


def write(directory: Path, **files: str) -> None:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")


def problems(config: str | None, environ: Mapping[str, str], directory: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(config, environ, directory)
    return [problem.replace(f"{directory}/", "") for problem in caught.value.problems]


def test_nothing_at_all_is_enough_to_start_with(tmp_path: Path) -> None:
    loaded = load(None, {}, tmp_path)
    assert loaded == Loaded(Settings(), "the environment")
    assert loaded.settings.listen == "127.0.0.1:9985"
    assert loaded.settings.poll_interval == timedelta(seconds=60)


def test_the_default_file_is_read_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "sfcc-job-monitor.toml").write_text('poll_interval = "5m"', encoding="utf-8")
    loaded = load(None, {}, tmp_path)
    assert loaded.settings.poll_interval == FIVE_MINUTES
    assert loaded.origin == str(tmp_path / "sfcc-job-monitor.toml")


@pytest.mark.parametrize(
    ("config", "variable", "winner"),
    [
        pytest.param("option.toml", "variable.toml", "option", id="the option before the variable"),
        pytest.param(None, "variable.toml", "variable", id="the variable before the default file"),
        pytest.param(None, "", "sfcc-job-monitor", id="an empty variable is none"),
    ],
)
def test_the_first_file_named_is_the_only_one_read(
    tmp_path: Path, config: str | None, variable: str, winner: str
) -> None:
    for name in ("option", "variable", "sfcc-job-monitor"):
        (tmp_path / f"{name}.toml").write_text(f'group_by = ["{name}"]', encoding="utf-8")
    loaded = load(config, {"SFCC_MONITOR_CONFIG": variable}, tmp_path)
    assert loaded.settings.group_by == [winner]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('\ufeffpoll_interval = "5m"', encoding="utf-8")
    assert load("a.toml", {}, tmp_path).settings.poll_interval == FIVE_MINUTES


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(None, "a.toml: there is no such file or directory", id="no file"),
        pytest.param(b"a = \xff", "a.toml: not UTF-8 text (byte 4)", id="another encoding"),
        pytest.param(
            b"a = [1,", "a.toml: not valid TOML: Invalid value (at end of document)", id="an unclosed list"
        ),
        pytest.param(
            b"a = 1\na = 2\n",
            "a.toml: not valid TOML: Cannot overwrite a value (at line 2, column 6)",
            id="a setting twice",
        ),
        pytest.param(b"a = " + b"[" * 5000, "a.toml: nested too deeply", id="thousands of brackets"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, content: bytes | None, line: str) -> None:
    if content is not None:
        (tmp_path / "a.toml").write_bytes(content)
    assert problems("a.toml", {}, tmp_path) == [line]
    assert problems(None, {"SFCC_MONITOR_CONFIG": "a.toml", "SFCC_MONITOR_LISTN": "x"}, tmp_path) == [
        line,
        "SFCC_MONITOR_LISTN: there is no such setting; did you mean SFCC_MONITOR_LISTEN?",
    ]


def test_a_number_longer_than_any_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = " + "9" * 5000, encoding="utf-8")
    (line,) = problems("a.toml", {}, tmp_path)
    assert line.startswith("a.toml: not valid TOML: ")


def test_a_path_no_system_takes_is_no_crash(tmp_path: Path) -> None:
    (line,) = problems("x" * 300, {}, tmp_path)
    assert line == f"{'x' * 300}: cannot be read: File name too long"


# -- a directory ---------------------------------------------------------------------------------


def test_the_files_of_a_directory_are_merged_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(
        tmp_path / "conf",
        **{
            "20-later": 'poll_interval = "5m"\ngroup_by = ["b"]\n[detection]\nfailure_threshold = 2',
            "10-first": (
                'poll_interval = "1m"\nlog_level = "debug"\ngroup_by = ["a"]\n'
                "[detection]\nfailure_threshold = 9\nrecovery_threshold = 3\n"
                '[[jobs]]\nmatch = "first"'
            ),
            "30-last": '[[jobs]]\nmatch = "last"',
            ".hidden": "this is no TOML",
        },
    )
    (tmp_path / "conf" / "notes.txt").write_text("nor this", encoding="utf-8")
    write(tmp_path / "conf" / "deeper", a="nor this")
    loaded = load("conf", {}, tmp_path)
    settings = loaded.settings
    assert loaded.origin == str(tmp_path / "conf")
    assert settings.poll_interval == FIVE_MINUTES, "a later file wins"
    assert settings.log_level == "debug", "what it does not say stays"
    assert settings.group_by == ["b"], "a list of words is one value"
    assert (settings.detection.failure_threshold, settings.detection.recovery_threshold) == (2, 3)
    assert [job.match for job in settings.jobs] == ["first", "last"], "tables are joined, in order"


def test_an_empty_list_takes_no_tables_away(tmp_path: Path) -> None:
    write(tmp_path / "conf", a='[[jobs]]\nmatch = "x"', b="jobs = []\ngroup_by = []")
    settings = load("conf", {}, tmp_path).settings
    assert [job.match for job in settings.jobs] == ["x"]
    assert settings.group_by == []


def test_a_directory_without_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    assert problems("conf", {}, tmp_path) == ["conf: the directory holds no *.toml file"]


def test_all_broken_files_of_a_directory_are_told(tmp_path: Path) -> None:
    write(tmp_path / "conf", a="=", b="fine = 1", c="=")
    assert [line.partition(":")[0] for line in problems("conf", {}, tmp_path)] == [
        "conf/a.toml",
        "conf/c.toml",
    ]


# -- the environment -----------------------------------------------------------------------------


def test_the_environment_wins_over_the_file_field_by_field(read: Read) -> None:
    file = (
        'poll_interval = "1m"\nlog_level = "debug"\n'
        "[detection]\nfailure_threshold = 5\nrecovery_threshold = 4"
    )
    settings = read(
        file, {"SFCC_MONITOR_POLL_INTERVAL": "5m", "SFCC_MONITOR_DETECTION__FAILURE_THRESHOLD": "2"}
    ).settings
    assert settings.poll_interval == FIVE_MINUTES
    assert settings.log_level == "debug"
    assert (settings.detection.failure_threshold, settings.detection.recovery_threshold) == (2, 4)


def test_lists_and_tables_are_json_in_the_environment(read: Read) -> None:
    settings = read(
        '[[jobs]]\nmatch = "of the file"',
        {
            "SFCC_MONITOR_JOBS": '[{"match": "3-*", "owner": "pim"}]',
            "SFCC_MONITOR_DETECTION": '{"aborted_is": "info", "failure_threshold": 7}',
            "SFCC_MONITOR_DETECTION__FAILURE_THRESHOLD": "3",
            "SFCC_MONITOR_DETECTION__WARN_CODES": '["WARN", "NOTE"]',
            "SFCC_MONITOR_REDACT__PERSONAL": "no",
        },
    ).settings
    assert [(job.match, job.owner) for job in settings.jobs] == [("3-*", "pim")]
    assert (settings.detection.aborted_is, settings.detection.failure_threshold) == ("info", 3)
    assert settings.detection.warn_codes == ["WARN", "NOTE"]
    assert not settings.redact.personal


def test_an_empty_variable_is_as_good_as_none(read: Read) -> None:
    file = 'log_level = "debug"\napprise_urls = ["json://a"]'
    settings = read(
        file, {"SFCC_MONITOR_LOG_LEVEL": "", "SFCC_MONITOR_JOBS": "", "APPRISE_URLS": "", "SFCC_SERVER": ""}
    ).settings
    assert settings.log_level == "debug"
    assert len(settings.apprise_urls) == 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("SFCC_MONITOR_POL_INTERVAL", "SFCC_MONITOR_POLL_INTERVAL", id="a letter missing"),
        pytest.param(
            "SFCC_MONITOR_DETECTION_FAILURE_THRESHOLD",
            "SFCC_MONITOR_DETECTION__FAILURE_THRESHOLD",
            id="one underscore between levels",
        ),
        pytest.param("sfcc_monitor_listen", "SFCC_MONITOR_LISTEN", id="small letters"),
        pytest.param("SFCC_MONITOR_TARGETS__0", "SFCC_MONITOR_TARGETS", id="into a list"),
        pytest.param("SFCC_MONITOR_XYZ", None, id="like nothing"),
    ],
)
def test_a_misspelt_variable_is_refused(refused: Refused, name: str, hint: str | None) -> None:
    expected = f"{name}: there is no such setting" + (f"; did you mean {hint}?" if hint else "")
    assert refused(None, {name: "1"}) == [expected]


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        pytest.param(
            {"SFCC_MONITOR_DETECTION__FAILURE_THRESHOLD": "many"},
            "SFCC_MONITOR_DETECTION__FAILURE_THRESHOLD = 'many': "
            "Input should be a valid integer, unable to parse string as an integer",
            id="a nested field",
        ),
        pytest.param(
            {"SFCC_MONITOR_JOBS": '[{"match": "*", "attach": "all"}]'},
            "SFCC_MONITOR_JOBS[0].attach = 'all': Input should be 'full', 'excerpt' or 'none'",
            id="inside of JSON",
        ),
        pytest.param(
            {"SFCC_MONITOR_DETECTION": '{"aborted": "info"}'},
            "SFCC_MONITOR_DETECTION.aborted: there is no such setting; did you mean aborted_is?",
            id="a misspelt name inside of JSON",
        ),
        pytest.param(
            {"SFCC_MONITOR_TARGETS": "slack://top-secret"},
            "SFCC_MONITOR_TARGETS: not valid JSON (Expecting value); "
            "lists and tables are written as JSON in the environment",
            id="an address for a list",
        ),
        pytest.param(
            {"SFCC_MONITOR_JOBS": "[" * 100_000},
            "SFCC_MONITOR_JOBS: not valid JSON (too long or nested too deeply); "
            "lists and tables are written as JSON in the environment",
            id="thousands of brackets",
        ),
        pytest.param(
            {"SFCC_MONITOR_STATE": "oracle://user:top-secret@host/db"},
            "SFCC_MONITOR_STATE: oracle is not supported; use sqlite:///PATH or postgresql+psycopg://…",
            id="an address with a password",
        ),
    ],
)
def test_a_wrong_value_is_told_by_the_name_of_its_variable(
    refused: Refused, environ: Mapping[str, str], line: str
) -> None:
    assert refused('poll_interval = "1m"', environ) == [line]


def test_only_the_environment_that_is_given_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SFCC_MONITOR_LOG_LEVEL", "error")
    assert load(None, {}, tmp_path).settings.log_level == "info"
    assert Settings().log_level == "info"


# -- APPRISE_URLS --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        pytest.param("slack://a", ["slack://a"], id="one"),
        pytest.param("slack://a json://b", ["slack://a", "json://b"], id="a blank between"),
        pytest.param("slack://a,json://b", ["slack://a", "json://b"], id="a comma between"),
        pytest.param(" slack://a ,\n json://b,, ", ["slack://a", "json://b"], id="both, and lines"),
        pytest.param(
            "mailto://u:p@h?to=a@x.example,b@x.example json://b",
            ["mailto://u:p@h?to=a@x.example,b@x.example", "json://b"],
            id="a comma within an address stays",
        ),
        pytest.param("slack://a,junk", ["slack://a,junk"], id="what follows is no address of its own"),
    ],
)
def test_targets_are_separated_by_blanks_or_commas(read: Read, text: str, urls: list[str]) -> None:
    for name in ("APPRISE_URLS", "SFCC_MONITOR_APPRISE_URLS"):
        assert [url.get_secret_value() for url in read(None, {name: text}).settings.apprise_urls] == urls


def test_the_own_name_wins_over_the_common_one_and_both_over_the_file(read: Read) -> None:
    file = 'apprise_urls = ["json://file"]'
    common = {"APPRISE_URLS": "json://common"}
    own = {**common, "SFCC_MONITOR_APPRISE_URLS": "json://own"}
    assert read(file).settings.apprise_urls == [SecretStr("json://file")]
    assert read(file, common).settings.apprise_urls == [SecretStr("json://common")]
    assert read(file, own).settings.apprise_urls == [SecretStr("json://own")]
