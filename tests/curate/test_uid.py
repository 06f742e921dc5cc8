import hashlib
import struct

from hypothesis import given
from hypothesis import strategies as st

from curate.uid import content_uid, draw, split_uid


def test_uid_is_sha256_over_length_prefixed_parts():
    parts = b"".join(struct.pack(">Q", len(p)) + p for p in ("http://a/é".encode(), b"cap"))
    assert content_uid("http://a/é", "cap") == hashlib.sha256(parts).hexdigest()[:32]
    assert content_uid("", "") == hashlib.sha256(bytes(16)).hexdigest()[:32]


@given(st.text(), st.text(), st.text(), st.text())
def test_different_pairs_have_different_uids(a, b, x, y):
    assert (content_uid(a, b) == content_uid(x, y)) == ((a, b) == (x, y))


def test_datacomps_pair_of_integers():
    assert split_uid(["139e4a9b22a614771f06c700a8ebe150"]) == [(1413649363202610295, 2235693070683988304)]


def test_draws_are_uniform_and_keyed():
    draws = [draw(0, f"{i:x}", "purpose") for i in range(20_000)]
    assert abs(sum(draws) / len(draws) - 0.5) < 0.01 and min(draws) >= 0 and max(draws) < 1
    assert draw(0, "a", "x") != draw(0, "a", "y") != draw(1, "a", "y")
