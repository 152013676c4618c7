"""A module fits into a reader's head, a function on a screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE_LINES = 400
FUNCTION_LINES = 60


@pytest.fixture(scope="module")
def modules(root: Path) -> dict[str, str]:
    found = [path for package in ("monitor", "alerts") for path in (root / package).rglob("*.py")]
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in found}


def lengths(source: str) -> Iterator[tuple[str, int]]:
    """The functions of a module, methods and inner ones included, with their lines, decorators left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_the_product_is_looked_at(modules: dict[str, str]) -> None:
    assert {"monitor/app.py", "monitor/cli/__init__.py", "alerts/outbox.py"} <= set(modules)
    assert dict(lengths("class A:\n    def f(self):\n        pass\n")) == {"f": 2}


def test_no_module_is_longer_than_four_hundred_lines(modules: dict[str, str]) -> None:
    long = {name: len(text.splitlines()) for name, text in modules.items()}
    assert {name: lines for name, lines in long.items() if lines > MODULE_LINES} == {}


def test_no_function_is_longer_than_sixty_lines(modules: dict[str, str]) -> None:
    long = {
        f"{module}: {name}": lines
        for module, text in modules.items()
        for name, lines in lengths(text)
        if lines > FUNCTION_LINES
    }
    assert long == {}
