"""What a failed try means: by the number of the answer, or by the lines that the library logged. Pure.

The lines themselves go nowhere: they may hold parts of the address. What is raised is made of our own words
and the number of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from alerts.model import DeliveryError, DeliveryReason

_HTTP = re.compile(r"\berror[=:] ?(\d{3})\b")
_SMTP = re.compile(r"\((\d{3}), b?['\"]|refused: (\d{3}) ")
_TIMEOUT = re.compile(r"timed out|timeout", re.IGNORECASE)
_NETWORK = re.compile(r"connection error|socket exception|could not be resolved", re.IGNORECASE)
_WHY_AWAY: Mapping[str, str] = {
    r"certificate.verify.failed": "its certificate is not accepted (TLS)",
    r"ssl(?:error|eoferror|:|\])": "no TLS connection came about",
    r"nameresolution|failed to resolve|could not be resolved": "its name was not found",
    r"name or service not known|name resolution|getaddrinfo": "its name was not found",
    r"connection refused": "the connection was refused",
    r"no route to host|network is unreachable": "there is no way to it",
    r"connection reset|connection aborted|broken pipe|unexpectedly closed": "the connection was cut off",
}
"""What the lines of the library say, and what is said of it: the first that is found."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    reason: DeliveryReason
    permanent: bool = False
    answered: bool = True


_SERVER = _Meaning(DeliveryReason.SERVER)
_AWAY = _Meaning(DeliveryReason.SERVER, answered=False)  # a gateway speaks in place of the target
_REFUSED = _Meaning(DeliveryReason.REFUSED, permanent=True)
_CREDENTIALS = _Meaning(DeliveryReason.CREDENTIALS, permanent=True)

_HTTP_MEANINGS: Mapping[int, _Meaning] = {
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    407: _CREDENTIALS,
    408: _Meaning(DeliveryReason.TIMEOUT, answered=False),
    425: _SERVER,
    429: _Meaning(DeliveryReason.THROTTLED),
    502: _AWAY,
    503: _AWAY,
    504: _AWAY,
}
_SMTP_MEANINGS: Mapping[int, _Meaning] = {
    421: _AWAY,
    530: _CREDENTIALS,
    534: _CREDENTIALS,
    535: _CREDENTIALS,
    538: _CREDENTIALS,
}
_SMTP_WORDS: Mapping[int, str] = {
    421: "service not available",
    450: "mailbox busy",
    451: "error in processing",
    452: "not enough storage",
    530: "authentication required",
    535: "user or password wrong",
    550: "mailbox not available",
    552: "message too large",
    554: "refused",
}
_TOO_LARGE_HTTP = 413
_TOO_LARGE_SMTP = 552


def timed_out() -> DeliveryError:
    return DeliveryError(DeliveryReason.TIMEOUT, "the target did not answer in time")


def explain(lines: Sequence[str], *, had_file: bool) -> DeliveryError:
    """lines: what the library logged during the try, oldest first; the last answer counts."""
    for line in reversed(lines):
        smtp = _SMTP.search(line)
        if smtp:
            return _smtp(int(smtp[1] or smtp[2]), had_file=had_file)
        http = _HTTP.search(line)
        if http:
            return by_status(int(http[1]), had_file=had_file)
    text = "\n".join(lines)
    if _NETWORK.search(text):
        return timed_out() if _TIMEOUT.search(text) else unreachable(text)
    # It may be the file: then the text must get its chance.
    return DeliveryError(
        DeliveryReason.UNKNOWN, "the target did not take it and gave no reason", answered=True
    )


def unreachable(text: str) -> DeliveryError:
    """text: what the libraries say; of it only what is known passes on."""
    return DeliveryError(DeliveryReason.NETWORK, f"the target could not be reached{_why_away(text)}")


def _why_away(text: str) -> str:
    found = (said for pattern, said in _WHY_AWAY.items() if re.search(pattern, text, re.IGNORECASE))
    return next((f": {said}" for said in found), "")


def by_status(
    code: int, *, had_file: bool, detail: str = "", retry_after: float | None = None
) -> DeliveryError:
    """detail: what the target said of it, with nothing secret in it. retry_after: seconds it asked for."""
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "unknown"
    text = f"the target answered {code} ({phrase}){f': {detail}' if detail else ''}"
    if code == _TOO_LARGE_HTTP and had_file:
        return _error(_Meaning(DeliveryReason.FILE_REFUSED), text)
    if code < 400:
        return _error(_REFUSED, f"{text}: a redirect, which is not followed; the address has to be mended")
    meaning = _HTTP_MEANINGS.get(code, _REFUSED if code < 500 else _SERVER)
    return _error(meaning, text, retry_after)


def _smtp(code: int, *, had_file: bool) -> DeliveryError:
    text = (
        f"the mail server answered {code} ({_SMTP_WORDS.get(code, 'refused' if code >= 500 else 'not now')})"
    )
    if code == _TOO_LARGE_SMTP and had_file:
        return _error(_Meaning(DeliveryReason.FILE_REFUSED), text)
    return _error(_SMTP_MEANINGS.get(code, _REFUSED if code >= 500 else _SERVER), text)


def _error(meaning: _Meaning, text: str, retry_after: float | None = None) -> DeliveryError:
    return DeliveryError(
        meaning.reason,
        text,
        permanent=meaning.permanent,
        answered=meaning.answered,
        retry_after=retry_after,
    )
