import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.corpus.hash_pairs import HashPairs, degenerate, hamming_pairs


def brute(hashes, radius):
    hashes = sorted(set(hashes))
    return {
        (a, b, (a ^ b).bit_count())
        for i, a in enumerate(hashes)
        for b in hashes[i + 1 :]
        if (a ^ b).bit_count() <= radius
    }


@pytest.mark.parametrize("flat_limit", [0, 10**9])
@pytest.mark.parametrize("radius", [0, 3, 7, 10, 11])
def test_both_ways_find_exactly_the_pairs_of_brute_force(flat_limit, radius):
    rng = np.random.default_rng(radius)
    base = rng.integers(0, 2**63, 60, dtype=np.uint64)
    hashes = [int(h) for h in base]
    for h in base:
        for bits in (1, 5, 9, 11):
            flips = rng.choice(64, bits, replace=False)
            hashes.append(int(h) ^ sum(1 << int(f) for f in flips))
    found = hamming_pairs(np.array(hashes, np.uint64), radius, flat_limit=flat_limit)
    assert set(zip(*(x.tolist() for x in found), strict=True)) == brute(hashes, radius)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 20), st.integers(1, 5))
def test_any_number_of_shards_gives_the_same(hashes, radius, shards):
    frames = [pl.DataFrame({c.PHASH: pl.Series(hashes[i::shards], dtype=pl.UInt64)}) for i in range(shards)]
    work = HashPairs(radius)
    found = work.merge([work.partial(frame) for frame in frames])["pairs"]
    good = [h for h in hashes if 2 <= h.bit_count() <= 62]
    assert set(found.rows()) == brute(good, radius)


def test_degenerate_hashes():
    ones = np.array([0, 1, 3, 2**64 - 1, 2**64 - 2, 2**64 - 4], np.uint64)
    assert degenerate(ones).tolist() == [True, True, False, True, True, False]
