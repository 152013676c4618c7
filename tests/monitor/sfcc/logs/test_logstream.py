from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.sfcc.logs.logstream import PIECE, DamagedError, Unpacked, Window

TEXT = b"".join(b"line %06d\n" % number for number in range(20_000))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def unpacked(chunks: Iterable[bytes]) -> tuple[bytes, bool]:
    """All that can be had, and whether it was complete."""
    found = bytearray()
    try:
        for chunk in Unpacked(chunks):
            found += chunk
    except DamagedError:
        return bytes(found), False
    return bytes(found), True


@pytest.mark.parametrize("size", [1, 2, 17, 65_536])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(gzip.compress(TEXT), id="one archive"),
        pytest.param(gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]), id="two put together"),
        pytest.param(gzip.compress(TEXT) + b"\0" * 600, id="filled up with zeros"),
        pytest.param(gzip.compress(TEXT[:9]) + b"\0" * 600 + gzip.compress(TEXT[9:]), id="zeros between"),
        pytest.param(gzip.compress(TEXT) + b"-- end --", id="something else behind it"),
        pytest.param(TEXT, id="not packed"),
    ],
)
def test_a_file_is_unpacked_whatever_its_pieces(data: bytes, size: int) -> None:
    assert unpacked(cut(data, size)) == (TEXT, True)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x1f", id="half of what an archive begins with"),
        pytest.param(b"x\x1f\x8b", id="an archive's beginning further on"),
    ],
)
def test_what_is_no_archive_comes_through_as_it_is(data: bytes) -> None:
    assert unpacked(cut(data, 1)) == (data, True)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "right"),
    [
        pytest.param(gzip.compress(TEXT)[:-9], len(TEXT), id="cut off"),
        pytest.param(gzip.compress(TEXT)[:10], 0, id="nothing but its beginning"),
        pytest.param(flipped(gzip.compress(TEXT), 30_000), 65_536, id="damaged amid"),
        pytest.param(flipped(gzip.compress(TEXT), 2), 0, id="of an unknown kind"),
        pytest.param(flipped(gzip.compress(TEXT), -5), 65_536, id="with another checksum"),
        pytest.param(gzip.compress(TEXT) + b"\x1f\x8b\x08", len(TEXT), id="with half of a second one"),
    ],
)
def test_of_a_damaged_archive_comes_what_can_be_had(data: bytes, right: int) -> None:
    found, complete = unpacked(cut(data, 4096))
    assert not complete
    assert found[:right] == TEXT[:right]


@settings(max_examples=60)
@given(st.binary(max_size=400), st.integers(1, 50), st.integers(0, 400), st.binary(max_size=3))
def test_any_bytes_end(data: bytes, size: int, at: int, noise: bytes) -> None:
    packed = gzip.compress(data)
    unpacked(cut(packed[:at] + noise + packed[at:], size))
    assert unpacked(cut(packed, size)) == (data, True)


def test_an_archive_of_nothing_but_zeros_is_unpacked_a_little_at_a_time() -> None:
    packer = zlib.compressobj(wbits=31)
    block = bytes(1_000_000)
    bomb = b"".join([*(packer.compress(block) for _ in range(100)), packer.flush()])
    del block
    assert len(bomb) < 110_000
    window = Window(1000, 1000)
    tracemalloc.start()
    try:
        for chunk in Unpacked(cut(bomb, 65_536)):
            assert len(chunk) <= PIECE
            window.add(chunk)
            if window.seen > 50_000_000:
                break
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert window.seen <= 50_000_000 + PIECE
    assert peak < 1_000_000
