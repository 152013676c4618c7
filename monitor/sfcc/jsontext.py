"""JSON as servers send it: one bad spot costs that spot, not the page of two hundred runs around it.

Pure. Good text is read by the standard library at its full speed; only what that refuses is read a second
time, with patience: broken characters are replaced, raw control characters taken, numbers without measure
become infinite, and what is nested beyond all sense becomes null. Half a document is none.
"""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 100  # levels; documents of runs have five
LONGEST_NUMBER = 400  # digits; Python refuses to convert some thousands
PIECE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def read_json(body: bytes) -> Any:
    """Raises `ValueError` where it is not JSON. Its depth is at most `DEEPEST`, or what the library took."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode(_encoding(body), "replace")
        return json.loads(_pruned(text), strict=False, parse_int=_number)


def _encoding(body: bytes) -> str:
    """UTF-16 and UTF-32 are told by their zero bytes; a mark at the beginning is no part of the text."""
    return json.detect_encoding(body)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(digits)


def _pruned(text: str) -> str:
    """With null in the place of each list and object that lies too deep."""
    kept: list[str] = []
    depth = done = 0
    for found in PIECE.finditer(text):
        mark = found[0]
        if mark in {"[", "{"}:
            depth += 1
            if depth == DEEPEST + 1:
                kept += text[done : found.start()], "null"
        elif mark in {"]", "}"}:
            depth -= 1
            if depth == DEEPEST:
                done = found.end()
    return "".join([*kept, text[done:]]) if depth <= DEEPEST else text[:0]
