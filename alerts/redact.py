"""Masking secrets and personal data in text that leaves. Pure.

Takes time linear to the text whatever it holds: every expression begins at something literal or at the
beginning of a word, and what repeats is bounded. Lines stay lines, so that a log keeps its shape; masking
what is masked changes nothing. Rather a harmless value too many than a secret that gets out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote

MASK = "***"

_VALUE_MAX = 4096
_NEARLY = 64
_PIECE = 16_384

_Stage = Callable[[str], tuple[str, int]]
"""The text without one kind of secret, and how many there were."""

_SECRET_NAME = re.compile(
    r"(?:(?:passw(?:or)?d|passwort|kennwort|passphrase|passcode|secret|token|credential|api[_-]?key|access[_-]?key"
    r"|account[_-]?key|shared[_-]?key|private[_-]?key|encryption[_-]?key|client[_-]?assertion(?!_type)"
    r"|session[_-]?id|x-amz-signature)[\w.-]{0,24}"
    r"|(?<![a-z])(?:pass|pwd|sid|dwsid|jwt|sig|(?P<cookie>(?:set-)?cookie))(?![\w-]))"
    # Between a name and its value: `=`, `: `, `": "`, `">`, `%3D`; in XML a line break as well.
    r"\\?[\"']?\s{0,3}(?:(?P<tag>>\s{0,20})|(?:=>|->|[=:]|%3[dD])[ \t]{0,3})",
    re.IGNORECASE,
)
_NAME_BEGIN = re.compile(
    r"pass|kennwort|secret|token|credential|api|access|account|shared|private|encryption|client|session|x-amz"
    r"|pwd|sid|dwsid|jwt|sig|cookie|set-cookie"
)
"""What each of these names begins with, in small letters: a tenth of the time of looking for the names."""

_FOLDED = {
    "\u017f": "s",
    "\u212a": "k",
    "\u0130": "i",
    "\u0131": "i",
}  # taken for these letters where case does not count
_BLANK = re.compile(r"\s")
_QUOTE = re.compile(r"\\?[\"']")
_STOP = re.compile(
    r"\s|<(?=[/A-Za-z!])|&(?=[A-Za-z_][\w.-]{0,40}=|(?:amp|quot|lt);)|\\?[\"'](?=[\s,;:)}\]&<>]|$)|\\[nrt]"
)
_HARMLESS = re.compile(r"(?:\*+|null|none|nil|true|false|undefined|[({\[\\\"'<>]+)$", re.IGNORECASE)

_AUTHORIZATION = re.compile(
    r"(?P<kept>authorization\\?[\"']?\s{0,3}[=:][ \t]{0,3}+\[?+\\?+[\"']?+)(?!\*\*\*)"
    r"(?:(?:digest|oauth|aws4-hmac-sha256)[ \t][^\n]{1,4096}"
    r"|(?:[a-z0-9-]{2,20}[ \t]{1,3})?[^\s\"'\]},\\]{1,8192})",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"(?P<kept>\b(?:bearer|basic)[ \t]{1,3})(?P<token>[\w.~+/-]{8,8192}={0,2})", re.IGNORECASE
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,8192}\.[\w-]{2,8192}(?:\.[\w-]{0,8192})?")
_USERINFO = re.compile(r"(?P<kept>://)(?!\*\*\*@)[^\s/?#\"'<>]{1,512}(?=@)")
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{30,255}|glpat-[\w-]{18,64}|xox[abeprs]-[A-Za-z0-9-]{10,255}"
    r"|AIza[\w-]{35}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,255})"
)
_HOOK = re.compile(r"(?P<kept>\bhooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]{8,200}")

_KEY_MARK = re.compile(r"-----(?:BEGIN|(?P<end>END)) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[ \t>|]*[A-Za-z0-9+/=]{16,}\s*$")
_KEY_BODY = re.compile(r"[ \t>|]*(?:[A-Za-z0-9+/=]+|[A-Za-z-]+: [^\n]*)?\s*$")

_HOST = r"[^\W_][\w-]{0,62}(?:\.[\w-]{1,63}){1,8}"
_MAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@" + _HOST)
_MAIL_QUOTED = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}%40" + _HOST)
_DIGITS = re.compile(
    r"(?<![A-Za-z0-9.,])(?=(\d{14,19}"
    r"|\d{4}([ -])(?:\d{4}\2\d{4}\2\d{4}(?:\2\d{3})?|\d{6}\2\d{4,5}))(?![A-Za-z0-9]))\d"
)
"""Looks ahead, because what looks like a card may overlap with one that is."""
_CARD = re.compile(r"(?:4\d{15}|4\d{18}|5\d{15}|2[2-7]\d{14}|6\d{15,18}|3[47]\d{13}|3[068]\d{12}|35\d{14})$")
"""Number ranges of the card brands. Not the 13 digits of old cards: article numbers look like these."""


def mask(text: str, extra: Sequence[str] = (), *, personal: bool = True) -> tuple[str, int]:
    """The text without secrets, and how many were taken out. extra: secrets known by their value.

    personal: mail addresses and card numbers as well.
    """
    total = 0
    for secret in _spellings(extra):
        total += text.count(secret)
        text = text.replace(secret, MASK)
    for stage in (*_STAGES, *(_PERSONAL if personal else ())):
        text, found = stage(text)
        total += found
    return text, total


def _spellings(extra: Sequence[str]) -> list[str]:
    """Longest first: a secret within another leaves nothing over. Very short ones would mask prose."""
    plain = {secret for secret in extra if len(secret) >= 4}
    return sorted(plain | {quote(secret, safe="") for secret in plain}, key=lambda one: (-len(one), one))


def _pattern(pattern: re.Pattern[str], needle: str) -> _Stage:
    """Masks what the pattern finds, but for its group `kept`. needle: what it holds in any case."""
    replacement = (r"\g<kept>" if "kept" in pattern.groupindex else "") + MASK
    return lambda text: pattern.subn(replacement, text) if needle in text else (text, 0)


def _bearer(text: str) -> tuple[str, int]:
    return _replaced(
        text,
        (
            (found.start("token"), found.end())
            for found in _BEARER.finditer(text)
            if _is_token(found["token"])
        ),
    )


def _is_token(text: str) -> bool:
    """Not a word, as in "Bearer authentication"."""
    plain_word = text.isalpha() and (text.islower() or text.isupper() or text.istitle())
    return len(text) >= 24 or not plain_word


def _private_keys(text: str) -> tuple[str, int]:
    """From line to line; beginning or end may be missing because the log was cut."""
    if "PRIVATE KEY" not in text:
        return text, 0
    lines = text.split("\n")
    count, inside = 0, False
    for number, line in enumerate(lines):
        parts: list[str] = []
        position = 0
        if inside:
            end = _KEY_END.search(line)
            inside = end is None and bool(_KEY_BODY.match(line))
            if end is not None or inside:
                parts, position = [MASK], len(line) if end is None else end.end()
        while mark := _KEY_MARK.search(line, position):
            count += 1
            end = mark if mark["end"] else _KEY_END.search(line, mark.end())
            if mark["end"]:
                parts = [MASK]
                _mask_key_above(lines, number)
            else:
                parts += line[position : mark.start()], MASK
            inside = end is None
            position = len(line) if end is None else end.end()
        if parts:
            lines[number] = "".join([*parts, line[position:]])
    return "\n".join(lines), count


def _mask_key_above(lines: list[str], number: int) -> None:
    """The lines of a key whose beginning is not there."""
    while number and _KEY_LINE.match(lines[number - 1]):
        number -= 1
        lines[number] = MASK


def _named_values(text: str) -> tuple[str, int]:
    return _replaced(text, _find_values(text))


def _find_values(text: str) -> Iterator[tuple[int, int]]:
    folded, position = _folded(text), 0
    while begin := _NAME_BEGIN.search(folded, position):
        found = _SECRET_NAME.match(text, begin.start())
        if found is None:
            position = begin.start() + 1
            continue
        start, end = _value(text, found)
        if end - start > _VALUE_MAX - _NEARLY:
            end = _word_end(text, end)
        if end > start and not _HARMLESS.match(text[start:end]):
            yield start, end
        position = max(end, found.end())


def _folded(text: str) -> str:
    """In small letters, each in its place."""
    if text.isascii():
        return text.lower()
    for letter, plain in _FOLDED.items():
        text = text.replace(letter, plain)
    # For letters beyond ASCII `lower` takes twelve bytes a character on the way.
    return "".join(text[start : start + _PIECE].lower() for start in range(0, len(text), _PIECE))


def _value(text: str, name: re.Match[str]) -> tuple[int, int]:
    """Where the value after this name begins and ends."""
    start = name.end()
    line_end = text.find("\n", start, start + _VALUE_MAX)
    limit = min(start + _VALUE_MAX, len(text)) if line_end < 0 else line_end
    if name["tag"] is not None:
        end = text.find("<", start, limit)
        return start, limit if end < 0 else end
    opening = _QUOTE.match(text, start, limit)
    if opening is not None:
        closing = _closing(text, opening[0], opening.end(), limit)
        if closing is not None:
            return opening.end(), closing
        start = opening.end()
    if name["cookie"] is not None:
        return start, limit
    stop = _STOP.search(text, start, limit)
    value = text[start : stop.start() if stop else limit]
    return start, start + len(value.rstrip(",;)]}."))


def _word_end(text: str, position: int) -> int:
    """Where the word ends that goes on there: what is left of an endless value is as secret as the rest."""
    found = _BLANK.search(text, position)
    return found.start() if found else len(text)


def _closing(text: str, mark: str, start: int, limit: int) -> int | None:
    """The closing quotation mark; one after a backslash belongs to the value, unless all of them have one."""
    end = text.find(mark, start, limit)
    while end > start and len(mark) == 1 and text[end - 1] == "\\" and text[max(end - 2, 0)] != "\\":
        end = text.find(mark, end + 1, limit)
    return None if end < 0 else end


def _cards(text: str) -> tuple[str, int]:
    return _replaced(text, _find_cards(text))


def _find_cards(text: str) -> Iterator[tuple[int, int]]:
    done = 0
    for found in _DIGITS.finditer(text):
        digits = found[1].replace(" ", "").replace("-", "")
        if found.start() >= done and _CARD.match(digits) and _luhn(digits):
            done = found.end(1)
            yield found.start(), done


def _luhn(digits: str) -> bool:
    plain = sum(map(int, digits[-1::-2]))
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (plain + doubled) % 10 == 0


def _replaced(text: str, spans: Iterable[tuple[int, int]]) -> tuple[str, int]:
    """spans: in order, without overlap."""
    parts: list[str] = []
    done = count = 0
    for start, end in spans:
        parts += text[done:start], MASK
        done = end
        count += 1
    return "".join([*parts, text[done:]]), count


_STAGES: tuple[_Stage, ...] = (
    _private_keys,
    _pattern(_AUTHORIZATION, ""),
    _pattern(_JWT, "eyJ"),
    _bearer,
    _pattern(_USERINFO, "://"),
    _pattern(_HOOK, "hooks.slack"),
    _pattern(_TOKENS, ""),
    _named_values,
)
_PERSONAL: tuple[_Stage, ...] = (_pattern(_MAIL, "@"), _pattern(_MAIL_QUOTED, "%40"), _cards)
