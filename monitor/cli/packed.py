"""Lines of a file as they are, or out of gzip: what `data export` wrote is often kept packed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO

from monitor.errors import MonitorError

GZIP = b"\x1f\x8b"


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Raises MonitorError, at the line where it is found, for a packed file that is cut short or damaged."""
    is_packed = isinstance(file, BufferedReader) and file.peek(len(GZIP)).startswith(GZIP)
    return _unpacked(file) if is_packed else iter(file)


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    with gzip.open(file) as lines:
        try:
            yield from lines
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise MonitorError(
                f"{file.name}: cannot be unpacked any further: {error}; "
                "was it copied completely? what came before can be read"
            ) from error
