"""Whatever a file holds: settings, or a SettingsError that gives no secret away."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SettingsError
from monitor.settings.environment import INSTANCE_FIELDS, known_names, table_of
from monitor.settings.load import load, settings_from
from monitor.settings.model import Settings

PLANTED = "Pl4nted"
SECRETS = {"client_secret", "password", "url", "url_env", "apprise_urls", "state"}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.datetimes()
    | st.sampled_from(
        ["5m", "*", "a.example", "http://x.example", "id", "UTC", "info", "sqlite://", "127.0.0.1:1"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
planted = st.sampled_from(
    [
        PLANTED,
        f"slack://{PLANTED}",
        f"slack://a,{PLANTED}://",
        f"mysql://user:{PLANTED}@host/db",
        f"postgresql+psycopg://user:{PLANTED}@host:port/db",
        f"postgresql+psycopg://user:p@ss/{PLANTED}:@host/db",
        [PLANTED],
        {"x": PLANTED},
        [{"url": [PLANTED]}],
    ]
)
logins = st.sampled_from([f"https://user:{PLANTED}@host", f"user:{PLANTED}@host", f"http://{PLANTED}@[::1"])


def fields_of(table: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables of the right names with anything in them, and secrets where a person would put them."""
    names: dict[str, st.SearchStrategy[Any]] = {"": values, "_env_file": values, "self": values}
    for name, info in table.model_fields.items():
        nested = table_of(info.annotation)
        if name in SECRETS:
            names[name] = planted
            names[f"{name}x"] = planted  # misspelt
        elif name.endswith(("server", "host")):
            names[name] = values | logins
        elif nested is not None:
            names[name] = st.lists(fields_of(nested), max_size=2) | fields_of(nested) | planted | values
        else:
            names[name] = values
    entries = [st.tuples(st.just(name), value) for name, value in names.items()]
    return st.lists(st.one_of(entries), max_size=5).map(dict)


def outcome(values: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """All that anybody would see of it."""
    try:
        return repr(settings_from(values, environ, "settings.toml"))
    except SettingsError as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(fields_of(Settings))
def test_any_file_is_settings_or_a_settings_error_without_a_secret(values: dict[str, Any]) -> None:
    text = outcome(values, {})
    assert PLANTED not in text
    assert all(text.split("\n")), "each problem is a line"


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*known_names(Settings), *INSTANCE_FIELDS, "SFCC_INSTANCE", "SFCC_MONITOR_X"]),
        st.text(max_size=8)
        | st.sampled_from(["5m", "a.example", "http://x.example", "{}", "[]", "[{}]", "1"]),
        max_size=6,
    )
)
def test_any_environment_is_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    outcome({}, environ)


SECRET_NAMES = [
    "SFCC_CLIENT_SECRET",
    "SFCC_PASSWORD",
    "APPRISE_URLS",
    "SFCC_MONITOR_APPRISE_URLS",
    "SFCC_MONITOR_STATE",
    "SFCC_MONITOR_TARGETS",
    "SFCC_MONITOR_INSTANCES",
    "SFCC_MONITOR_CLIENT_SECRET",
]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(SECRET_NAMES),
        planted.map(lambda secret: secret if isinstance(secret, str) else json.dumps(secret)),
    ),
    st.sampled_from(["a.example", "http://x.example", f"https://user:{PLANTED}@host"]),
)
def test_no_environment_gives_its_secrets_away(environ: dict[str, str], server: str) -> None:
    assert PLANTED not in outcome({}, {**environ, "SFCC_SERVER": server})


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="a=[]{}\"'.\n1-:T#,", max_size=60).map(str.encode))
def test_any_bytes_of_a_file_are_settings_or_a_settings_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_bytes(content)
    with contextlib.suppress(SettingsError):
        load(str(path), {}, path.parent)


EXAMPLE = Path(__file__).parents[3] / "sfcc-job-monitor.example.toml"


def whole_example() -> dict[str, Any]:
    """With every line that is commented out, where a person would write it; secrets are planted."""
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = tomllib.loads(text.replace('password_file = "…"\n', "").replace("…", "some"))
    (instance,) = found["instances"]
    for table in (instance, instance["ocapi"]):
        table.pop("client_secret_file", None)
        table["client_secret"] = PLANTED
    instance |= {"webdav_server": "logs.example", "password": PLANTED}
    for name in ("password_file", "jwt_passphrase_file", "certificate_passphrase_file"):
        instance.pop(name, None)
    instance["webdav"]["password"] = PLANTED
    found["apprise_urls"] = [f"slack://{PLANTED}/b/c"]
    found.pop("heartbeat_url_file")
    found["heartbeat_url"] = f"https://ping.example/{PLANTED}"
    found["targets"] = [{"name": "ops", "url": f"slack://{PLANTED}/b/c"}]
    return found


def test_the_whole_example_is_good_so_that_what_is_bent_is_the_only_thing_wrong() -> None:
    assert settings_from(whole_example(), {}, "settings.toml").settings.instances[0].name == "production"


def places(value: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*here, key)
        yield from places(item, (*here, key))


PLACES = sorted(places(whole_example()), key=repr)
WRONG: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        10**30,
        float("nan"),
        float("inf"),
        "",
        " ",
        "x" * 5000,
        "\0",
        "\ud800",
        [],
        {},
        [[]],
        [{}],
    ),
    *(
        "99999999999d",
        "-5m",
        "5 minutes",
        "1e9s",
        "0s",
        "Europe/Nowhere",
        "../../etc/passwd",
        "UTC\0",
        "127.0.0.1:99999",
    ),
    *(
        "http://evil.example",
        "https://a.example/path",
        "a b",
        "[",
        "[!",
        "***",
        "(" * 500,
        "(?P<",
        "critcal",
        "sqlite:/",
    ),
]


@st.composite
def bent_examples(draw: st.DrawFn) -> dict[str, Any]:
    """The whole example with one to three changes: values, misspelt keys, unknown sections, names twice."""
    found = whole_example()
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(PLACES))
        target: Any = found
        for step in place[:-1]:
            try:
                target = target[step]
            except (LookupError, TypeError):  # an earlier change took it away
                break
        change, key = draw(st.sampled_from(["value", "misspelt", "section", "twice"])), place[-1]
        if change == "value" and isinstance(target, dict):
            target[str(key)] = draw(st.sampled_from(WRONG) | values)
        elif change == "misspelt" and isinstance(target, dict) and key in target:
            target[draw(st.sampled_from([f"{key}x", str(key)[1:], str(key).upper(), "\n"]))] = target.pop(
                str(key)
            )
        elif change == "section":
            found[draw(st.sampled_from(["instance", "redakt", "x.y", ""]))] = draw(
                st.just({"a": PLANTED}) | values
            )
        elif change == "twice" and isinstance(tables := found.get(str(place[0])), list) and tables:
            tables.append(copy.deepcopy(tables[0]))
    return found


@settings(max_examples=250, deadline=None)
@given(
    bent_examples(),
    st.dictionaries(
        st.sampled_from(
            [
                "SFCC_MONITOR_POLL_INTERVAL",
                "SFCC_MONITOR_GROUPS",
                "SFCC_SERVER",
                "SFCC_MONITOR_REDACT__PERSONAL",
            ]
        ),
        st.sampled_from(["5m", "[]", "{}", "no", "http://x.example", "[1", '[{"name":"a"', "\udcff"]),
        max_size=2,
    ),
)
def test_an_example_with_mistakes_is_refused_with_their_places(
    values: dict[str, Any], environ: dict[str, str]
) -> None:
    try:
        loaded = settings_from(values, environ, "settings.toml")
    except SettingsError as error:
        text = str(error)
        assert PLANTED not in text
        text.encode("utf-8", "surrogatepass")
        for line in error.problems:
            assert len(line) < 1500
            place, colon, why = line.partition(": ")
            assert place, line
            assert colon, line
            assert why, line
        return
    assert PLANTED not in repr(loaded)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_table_in_the_place_of_any_value_is_settings_or_an_error_that_names_it(
    place: tuple[str | int, ...],
) -> None:
    found: Any = whole_example()
    target = found
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = {"such": [PLANTED]}
    text = outcome(found, {})
    assert PLANTED not in text
    assert str(place[0]) in text
