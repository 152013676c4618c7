"""The example shows every setting there is, and its commented lines are what holds without them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from monitor.settings import Settings, load
from monitor.settings.environment import table_of
from monitor.targets import notifiers_for

SECRETS = "/run/secrets"

DEPENDS_ON_THE_MACHINE = {"state"}


class Field:
    """A setting by its path, such as `instances.ocapi.client_id`."""

    def __init__(self, path: str, info: FieldInfo, owner: type[BaseModel]) -> None:
        self.path = path
        self.table, _, self.name = path.rpartition(".")
        self.info = info
        self.nested = table_of(info.annotation)
        self.is_inherited = self.nested is not None and issubclass(owner, self.nested)

    @property
    def default(self) -> Any:
        """None where there is none, or where it is nothing."""
        value = self.info.get_default(call_default_factory=True, validated_data={})
        return None if value is PydanticUndefined or value in ({}, []) else value


def fields(model: type[BaseModel] = Settings, above: str = "") -> Iterator[Field]:
    """Those of nested tables included, but for a table that repeats fields of the one it stands in."""
    for name, info in model.model_fields.items():
        field = Field(f"{above}.{info.alias or name}".lstrip("."), info, model)
        yield field
        if field.nested is not None and not field.is_inherited:
            yield from fields(field.nested, field.path)


@pytest.fixture(scope="module")
def example(root: Path) -> str:
    return (root / "sfcc-job-monitor.example.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def uncommented(example: str) -> str:
    """With every line in force that is a setting or the head of a table."""
    return re.sub(r"^# ?(?=\[+[a-z_.]+\]+|[a-z_]+ = )", "", example, flags=re.MULTILINE)


def sections(uncommented: str) -> dict[str, str]:
    """Table -> its lines."""
    found = {"": ""}
    table = ""
    for line in uncommented.splitlines():
        head = re.match(r"\[+([a-z_.]+)\]+", line)
        table = head[1] if head else table
        found[table] = f"{found.get(table, '')}{line}\n"
    return found


def given(uncommented: str, path: str) -> list[Any]:
    """The values a field has in the example, in whatever table of a list."""
    values: list[Any] = [tomllib.loads(uncommented)]
    for name in path.split("."):
        tables = [one for value in values for one in (value if isinstance(value, list) else [value])]
        values = [one[name] for one in tables if isinstance(one, Mapping) and name in one]
    return values


def test_the_example_loads_as_it_is(example: str, tmp_path: Path) -> None:
    for name in re.findall(rf"{SECRETS}/(\w+)", example):
        (tmp_path / name).write_text("json://127.0.0.1/hook" if name == "slack" else "a-secret")
    file = tmp_path / "example.toml"
    file.write_text(example.replace(SECRETS, str(tmp_path)), encoding="utf-8")
    loaded = load(str(file), {}, tmp_path)
    assert loaded.warnings == ()
    for instance in loaded.settings.instances:
        secret = instance.secret("client secret")
        assert secret is not None
        assert secret() == "a-secret"
    assert list(notifiers_for(loaded.settings, {})) == [one.name for one in loaded.settings.targets]


def test_the_example_loads_with_every_line_in_force(uncommented: str, tmp_path: Path) -> None:
    """But for those that hold nothing but an ellipsis, and ways to say the same twice."""
    text = re.sub(r'^\w+ = "…".*\n', "", uncommented, flags=re.MULTILINE)
    text = re.sub(r"^apprise_urls = .*\n", "", text, flags=re.MULTILINE)
    file = tmp_path / "example.toml"
    file.write_text(text, encoding="utf-8")
    assert load(str(file), {}, tmp_path).settings.instances


@pytest.mark.parametrize("field", list(fields()), ids=lambda field: field.path)
def test_every_setting_is_shown(field: Field, uncommented: str) -> None:
    found = sections(uncommented)
    if field.nested is not None:
        assert field.path in found, f"there is no [{field.path}]"
    else:
        assert re.search(rf"\b{field.name}\b", found[field.table]), f"not in [{field.table}]"


def test_nothing_is_shown_that_is_no_setting(uncommented: str) -> None:
    known = {field.path for field in fields()} | {
        f"{field.path}.{name}"
        for field in fields()
        if field.is_inherited and field.nested is not None
        for name in field.nested.model_fields
    }
    shown = {
        f"{table}.{name}".lstrip(".")
        for table, lines in sections(uncommented).items()
        for name in re.findall(r"^([a-z_]+) = ", lines, re.MULTILINE)
    }
    assert shown - known == set()


WITH_DEFAULT = [
    one
    for one in fields()
    if one.nested is None and one.default is not None and one.path not in DEPENDS_ON_THE_MACHINE
]


@pytest.mark.parametrize("field", WITH_DEFAULT, ids=[one.path for one in WITH_DEFAULT])
def test_a_commented_line_says_what_holds_without_it(field: Field, uncommented: str) -> None:
    (value, *_) = given(uncommented, field.path)
    read = TypeAdapter(field.info.rebuild_annotation()).validate_python(value)
    assert read == field.default
