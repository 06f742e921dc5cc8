import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.corpus.hash_pairs import HashPairs, degenerate


def brute(hashes, radius):
    hashes = sorted(set(hashes))
    return {
        (a, b, (a ^ b).bit_count())
        for i, a in enumerate(hashes)
        for b in hashes[i + 1 :]
        if (a ^ b).bit_count() <= radius
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 20), st.integers(1, 5))
def test_law_any_number_of_shards_gives_the_same(hashes, radius, shards):
    frames = [pl.DataFrame({c.PHASH: pl.Series(hashes[i::shards], dtype=pl.UInt64)}) for i in range(shards)]
    work = HashPairs(radius)
    found = work.merge([work.partial(frame) for frame in frames])["pairs"]
    good = [h for h in hashes if 2 <= h.bit_count() <= 62]
    assert set(found.rows()) == brute(good, radius)


def test_degenerate_hashes():
    ones = np.array([0, 1, 3, 2**64 - 1, 2**64 - 2, 2**64 - 4], np.uint64)
    assert degenerate(ones).tolist() == [True, True, False, True, True, False]


def test_law_shards_and_the_order_of_rows_do_not_matter():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 300, np.uint64)
    frame = pl.DataFrame({c.DHASH: np.concatenate([base, base ^ np.uint64(5), base[:50]])})
    work = HashPairs(6, c.DHASH)
    assert work.name == "hash_pairs_dhash" and work.reads == {"signals/hashes": [c.DHASH]}
    assert HashPairs(6).name == "hash_pairs" and HashPairs(6).reads == {"signals/phash": [c.PHASH]}
    whole = work.merge([work.partial(frame)])["pairs"]
    assert len(whole) >= 300
    for shards in (1, 3, 16):
        mixed = frame.sample(fraction=1, shuffle=True, seed=shards)
        parts = [work.partial(mixed[i::shards]) for i in range(shards)]
        assert work.merge(reversed(parts))["pairs"].equals(whole)
