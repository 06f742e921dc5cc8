import hashlib
import struct

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.uid import content_uid, draw, draw_int, draws, hex_uids, pack_uids, sort_uids, split_uid


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


def test_golden_a6_uids_as_pairs_of_integers():
    uid = "139e4a9b22a614771f06c700a8ebe150"
    packed = pack_uids(pl.Series([uid, "f" * 32]))
    assert packed.tolist() == [(1413649363202610295, 2235693070683988304), (2**64 - 1, 2**64 - 1)]


@given(st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=30))
def test_columns_of_uids_are_packed_unpacked_sorted_and_drawn_as_one_by_one(uids):
    column = pl.Series(uids, dtype=pl.String)
    packed = pack_uids(column)
    assert packed.tolist() == split_uid(uids)
    assert hex_uids(packed).to_list() == uids
    assert sort_uids(packed).tolist() == sorted(packed.tolist())
    assert draws(7, column, "x").tolist() == [draw_int(7, uid, "x") for uid in uids]


@pytest.mark.parametrize("uid", ["", "a" * 31, "G" * 32, "A" * 32, None])
def test_what_is_no_uid_is_not_packed(uid):
    with pytest.raises(ValueError, match="32 lower-case hex digits"):
        pack_uids(pl.Series([uid], dtype=pl.String))
