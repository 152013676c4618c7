"""When two error messages mean the same trouble: the text that is left without what differs each time.

Knows wording only. Errs on the side of "the same": another code or step is news anyway, while one
number left in place would announce every repetition of a failure as a new one.
"""

from __future__ import annotations

import re

MESSAGE_LIMIT = 1000
"""Characters of a message that are looked at: what follows is a stack trace."""

STABLE_LIMIT = 300

_ANY = "#"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A URL is its host: paths and queries carry ids, cursors and now and then a token.
    (re.compile(r"\b(https?)://(?:[^\s/@'\"<>]*@)?([^\s/?#'\"<>]+)[^\s'\"<>]*"), r"\1 \2"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w.-]+"), _ANY),
    # Quoted paths and file names, blanks included; an apostrophe inside a word is no quote.
    (re.compile(r"(?<!\w)(['\"`])[^'\"`]*(?:[/\\][^'\"`]*|\.\w{2,5})\1"), _ANY),
    (re.compile(r"(?<![\w/])(?:[A-Za-z]:)?(?:[/\\][\w.@%+~-]+){2,}[/\\]?"), _ANY),
    (re.compile(r"(?<![\w.-])[\w.-]*\d[\w.-]*"), _ANY),
    (
        re.compile(
            r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
            r"|GMT|UTC|CEST|CET|AM|PM)\b"
        ),
        _ANY,
    ),
    (re.compile(rf"{_ANY}(?:[\s,.:;/+|-]*{_ANY})+"), _ANY),
)


def stable(message: str) -> str:
    """Without numbers, ids, times, hex, addresses and paths; on one line."""
    text = " ".join(message[:MESSAGE_LIMIT].split())
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return " ".join(text.split()).rstrip(" .,:;")[:STABLE_LIMIT]
