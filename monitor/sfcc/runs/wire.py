"""Pure codec: a platform document of a run (OCAPI Data API `job_execution`) → `Execution`.

Knows the documents' fields; knows no HTTP and no paging, and uses the standard library only. The one
idea: nothing in a document is trusted to be there or to be of its type. A field that makes no sense is
None, a word nobody knows is kept, and only a run that cannot be told from others is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from monitor.model import FINAL_WORDS, ORGANIZATION, Execution, ExitStatus, RunId, Step

ACTIVE_WORDS = (
    *("pending", "running", "pausing", "paused", "resuming", "resumed"),
    *("restarting", "retrying", "aborting", "unknown"),
)
"""`execution_status` words of a run that can still change; the search wants them in upper case."""

TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-]\d\d):?(\d\d))")
PLAUSIBLE_YEARS = range(2000, 2200)  # outside are null substitutes (0001, 1970, 9999), not times of runs
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST_RUN = 10 * 366 * 86_400_000  # milliseconds
MAX_ID = 500  # the platform's own limit is 256
MAX_KEY = 800  # bytes; PostgreSQL takes 2700 in an index, which holds two ids or an id and a scope
MAX_TEXT = 20_000  # an exit message may hold a stack trace, not a file
MAX_INTEGER = 10**18
MAX_COUNT = 2**31  # what an integer column holds
LEGACY_LOG_FOLDER = "/Sites/Impex/log/"  # before version 20 a document had a bare `log_file_name`

Document = Mapping[str, Any]

_NOTHING: Document = {}
_as_json = json.JSONEncoder(separators=(",", ":")).encode


class UnreadableError(ValueError):
    """A hit that names no run; `where` is its id or job, as far as it has one."""

    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(why)
        self.where = where


def identity(hit: object) -> RunId:
    """Which run the hit is about; raises `UnreadableError`."""
    if not isinstance(hit, dict):
        raise UnreadableError(f"it is {type(hit).__name__}, not a document")
    job_id, run = _identifier(hit.get("job_id")), _identifier(hit.get("id"))
    if job_id is None:
        raise UnreadableError("it has no usable job_id", f"execution {run}" if run else "")
    if run is None:
        raise UnreadableError("it has no usable id", f"job {job_id}")
    return RunId(job_id, run)


def version(hit: Document) -> str:
    """Fingerprint of what can change in a hit, cheap: taken of every hit, before any parsing.

    But for how long it has taken: that of an active run is another one at each look.
    """
    get = hit.get
    values = (
        get("execution_status"),
        get("status"),
        _document(get("exit_status")).get("status"),
        get("last_modified") or get("modification_time"),
        get("start_time"),
        get("end_time"),
        get("is_log_file_existing"),
        _document(get("retry_information")).get("current_retry_attempt"),
    )
    return _as_json([_short(value) for value in values])


def fingerprint(hit: object) -> str:
    """Tells hits apart that name no run; of what is nested in them, only that it is there."""
    parts: list[Any] = [type(hit).__name__, _short(hit)]
    if isinstance(hit, Mapping):
        parts += sorted((_storable(name[:100]), str(_short(value))) for name, value in hit.items())
    elif isinstance(hit, list):
        parts += [len(hit), *map(_short, hit[:100])]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def is_active(hit: Document) -> bool:
    """Whether the run can still change, without parsing the rest."""
    word = hit.get("execution_status")
    if isinstance(word, str) and word in FINAL_WORDS:  # as nearly all are written
        return False
    return _execution_status(hit) not in FINAL_WORDS


def duration(hit: Document) -> timedelta | None:
    """How long the run took, or has taken so far."""
    return _duration(hit.get("duration"))


def parse(hit: object, instance: str) -> Execution:
    """The run the document tells of; raises `UnreadableError` when it has no identity, nothing else."""
    run = identity(hit)
    doc = _document(hit)
    retry = _document(doc.get("retry_information"))
    return Execution(
        instance=instance,
        job_id=run.job_id,
        id=run.id,
        scope=_scope(doc.get("execution_scopes")),
        execution_status=_execution_status(doc),
        status=_text(doc.get("status")),
        exit_status=_exit_status(doc.get("exit_status")),
        start_time=timestamp(doc.get("start_time")),
        end_time=timestamp(doc.get("end_time")),
        creation_date=timestamp(doc.get("creation_date")),
        last_modified=timestamp(doc.get("last_modified")) or timestamp(doc.get("modification_time")),
        duration=_duration(doc.get("duration")),
        user_login=_text(doc.get("user_login")),
        client_id=_text(doc.get("client_id")),
        is_restart=_flag(doc.get("is_restart")) or False,
        current_retry_attempt=_count(retry.get("current_retry_attempt")),
        max_retries=_count(retry.get("max_retries")),
        log_file_path=_log_file_path(doc),
        is_log_file_existing=_flag(doc.get("is_log_file_existing")),
        steps=_steps(doc.get("step_executions")),
        version=version(doc),
    )


def timestamp(value: object) -> datetime | None:
    """ISO 8601 with `Z` or an offset, with or without fractions; anything else is None."""
    if not isinstance(value, str):
        return None
    if len(value) == 24 and value[4] == value[7] == "-" and value[10::9] == "T." and value[23] == "Z":
        return _usual_timestamp(value)
    match = TIMESTAMP.fullmatch(value)
    if match is None:
        return None
    clock, fraction, hours, minutes = match.groups()
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    try:
        at = datetime.fromisoformat(f"{clock}.{(fraction or '0'):0<6.6}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in PLAUSIBLE_YEARS else None


@lru_cache(maxsize=256)
def _usual_timestamp(value: str) -> datetime | None:
    """As the platform writes them, `2026-11-22T02:00:00.316Z`: nearly all there are.

    Remembered: a run is created and starts, ends and is modified at once, and so do its steps.
    """
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.year in PLAUSIBLE_YEARS else None


def _execution_status(doc: Document) -> str:
    """The platform's word; derived where it is missing, and then final only on proof of an end."""
    given = doc.get("execution_status")
    word = _text(given)
    if word is not None:
        return word.lower()
    is_missing = given is None or isinstance(given, str)  # blank; what is there and no word proves nothing
    ended = is_missing and timestamp(doc.get("end_time")) is not None
    status = (_text(doc.get("status")) or "").lower()
    if status in ACTIVE_WORDS and not ended:
        return status
    return "finished" if ended or (is_missing and _exit_status(doc.get("exit_status"))) else "unknown"


def _exit_status(value: object) -> ExitStatus | None:
    doc = _document(value)
    status = _text(doc.get("status"))
    code, message = _text(doc.get("code")), _text(doc.get("message"))
    if status is code is message is None:
        return None
    return ExitStatus(code, message, status.lower() if status else None)


def _scope(value: object) -> str:
    items = _list(value)
    if len(items) == 1:
        return _short_enough(_text(items[0]) or "") or ORGANIZATION
    names = {name for item in items if (name := _text(item))}
    return _short_enough(", ".join(sorted(names))) or ORGANIZATION


def _short_enough(key: str) -> str:
    """A job may run for hundreds of sites: the first ones, and what tells these from others."""
    whole = key.encode()
    if len(whole) <= MAX_KEY:
        return key
    mark = hashlib.blake2b(whole, digest_size=8).hexdigest()
    return f"{whole[: MAX_KEY - 32].decode('utf-8', 'ignore')}… ({mark})"


def _log_file_path(doc: Document) -> str | None:
    path, name = _text(doc.get("log_file_path")), _text(doc.get("log_file_name"))
    return path or (LEGACY_LOG_FOLDER + name if name else None)


def _steps(value: object) -> tuple[Step, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple([_step(item) for item in value if isinstance(item, Mapping)])


def _step(doc: Document) -> Step:
    step_type = _text(doc.get("step_type_id"))
    return Step(
        step_id=_text(doc.get("step_id")) or step_type or _text(doc.get("id")) or "(unnamed)",
        id=_identifier(doc.get("id")),
        step_type_id=step_type,
        scope=_text(doc.get("execution_scope")),
        execution_status=_execution_status(doc),
        exit_status=_exit_status(doc.get("exit_status")),
        status=_text(doc.get("status")),
        start_time=timestamp(doc.get("start_time")),
        end_time=timestamp(doc.get("end_time")),
        duration=_duration(doc.get("duration")),
    )


def _identifier(value: object) -> str | None:
    """Ids are digits in a string; a bare number means the same. Never repaired: they go into addresses."""
    if not isinstance(value, str):
        is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_INTEGER
        return str(value) if is_number else None
    if not value or value.isspace() or len(value) > MAX_ID:
        return None
    if value.isascii():
        return value if value.isprintable() else None
    if CONTROL.search(value) or _storable(value) != value or len(value.encode()) > MAX_KEY:
        return None
    return value


def _text(value: object) -> str | None:
    """Text as far as it is one; None when nothing is left."""
    if not isinstance(value, str):
        return None
    if len(value) <= MAX_TEXT and value.isascii() and "\0" not in value:
        return value.strip() or None
    return _storable(value[:MAX_TEXT]).strip() or None


def _storable(text: str) -> str:
    """Without NUL, which PostgreSQL refuses, and lone surrogates, which have no UTF-8."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _duration(value: object) -> timedelta | None:
    """Milliseconds; negative or absurd ones tell nothing, and NaN compares false."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_RUN:
        return None
    return timedelta(milliseconds=value)


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_COUNT:
        return value
    return None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _document(value: object) -> Document:
    return value if isinstance(value, dict) else _NOTHING


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _short(value: object) -> str | int | float | None:
    """Scalars as they are, within reason; of anything else only that it was there."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return value[:100]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < MAX_INTEGER):
        return value
    return f"({type(value).__name__})"
