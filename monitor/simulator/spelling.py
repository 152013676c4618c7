"""The same words in two spellings: `job_id` of OCAPI is `jobId` of SCAPI."""

import re
from functools import cache
from typing import Any

_UNDERSCORED = re.compile(r"_([a-z0-9])")


@cache
def camel(name: str) -> str:
    """`start_time` -> `startTime`; what is camelCase already stays as it is."""
    return _UNDERSCORED.sub(lambda match: match[1].upper(), name)


def camel_document(value: Any) -> Any:
    """All property names of a document; `_type` and `_v` are OCAPI's own and fall away."""
    if isinstance(value, dict):
        return {camel(name): camel_document(part) for name, part in value.items() if not name.startswith("_")}
    return [camel_document(part) for part in value] if isinstance(value, list) else value
