import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus.outside_hashes import OutsideHashes
from tests.curate.corpus.test_embedding_pairs import law, merged

BASE = 0x0F0F_1234_5678_9ABC


def pool(hashes, uids=None):
    uids = [f"{i:032x}" for i in range(len(hashes))] if uids is None else uids
    return pl.DataFrame({c.IMAGE_UID: uids, c.PHASH: pl.Series(hashes, dtype=pl.UInt64)})


def items(hashes, names=None):
    names = [f"item{i}" for i in range(len(hashes))] if names is None else names
    return pl.DataFrame({c.ITEM: names, c.PHASH: pl.Series(hashes, dtype=pl.UInt64)})


def test_law_any_shards_and_any_order():
    rng = np.random.default_rng(0)
    theirs = [int(h) for h in rng.integers(1, 2**63, 40)]
    ours = [h ^ sum(1 << int(b) for b in rng.choice(64, n, replace=False)) for n in (0, 3, 10, 11) for h in theirs]
    tables = law(OutsideHashes("objects", ["x.tar"], 10), pool(ours + ours[:20]), {"objects": items(theirs)})
    brute = {h: min((h ^ t).bit_count() for t in theirs) for h in ours}
    near = {h: d for h, d in brute.items() if d <= 10}
    assert {h: d for h, _, d in tables["touched"].rows()} == near
    counts = tables["counts"].rows()
    assert counts[10][1] == sum(brute[h] <= 10 for h in ours + ours[:20]) and counts[0] == (0, 60, 40)


def test_the_nearest_and_of_equally_near_the_smallest_name():
    outside = {"objects": items([BASE ^ 1, BASE ^ 2, BASE ^ 2, BASE ^ 7, None], ["d", "c", "b", "a", "e"])}
    tables = merged(
        OutsideHashes("objects", ["x.tar"], 4), pool([BASE, BASE, ~BASE % 2**64], ["q", "p", "r"]), 1, outside
    )
    assert tables["touched"].rows() == [(BASE, "b", 1)]
    assert tables["items"].rows() == [("a", "p", 3), ("b", "p", 1), ("c", "p", 1), ("d", "p", 1), ("e", None, None)]
    assert tables["counts"].rows()[1] == (1, 2, 3)


def test_blanks_and_ramps_touch_nothing():
    tables = merged(
        OutsideHashes("objects", ["x.tar"], 4), pool([0, 1 << 63, 2**64 - 1]), 1, {"objects": items([0, 1])}
    )
    assert len(tables["touched"]) == 0 and tables["items"][c.DISTANCE].to_list() == [None, None]


def test_where_it_reads():
    assert list(OutsideHashes("a", ["x"], 4).reads) == ["pool", "signals/phash"]
    assert OutsideHashes("a", ["x"], 4, "dhash").name.startswith("outside_dhash_a_")
