"""Each rule of the settings, broken once: the line that is printed says place, value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Refused = Callable[..., list[str]]

INSTANCE = """
[[instances]]
name = "production"
server = "production-realm-customer.demandware.net"
client_id = "id"
client_secret = "top-secret"
"""
JOB = '[[jobs]]\nmatch = "*"\n'
GROUP = '[[groups]]\nname = "imports"\njobs = ["*"]\n'
TARGET = '[[targets]]\nname = "ops"\n'
WINDOW = '[[windows]]\nname = "night"\ncron = "0 2 * * *"\n'
JSON = "lists and tables are written as JSON in the environment"
ZONE = "not a known time zone; use a name such as Europe/Berlin or UTC"
HOST = "write a host name such as production-realm-customer.demandware.net"
DURATION = "a duration is a number with a unit, such as 90s, 5m, 2h or 30d"


def row(story: str, text: str, line: str) -> object:
    return pytest.param(text, [f"settings.toml: {line}"], id=story)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        row("a number for a duration", "poll_interval = 60", f"poll_interval = 60: {DURATION}"),
        row("a wrong unit", 'group_wait = "5min"', f"group_wait = '5min': {DURATION}"),
        row(
            "no time between polls",
            'poll_interval = "0s"',
            "poll_interval = '0s': must be longer than 0s",
        ),
        row(
            "polls that are more frequent while nothing runs",
            'idle_poll_interval = "59s"',
            "idle_poll_interval is shorter than poll_interval: it is for when nothing runs or is due",
        ),
        row(
            "no request at all",
            "[[instances]]\nname = 'a'\nserver = 'a.example'\nclient_id = 'c'\nclient_secret = 's'\n"
            "requests_per_minute = 0",
            "instances[0].requests_per_minute = 0: Input should be greater than or equal to 1",
        ),
        row(
            "more than ten years",
            'log_keep = "4000d"',
            "log_keep = '4000d': more than ten years is not a useful duration",
        ),
        row(
            "a misspelt setting",
            'poll_intervall = "60s"',
            "poll_intervall: there is no such setting; did you mean poll_interval?",
        ),
        row(
            "a setting in capitals",
            'LISTEN = "127.0.0.1:1"',
            "LISTEN: there is no such setting; did you mean listen?",
        ),
        row(
            "a setting above its table",
            "failure_threshold = 3",
            "failure_threshold: there is no such setting here; "
            "it belongs into detection or instances or jobs or groups",
        ),
        row(
            "a setting like no other",
            "[redact]\nxyz = 1",
            "redact.xyz: there is no such setting; known here: personal, patterns",
        ),
        row(
            "a number for a word",
            "log_level = 3",
            "log_level = 3: Input should be 'debug', 'info', 'warning' or 'error'",
        ),
        row(
            "an unknown word",
            'log_format = "yaml"',
            "log_format = 'yaml': Input should be 'text' or 'json'",
        ),
        row("a port alone", 'listen = "9985"', "listen = '9985': write HOST:PORT, such as 127.0.0.1:9985"),
        row(
            "a port out of range",
            'listen = "127.0.0.1:65536"',
            "listen = '127.0.0.1:65536': write HOST:PORT, such as 127.0.0.1:9985",
        ),
        row(
            "another database",
            'state = "mysql://user:top-secret@host/db"',
            "state: mysql is not supported; use sqlite:///PATH or postgresql+psycopg://…",
        ),
        row(
            "a path for the state",
            'state = "/var/lib/top-secret"',
            "state: not a database URL, such as sqlite:////var/lib/sfcc-job-monitor/state.sqlite",
        ),
        row(
            "a database whose port is none",
            'state = "postgresql+psycopg://user:top-secret@host:port/db"',
            "state: not a database URL, such as sqlite:////var/lib/sfcc-job-monitor/state.sqlite",
        ),
        row(
            "a storm of one",
            "storm_threshold = 1",
            "storm_threshold = 1: Input should be greater than or equal to 2",
        ),
        row(
            "a broken pattern",
            '[redact]\npatterns = ["("]',
            "redact.patterns[0] = '(': not a regular expression: "
            "missing ), unterminated subpattern at position 0",
        ),
        row("a table that is none", 'instances = "top-secret"', "instances: a list is wanted here"),
        row(
            "an unknown time zone",
            f'{INSTANCE}timezone = "Berlin"',
            f"instances[0].timezone = 'Berlin': {ZONE}",
        ),
        row(
            "a misspelt field of an instance, with a secret",
            f'{INSTANCE}client_secert = "top-secret"',
            "instances[0].client_secert: there is no such setting; did you mean client_secret?",
        ),
        row(
            "a misspelt field two levels down",
            f'{INSTANCE}[instances.webdav]\npasword = "top-secret"',
            "instances[0].webdav.pasword: there is no such setting; did you mean password?",
        ),
        row(
            "an unknown kind of instance",
            f'{INSTANCE}type = "live"',
            "instances[0].type = 'live': Input should be 'production', 'staging', 'development' or 'sandbox'",
        ),
        row(
            "a label that is no text",
            f"{INSTANCE}labels = {{ shops = 3 }}",
            "instances[0].labels.shops = 3: Input should be a valid string",
        ),
        row(
            "a secret twice",
            f'{INSTANCE}client_secret_file = "/run/secrets/x"',
            "instances[0]: give client_secret or client_secret_file, not both",
        ),
        row(
            "a WebDAV key twice",
            f'{INSTANCE}password = "top-secret"\npassword_file = "/run/secrets/x"',
            "instances[0]: give password or password_file, not both",
        ),
        row(
            "a client of its own without a secret",
            f'{INSTANCE}[instances.ocapi]\nclient_id = "other"',
            "instances[0]: ocapi: client_secret, client_secret_file, or jwt_cert with jwt_key is missing",
        ),
        row(
            "no client",
            '[[instances]]\nname = "a"\nserver = "a.example"\nclient_secret = "top-secret"',
            "instances[0]: client_id is missing: the API client made in Account Manager",
        ),
        row(
            "no server",
            '[[instances]]\nname = "a"\nclient_id = "id"\nclient_secret = "top-secret"',
            "instances[0].server: is missing",
        ),
        row(
            "two instances of one name",
            INSTANCE + INSTANCE,
            "two instances are named production; give each its own name",
        ),
        row("two groups of one name", GROUP + GROUP, "two groups are named imports; give each its own name"),
        row(
            "a group without jobs",
            '[[groups]]\nname = "imports"\njobs = []',
            "groups[0].jobs: must not be empty",
        ),
        row(
            "no failure at all",
            f"{JOB}failure_threshold = 0",
            "jobs[0].failure_threshold = 0: Input should be greater than or equal to 1",
        ),
        row(
            "an unknown severity",
            f'{JOB}severity = {{ slow = "fatal" }}',
            "jobs[0].severity.slow = 'fatal': Input should be 'info', 'warning', 'critical' or 'off'",
        ),
        row(
            "a severity of a misspelt condition",
            f'{JOB}severity = {{ overlaps = "info" }}',
            "jobs[0].severity: there is no condition overlaps; did you mean overlap?",
        ),
        row(
            "a severity of no condition",
            'detection.severity = { xyz = "off" }',
            "detection.severity: there is no condition xyz; known are failed, degraded, no_data, slow, fast, "
            "stuck, interrupted, late, missed, site_missing, stale, deadline, moved, unexpected, overlap, "
            "buffer, too_often, manual_clash, out_of_order, full_imports, saturated, blind, log_access, "
            "expiring",
        ),
        row(
            "a limit of nothing",
            f'{JOB}max_duration = "0s"',
            "jobs[0].max_duration = '0s': must be longer than 0s",
        ),
        row(
            "a limit without a unit, of a group",
            f"{GROUP}stuck_after = 90",
            f"groups[0].stuck_after = 90: {DURATION}",
        ),
        row(
            "a deadline that is no time of day",
            f'{GROUP}finish_by = "6:30"',
            "groups[0].finish_by = '6:30': a time of day is written HH:MM, such as 00:10",
        ),
        row(
            "an instance that is full of nothing",
            "detection.saturated_at = 0",
            "detection.saturated_at = 0: Input should be greater than or equal to 1",
        ),
        row(
            "a threshold of instances for a job",
            f"{JOB}saturated_at = 10",
            "jobs[0].saturated_at: there is no such setting here; it belongs into detection or instances",
        ),
        row("a job without a glob", '[[jobs]]\ntitle = "x"', "jobs[0].match: is missing"),
        row("no address", TARGET, "targets[0]: give exactly one of url, url_file and url_env"),
        row(
            "a pager without its key",
            f'{TARGET}type = "pagerduty"',
            "targets[0]: type pagerduty: give exactly one of key, key_file and key_env",
        ),
        row(
            "a pager with two keys",
            f'{TARGET}type = "opsgenie"\nkey = "k"\nkey_env = "K"',
            "targets[0]: type opsgenie: give exactly one of key, key_file and key_env",
        ),
        row(
            "a pager with two addresses",
            f'{TARGET}type = "opsgenie"\nkey = "k"\nurl = "https://a.example"\nurl_env = "K"',
            "targets[0]: give at most one of url, url_file and url_env",
        ),
        row(
            "an Alertmanager without an address",
            f'{TARGET}type = "alertmanager"',
            "targets[0]: give exactly one of url, url_file and url_env",
        ),
        row(
            "a webhook with two keys",
            f'{TARGET}type = "webhook"\nurl = "https://a.example"\nkey = "k"\nkey_env = "K"',
            "targets[0]: give at most one of key, key_file and key_env",
        ),
        row(
            "a key for an address that has its own",
            f'{TARGET}url = "slack://"\nkey = "s3cret"',
            "targets[0]: a key is for the types alertmanager, pagerduty, opsgenie, webhook;"
            " an Apprise address carries its own",
        ),
        row(
            "a type that is none",
            f'{TARGET}type = "pagerdutty"\nurl = "slack://"',
            "targets[0].type = 'pagerdutty':"
            " Input should be 'apprise', 'alertmanager', 'pagerduty', 'opsgenie' or 'webhook'",
        ),
        row(
            "two addresses",
            f'{TARGET}url = "slack://top-secret"\nurl_env = "CHAT"',
            "targets[0]: give exactly one of url, url_file and url_env",
        ),
        row(
            "an address for a variable's name",
            f'{TARGET}url_env = "slack://top-secret"',
            "targets[0].url_env: not the name of an environment variable, such as CHAT_URL; "
            "an address belongs into url",
        ),
        row(
            "an address that is a table",
            f'{TARGET}url = {{ token = "top-secret" }}',
            "targets[0].url: Input should be a valid string",
        ),
        row(
            "targets that are addresses",
            'targets = ["slack://top-secret"]',
            "targets[0]: a table is wanted here",
        ),
        row(
            "a route to nowhere known",
            f'{TARGET}url = "json://a"\n[[routes]]\ntargets = ["opps"]',
            "routes[0].targets: there is no target opps; known are ops",
        ),
        row(
            "a route without any target there is",
            '[[routes]]\ntargets = ["ops"]',
            "routes[0].targets: there is no target ops; "
            "known are none: name them in [[targets]] or apprise_urls",
        ),
        row(
            "a match by what nothing has",
            '[[routes]]\ntargets = []\nmatch = { job = "x" }',
            "routes[0].match: nothing can be matched by job; did you mean job_id?",
        ),
        row(
            "a match by a condition there is not",
            '[[routes]]\ntargets = []\nmatch = { condition = "fail" }',
            "routes[0].match: there is no condition fail; did you mean failed?",
        ),
        row(
            "a match by a severity in capitals",
            '[[routes]]\ntargets = []\nmatch = { severity = ["info", "CRITICAL"] }',
            "routes[0].match: there is no severity CRITICAL; did you mean critical?",
        ),
        row(
            "a misspelt continue",
            "[[routes]]\ntargets = []\ncontinues = true",
            "routes[0].continues: there is no such setting; did you mean continue?",
        ),
        row(
            "two routes of one name",
            '[[routes]]\nname = "a"\ntargets = []\n[[routes]]\nname = "a"\ntargets = []',
            "two routes are named a; give each its own name",
        ),
        row(
            "a heartbeat that is no address",
            'heartbeat_url = "top-secret"',
            "heartbeat_url: not the address of a ping service, such as https://hc-ping.com/…",
        ),
        row(
            "two heartbeats",
            'heartbeat_url = "https://a/top-secret"\nheartbeat_url_file = "b"',
            "give heartbeat_url or heartbeat_url_file, not both",
        ),
        row(
            "hours that a route names and that there are not",
            f'{WINDOW}kind = "mute"\nlength = "1h"\n[[routes]]\ntargets = []\nactive = ["night"]',
            "routes[0].active: there are no hours named night; "
            'known are none: name them in [[windows]], of kind "hours"',
        ),
        row(
            "hours of some jobs",
            f'{WINDOW}kind = "hours"\nlength = "1h"\njobs = ["x"]',
            "windows[0]: jobs has no meaning for hours: the route that names it says for what it counts",
        ),
        row(
            "an escalation to nobody",
            '[[routes]]\ntargets = []\nescalate_after = "15m"',
            "routes[0]: escalate_after and escalate_to go together",
        ),
        row(
            "a fallback that is not there",
            f'{TARGET}url = "json://a"\nfallback = "mail"\n[[targets]]\nname = "b"\nurl = "json://b"',
            "targets[0].fallback: there is no other target mail; others are b",
        ),
        row(
            "a fallback to itself",
            f'{TARGET}url = "json://a"\nfallback = "ops"',
            "targets[0].fallback: there is no other target ops; others are none",
        ),
        row(
            "a window of a kind there is not",
            f'{WINDOW}kind = "mutes"\nlength = "1h"',
            "windows[0].kind = 'mutes': Input should be 'mute', 'expect_downtime', 'no_slots' or 'hours'",
        ),
        row(
            "a window without an end",
            f'{WINDOW}kind = "mute"\nlength = "0s"',
            "windows[0].length = '0s': must be longer than 0s",
        ),
        row(
            "jobs of a downtime",
            f'{WINDOW}kind = "expect_downtime"\nlength = "1h"\njobs = ["x"]',
            "windows[0]: jobs has no meaning for expect_downtime: it is of the whole instance",
        ),
        row(
            "a target named like one without a name",
            'apprise_urls = ["json://a", "json://b"]\n[[targets]]\nname = "apprise-2"\nurl = "json://c"',
            "a target is named apprise-2, which is the name of one of apprise_urls; give it another",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(refused: Refused, text: str, lines: list[str]) -> None:
    assert refused(text) == lines


SERVER = 'name = "a"\nclient_id = "id"\nclient_secret = "top-secret"\n'


@pytest.mark.parametrize(
    ("server", "shown", "message"),
    [
        pytest.param("", "''", f"is empty; {HOST}", id="empty"),
        pytest.param(
            "http://shop.example",
            "'http://shop.example'",
            "http:// would send secrets readable for all to shop.example; use https://",
            id="plain http to another machine",
        ),
        pytest.param(
            "ftp://shop.example", "'ftp://shop.example'", f"ftp:// is not known here; {HOST}", id="ftp"
        ),
        pytest.param(
            "https://user:top-secret@shop.example",
            "'***@shop.example'",
            "a login does not belong into the address; there are settings for it",
            id="with a login",
        ),
        pytest.param(
            "shop.example/on/demandware",
            "'shop.example/on/demandware'",
            f"only the host is wanted, without a path; {HOST}",
            id="with a path",
        ),
        pytest.param(
            "shop.example:http",
            "'shop.example:http'",
            "the port must be a number from 1 to 65535",
            id="a port in words",
        ),
    ],
)
@pytest.mark.parametrize("field", ["server", "webdav_server", "account_manager_host"])
def test_every_server_is_a_host_or_an_https_address(
    refused: Refused, field: str, server: str, shown: str, message: str
) -> None:
    other = "" if field == "server" else 'server = "shop.example"\n'
    text = f'[[instances]]\n{SERVER}{other}{field} = "{server}"'
    assert refused(text) == [f"settings.toml: instances[0].{field} = {shown}: {message}"]


@pytest.mark.parametrize("server", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"])
def test_plain_http_is_taken_for_loopback(read: Callable[..., object], server: str) -> None:
    assert read(f'[[instances]]\n{SERVER}server = "{server}"')


def test_all_problems_are_told_at_once(refused: Refused) -> None:
    text = f"""
        poll_interval = 60
        log_levels = "all"
        {INSTANCE}
        timezone = "Berlin"
        {INSTANCE}
        client_secret_file = "/run/secrets/x"
        {TARGET}
    """
    environ = {"SFCC_MONITOR_LISTENS": "x", "SFCC_MONITOR_GROUPS": "[", "SFCC_MONITOR_LOG_LEVEL": "loud"}
    assert refused(text, environ) == [
        f"SFCC_MONITOR_GROUPS: not valid JSON (Expecting value); {JSON}",
        "SFCC_MONITOR_LISTENS: there is no such setting; did you mean SFCC_MONITOR_LISTEN?",
        f"settings.toml: poll_interval = 60: {DURATION}",
        "SFCC_MONITOR_LOG_LEVEL = 'loud': Input should be 'debug', 'info', 'warning' or 'error'",
        f"settings.toml: instances[0].timezone = 'Berlin': {ZONE}",
        "settings.toml: instances[1]: give client_secret or client_secret_file, not both",
        "settings.toml: targets[0]: give exactly one of url, url_file and url_env",
        "settings.toml: log_levels: there is no such setting; did you mean log_level?",
        "settings.toml: two instances are named production; give each its own name",
    ]


def test_a_long_value_is_cut_where_the_sentence_quotes_it_too(refused: Refused) -> None:
    (line,) = refused(INSTANCE + f'account_manager_host = "{"x" * 5000}"')
    assert len(line) < 400
    assert line.endswith(f"is not a host name; {HOST}")


def test_a_long_value_is_cut(refused: Refused) -> None:
    line = refused(f'listen = "{"x" * 500}"')[0]
    assert line == f"settings.toml: listen = '{'x' * 79}…: write HOST:PORT, such as 127.0.0.1:9985"
