import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus.hash_pairs import HashPairs
from curate.filters.phash_dedup import PHashDedup, hash_groups
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples

BASE = 0x0F0F_1234_5678_9ABC


def answer(hashes, filters, radius=10, **columns):
    frame = samples(len(hashes), phash=pl.Series(hashes, dtype=pl.UInt64), **columns)
    work = HashPairs(radius)
    tables = {work.name: work.merge([work.partial(frame)])}
    return decide(frame, filters, tables).table


def test_a_chain_is_one_group_and_the_largest_wins():
    hashes = [BASE, BASE ^ 0b1111, BASE ^ 0b1111_1111, BASE ^ (2**40 - 1), None]
    frame = {c.ORIGINAL_WIDTH: [400, 400, 900, 400, 400]}
    kept = answer(hashes, [PHashDedup()], **frame).column(c.KEEP).to_pylist()
    assert kept == [False, False, True, True, True]
    smallest = answer(hashes, [PHashDedup(keep="smallest")], **frame).column(c.KEEP).to_pylist()
    assert smallest == [True, False, False, True, True]  # a tie goes to the smallest uid


def test_the_winner_is_a_survivor_and_a_chain_does_not_run_through_what_is_gone():
    hashes = [BASE, BASE ^ 0b1111, BASE ^ 0b1111_1111]
    rules = [Where(sql="words > 2"), PHashDedup()]
    table = answer(hashes, rules, words=[5, 1, 5], **{c.ORIGINAL_WIDTH: [400, 900, 400]})
    assert table.column(c.KEEP).to_pylist() == [True, False, True]
    joined = answer(hashes, [rules[0], PHashDedup(of="pool")], words=[5, 1, 5])
    assert joined.column(c.KEEP).to_pylist() == [True, False, False]


def test_texts_of_one_image_stay_together():
    table = answer([BASE, BASE, BASE ^ 1], [PHashDedup()], **{c.IMAGE_UID: ["a", "a", "b"]})
    assert table.column(c.KEEP).to_pylist() == [True, True, False]


def test_golden_a7_degenerate_hashes_are_duplicates_of_nothing():
    blank, ramp, full = 0, 1 << 63, 2**64 - 1
    assert answer([blank, blank, ramp, ramp, full, full], [PHashDedup()]).column(c.KEEP).to_pylist() == [True] * 6


def test_groups_do_not_depend_on_order_and_a_larger_radius_never_splits():
    rng = np.random.default_rng(3)
    base = rng.integers(1, 2**63, 200, dtype=np.uint64)
    hashes = np.unique(np.concatenate([base, base ^ np.uint64(3), base ^ np.uint64(28)]))
    work = HashPairs(10)
    pairs = work.merge([{"hashes": pl.DataFrame({c.PHASH: hashes})}])["pairs"]
    close = pairs.filter(pl.col(c.DISTANCE) <= 2)
    groups = hash_groups(pl.Series(hashes), close).sort(c.PHASH)
    shuffled = hash_groups(pl.Series(rng.permutation(hashes)), close.sample(fraction=1, shuffle=True, seed=1))
    assert groups.equals(shuffled.sort(c.PHASH))
    wider = hash_groups(pl.Series(hashes), pairs).rename({"group": "wide"})
    assert groups.join(wider, on=c.PHASH).group_by("group").agg(pl.col("wide").n_unique())["wide"].max() == 1


def test_by_another_hash_and_by_a_score():
    hashes = pl.Series([BASE, BASE ^ 1, BASE ^ (2**40 - 1)], dtype=pl.UInt64)
    frame = samples(3, dhash=hashes, score=[0.2, 0.7, 0.1])
    for item, expected in (
        (PHashDedup(hash="dhash", keep="first"), [True, False, True]),
        (PHashDedup(hash="dhash", keep_by="score"), [False, True, True]),
    ):
        (work,) = item.passes()
        tables = {work.name: work.merge([work.partial(frame)])}
        assert work.name == "hash_pairs_dhash" and {"dhash"} <= item.reads() and c.PHASH not in item.reads()
        assert decide(frame, [item], tables).table.column(c.KEEP).to_pylist() == expected


def test_no_hashes_at_all():
    assert answer([None, None], [PHashDedup()]).column(c.KEEP).to_pylist() == [True, True]


def test_golden_a7_a_grey_card_and_a_ramp_do_not_merge():
    assert answer([0x8000_0000_0000_0000] * 2, [PHashDedup()]).column(c.KEEP).to_pylist() == [True, True]
