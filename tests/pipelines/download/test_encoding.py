"""Compressed bodies are undone under the cap, however they are cut into chunks."""

import gzip
import random
import tracemalloc
import zlib

import pytest

from curate.schema import Outcome
from pipelines.download.encoding import MAX_MEMBERS, Body
from pipelines.download.policy import Refused

DATA = random.Random(1).randbytes(20_000) + bytes(20_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def decoded(data: bytes, coding: str, max_bytes: int = 1_000_000, chunk: int = 999) -> bytes:
    body = Body(coding, max_bytes)
    for at in range(0, len(data), chunk):
        body.feed(data[at : at + chunk])
    return body.finish()


def refused(data: bytes, coding: str, max_bytes: int = 1_000_000, chunk: int = 999) -> Outcome:
    with pytest.raises(Refused) as error:
        decoded(data, coding, max_bytes, chunk)
    return error.value.outcome


@pytest.mark.parametrize("chunk", [1, 2, 17, 4_096, 1_000_000])
def test_every_coding_in_any_pieces(chunk: int) -> None:
    halves = gzip.compress(DATA[:9_000]) + gzip.compress(DATA[9_000:])
    for coding, data in [
        ("", DATA),
        ("identity", DATA),
        ("gzip", gzip.compress(DATA)),
        ("GZIP", gzip.compress(DATA)),
        ("x-gzip", gzip.compress(DATA)),
        ("identity, gzip", gzip.compress(DATA)),
        ("gzip", halves),
        ("gzip", gzip.compress(DATA) + b"\0" * 50),
        ("deflate", zlib.compress(DATA)),
        ("deflate", raw_deflate(DATA)),
    ]:
        assert decoded(data, coding, chunk=chunk) == DATA, coding


@pytest.mark.parametrize("chunk", [1, 999, 1_000_000])
def test_what_is_refused(chunk: int) -> None:
    packed = gzip.compress(DATA)
    for coding in ("br", "zstd", "compress", "gzip, br", "gzip, gzip", "a\u00e9"):
        assert refused(packed, coding) is Outcome.NOT_AN_IMAGE
    assert refused(DATA, "gzip", chunk=chunk) is Outcome.NOT_AN_IMAGE
    assert refused(packed[:-1], "gzip", chunk=chunk) is Outcome.TRUNCATED_BODY
    assert refused(packed[:500], "gzip", chunk=chunk) is Outcome.TRUNCATED_BODY
    assert refused(b"\x1f", "gzip", chunk=chunk) is Outcome.TRUNCATED_BODY
    assert decoded(b"", "gzip") == b""


def test_the_cap_holds_on_both_sides() -> None:
    assert len(decoded(gzip.compress(DATA), "gzip", len(DATA))) == len(DATA)
    assert refused(gzip.compress(DATA), "gzip", len(DATA) - 1) is Outcome.TOO_LARGE
    assert len(decoded(DATA, "", len(DATA))) == len(DATA)
    assert refused(DATA, "", len(DATA) - 1) is Outcome.TOO_LARGE


def test_many_members() -> None:
    empty = gzip.compress(b"")
    assert refused(empty * 10_000, "gzip") is Outcome.TOO_LARGE
    assert decoded(empty * (MAX_MEMBERS - 1) + gzip.compress(b"x"), "gzip") == b"x"


def test_a_bomb_takes_no_more_than_the_cap() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    assert len(bomb) < 200_000
    tracemalloc.start()
    assert refused(bomb, "gzip", 5_000_000, 65_536) is Outcome.TOO_LARGE
    assert tracemalloc.get_traced_memory()[1] < 25_000_000
    tracemalloc.stop()
