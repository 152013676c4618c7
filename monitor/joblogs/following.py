"""A log while it is written: what is new of it, in whole lines, without the secrets in it.

Knows bytes and lines; asks a reader for more and waits for nobody. The one idea: a secret may begin in one
line and end in a later one, so what is new is masked together with the lines before it, and only the new ones
are given away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from monitor.errors import Reason, SfccError
from monitor.masking import Mask
from monitor.model import Execution, RunKey
from monitor.sfcc import LogReader

PIECE = 256 * 1024  # bytes asked for at a time
LONGEST_LINE = 1024 * 1024  # bytes; what is longer is given away in parts
CONTEXT = 100  # lines that new ones are masked with: a private key has about fifty


class MaskedLines:
    """Bytes as they come to lines that may be shown."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = b""
        self._before: deque[str] = deque(maxlen=CONTEXT)

    def feed(self, data: bytes) -> list[str]:
        """The lines that are whole by now, without their ends."""
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        if not newline and len(rest) > LONGEST_LINE:
            whole, newline, rest = rest, b"\n", b""
        self._rest = rest
        return self._shown(whole) if newline else []

    def end(self) -> list[str]:
        """What is left, where the last line has no end."""
        rest, self._rest = self._rest, b""
        return self._shown(rest) if rest else []

    def _shown(self, data: bytes) -> list[str]:
        text = data.decode("utf-8", "replace").replace("\0", "")
        new = [line.removesuffix("\r") for line in text.split("\n")]
        together = [*self._before, *new]
        masked = self._mask("\n".join(together))[0].split("\n")
        if len(masked) != len(together):  # a rule of the settings that joins lines
            self._before.clear()
            masked = self._mask("\n".join(new))[0].split("\n")
        shown = masked[len(self._before) :]
        self._before.extend(new)
        return shown


class LogTail:
    """The new lines of a run's log, and of the log of the attempt that takes its place."""

    def __init__(self, reader: LogReader, mask: Mask) -> None:
        self._reader = reader
        self._mask = mask
        self._lines = MaskedLines(mask)
        self._offset = 0
        self._of: RunKey | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there was anything yet."""
        return self._offset > 0

    def more(self, run: Execution) -> Iterator[Sequence[str]]:
        """None while there is no log; raises `SfccError` where it is there and cannot be read."""
        if self._of is not None and self._of != run.key:
            yield self._lines.end()
            self._lines, self._offset = MaskedLines(self._mask), 0
        self._of = run.key
        if run.log_file_path is None:
            return
        while data := self._read(run.log_file_path):
            self._offset += len(data)
            yield self._lines.feed(data)
            if len(data) < PIECE:
                return

    def end(self) -> list[str]:
        return self._lines.end()

    def _read(self, path: str) -> bytes:
        try:
            return self._reader.since(path, self._offset, limit=PIECE)
        except SfccError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            return b""
