"""What is to be pasted is the same wherever it is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from monitor.checkup.permissions import Document, Entry, entry_text, ocapi_entry, webdav_entry
from monitor.sfcc.logs.logdenied import CLIENTS_PAGE
from monitor.sfcc.runs.ocapi import SETTINGS_PAGE

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.parametrize("entry", [ocapi_entry("x"), webdav_entry("ü", ("/logs", "/impex/log"))])
def test_what_is_printed_is_what_is_meant(entry: Entry) -> None:
    assert json.loads(entry_text(entry)) == entry


def test_the_readme_shows_the_same_entries() -> None:
    blocks = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    shown = [json.loads(block) for block in blocks]
    assert ocapi_entry("YOUR_CLIENT_ID") in shown
    assert webdav_entry("YOUR_CLIENT_ID") in shown


def test_the_pages_are_those_that_the_errors_name() -> None:
    assert SETTINGS_PAGE in Document.OCAPI.page
    assert CLIENTS_PAGE in Document.WEBDAV.page
