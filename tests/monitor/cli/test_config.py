"""`config check`: what only shows when the settings are put to use is found before they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.monitor.cli.conftest import Say

pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"  # raised within Apprise when it is first imported
)

INSTANCE = '[[instances]]\nname = "production"\nserver = "a.example"\nclient_id = "x"\n'
SECRET = 'client_secret = "y"\n'
TARGET = '[[targets]]\nname = "ops"\nurl = "json://planted@b.example"\n'


def checked(say: Say, text: str) -> tuple[int, list[str]]:
    Path("settings.toml").write_text(text)
    found = say("config", "check", "--config", "settings.toml")
    assert found.err == ""
    return found.code, [line.replace(f"{Path.cwd()}/", "") for line in found.out.splitlines()]


def test_settings_that_work_are_ok(say: Say) -> None:
    assert checked(say, INSTANCE + SECRET + TARGET) == (
        0,
        ["ok: settings.toml: instances: production; 1 target"],
    )


def test_nobody_to_tell_is_a_note(say: Say) -> None:
    assert checked(say, INSTANCE + SECRET) == (
        0,
        [
            "ok: settings.toml: instances: production; 0 targets",
            "note: nobody will be told: no target is set ([[targets]] or APPRISE_URLS)",
        ],
    )


@pytest.mark.parametrize(
    ("text", "note"),
    [
        pytest.param(
            '[[jobs]]\nmatch = "*"\ninstance = "prod"\n',
            "jobs[0].instance = 'prod': matches no instance; there is production",
            id="a job of an instance that is not there",
        ),
        pytest.param(
            '[[groups]]\nname = "g"\njobs = ["*"]\ninstance = "Prod*"\n',
            "groups[0].instance = 'Prod*': matches no instance; there is production",
            id="a group of an instance in the wrong case",
        ),
        pytest.param(
            '[[groups]]\nname = "g"\njobs = ["*"]\ninstance_type = "sandbox"\n',
            "groups[0].instance_type = 'sandbox': matches no instance; there is production",
            id="a group of a type of instances that is not there",
        ),
        pytest.param(
            '[[jobs]]\nmatch = "*"\nweekdays = ["mon"]\n',
            "jobs[0]: its days are without a timetable: give cron or every",
            id="days without a timetable",
        ),
    ],
)
def test_what_has_no_effect_is_a_note(say: Say, text: str, note: str) -> None:
    code, lines = checked(say, f"{INSTANCE}{SECRET}{TARGET}{text}")
    assert (code, lines[1:]) == (0, [f"note: {note}"])


def test_days_in_one_table_and_the_timetable_in_another_are_fine(say: Say) -> None:
    tables = '[[jobs]]\nmatch = "*"\nweekdays = ["mon"]\n[[jobs]]\nmatch = "a"\ncron = "0 2 * * *"\n'
    assert len(checked(say, f"{INSTANCE}{SECRET}{TARGET}{tables}")[1]) == 1


def test_what_is_not_set_is_not_shown(say: Say) -> None:
    Path("settings.toml").write_text(INSTANCE + SECRET)
    shown = say("config", "show", "--config", "settings.toml").out
    assert 'instances[0].name = "production"' in shown
    assert 'poll_interval = "1m"' in shown
    assert "null" not in shown


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "no SFCC instance is given: set SFCC_SERVER", id="nothing to watch"),
        pytest.param(
            f'{INSTANCE}client_secret_file = "gone"\n',
            "instance 'production': the client secret of production cannot be read from gone: No such file",
            id="a secret that is not there",
        ),
        pytest.param(
            f'{INSTANCE}client_secret_file = "empty"\n',
            "instance 'production': the client secret of production in empty is empty",
            id="a secret without text",
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}webdav = {{ username = "u", password_file = "gone" }}\n',
            "instance 'production': the WebDAV access key of production cannot be read from gone",
            id="an access key that is not there",
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}ca_file = "gone"\n',
            "instance 'production': its ca_file gone cannot be read: No such file or directory",
            id="a certificate that is not there",
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}tenant_id = "!!"\n',
            "instance 'production': tenant_id: '!!' is no tenant: write realm and instance",
            id="no tenant",
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}tenant_id = "zzxy_prd"\nshortcode = "??"\napi_backend = "scapi"\n',
            "instance 'production': shortcode: '??' is no short code",
            id="no short code",
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}[[targets]]\nname = "ops"\nurl = "nosuch://planted"\n', "ops", id="no service"
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}[[targets]]\nname = "ops"\nurl_file = "gone"\n',
            "target 'ops': its url_file gone cannot be read: No such file or directory",
            id="an address that is not there",
        ),
        pytest.param(
            f'{INSTANCE}{SECRET}[[jobs]]\nmatch = "*"\nseverity = {{ faild = "info" }}\n',
            "jobs[0].severity: there is no condition faild; did you mean failed?",
            id="a condition nobody knows",
        ),
    ],
)
def test_what_would_not_work_is_a_problem(say: Say, text: str, problem: str) -> None:
    Path("empty").touch()
    code, lines = checked(say, text)
    assert code == 1
    (line,) = lines
    assert line.startswith("settings.toml: ")
    assert problem in line
    assert "planted" not in line


def test_all_problems_are_told_at_once(say: Say) -> None:
    text = f'{INSTANCE}client_secret_file = "gone"\ncertificate = "gone"\n'
    code, lines = checked(say, f'{text}[[targets]]\nname = "ops"\nurl_file = "gone"\n')
    assert (code, len(lines)) == (1, 3)


def test_secrets_in_files_are_read_and_not_shown(say: Say) -> None:
    Path("secret").write_text("planted")
    code, lines = checked(say, f'{INSTANCE}client_secret_file = "secret"\n{TARGET}')
    assert code == 0
    assert "planted" not in "".join(lines)
