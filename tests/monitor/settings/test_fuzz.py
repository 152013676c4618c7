"""Whatever a file holds: settings, or a SettingsError that gives no secret away."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
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
