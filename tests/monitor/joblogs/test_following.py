"""A log that grows: each line once, whole, and without the secrets in it, however it is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.redact import mask
from monitor.errors import LogError, Reason
from monitor.joblogs.following import LONGEST_LINE, PIECE, LogTail, MaskedLines
from monitor.model import Execution
from monitor.sfcc import LogFile, ReadLimits

KEY_TEXT = "\n".join(
    [
        "-----BEGIN RSA PRIVATE KEY-----",
        *["MIIEowIBAAKCAQEAx1x2x3x4x5x6"] * 30,
        "-----END RSA PRIVATE KEY-----",
    ]
)
LOG = (
    "[2026-11-23 02:00:00.000 GMT] INFO übrig\r\npassword=geheim123\n"
    f"{KEY_TEXT}\n<password>\n  geheim456\n</password>\nlast"
)
RUN = Execution("production", "a", "1", execution_status="running", log_file_path="/Sites/LOGS/a.log")


def fed(pieces: Sequence[bytes]) -> list[str]:
    lines = MaskedLines(mask)
    return [*chain.from_iterable(map(lines.feed, pieces)), *lines.end()]


@given(st.lists(st.integers(0, len(LOG.encode())), max_size=12))
def test_however_a_log_comes_its_lines_are_the_same_and_hold_no_secret(cuts: list[int]) -> None:
    data = LOG.encode()
    places = [0, *sorted(cuts), len(data)]
    found = fed([data[one:other] for one, other in pairwise(places)])
    assert found == mask(LOG.replace("\r\n", "\n"))[0].split("\n")
    assert not re.search("geheim|MIIE", "\n".join(found))


def test_a_line_is_shown_when_it_is_whole() -> None:
    lines = MaskedLines(mask)
    assert lines.feed(b"one\ntw") == ["one"]
    assert lines.feed(b"") == []
    assert lines.feed(b"o\n") == ["two"]
    assert lines.end() == []


def test_an_endless_line_is_not_kept_for_good() -> None:
    lines = MaskedLines(mask)
    assert lines.feed(b"x" * LONGEST_LINE) == []
    assert lines.feed(b"y") == ["x" * LONGEST_LINE + "y"]


def test_a_rule_that_joins_lines_loses_none() -> None:
    lines = MaskedLines(lambda text: (text.replace("a\nb", "ab"), 0))
    assert lines.feed(b"a\n") == ["a"]
    assert lines.feed(b"b\nc\n") == ["b", "c"]


@dataclass
class Reader:
    """Files by path; an error in the place of one is raised."""

    files: dict[str, bytes | LogError] = field(default_factory=dict)

    def read(
        self,
        log_file_path: str,
        *,
        head_bytes: int,
        tail_bytes: int,
        limits: ReadLimits = ReadLimits(),  # noqa: B008 - a constant
        archived: bool = True,
    ) -> LogFile:
        raise NotImplementedError

    def since(self, log_file_path: str, offset: int, *, limit: int) -> bytes:
        found = self.files.get(log_file_path, LogError(Reason.NOT_FOUND, "no log"))
        if isinstance(found, LogError):
            raise found
        return found[offset : offset + limit]


def more(tail: LogTail, run: Execution = RUN) -> list[str]:
    return list(chain.from_iterable(tail.more(run)))


def test_each_look_gives_what_is_new() -> None:
    reader = Reader()
    tail = LogTail(reader, mask)
    assert more(tail, replace(RUN, log_file_path=None)) == []
    assert more(tail) == []
    assert [tail.is_begun] == [False]
    reader.files["/Sites/LOGS/a.log"] = b"one\ntwo"
    assert more(tail) == ["one"]
    assert tail.is_begun
    reader.files["/Sites/LOGS/a.log"] = b"one\ntwo\nthree"
    assert more(tail) == ["two"]
    assert tail.end() == ["three"]


def test_much_at_once_comes_in_pieces_and_whole() -> None:
    text = b"".join(b"line %07d\n" % number for number in range(PIECE // 5))
    assert more(LogTail(Reader({"/Sites/LOGS/a.log": text}), mask)) == text.decode().splitlines()


def test_the_attempt_that_takes_over_has_a_log_of_its_own() -> None:
    tail = LogTail(Reader({"/Sites/LOGS/a.log": b"one\ntw", "/Sites/LOGS/b.log": b"three\n"}), mask)
    assert more(tail) == ["one"]
    assert more(tail, replace(RUN, id="2", log_file_path="/Sites/LOGS/b.log")) == ["tw", "three"]


def test_a_log_that_may_not_be_read_is_no_log_that_is_not_there() -> None:
    tail = LogTail(Reader({"/Sites/LOGS/a.log": LogError(Reason.PERMISSION, "no right")}), mask)
    with pytest.raises(LogError, match="no right"):
        more(tail)
