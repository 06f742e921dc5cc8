import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.corpus.semdedup import SemDeDup, _Pairs, largest_before
from tests.curate.corpus.blobs import blobs, frame, run, same


def at(*degrees):
    return np.array([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees], np.float16)


def kept(vectors, epsilon):
    return np.flatnonzero(largest_before(vectors)[1].astype(np.float64) <= 1 - epsilon).tolist()


def test_golden_a8_it_depends_on_the_order_and_is_not_greedy():
    assert kept(at(0, 13, 26), 0.05) == [0]
    assert kept(at(0, 26, 13), 0.05) == [0, 1]  # A and C: a greedy one would keep A and C in both orders


def test_golden_a8_opposite_vectors_are_never_duplicates():
    assert largest_before(at(0, 180))[1].tolist() == [0, 0] and kept(at(0, 180), 1) == [0, 1]


def test_golden_a8_a_single_image_is_kept():
    assert largest_before(at(40))[1].tolist() == [0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=30), st.integers(0, 9), st.sampled_from([0.0, 0.5, 0.99]))
def test_it_is_the_largest_with_any_before_copies_or_not(picked, seed, floor):
    vectors = blobs(9, 3, 5, spread=0.8, seed=seed)[0][picked]
    cosines = np.minimum(vectors.astype(np.float64) @ vectors.astype(np.float64).T, 1)
    cosines[(vectors[:, None] == vectors).all(axis=-1)] = 1
    expected = [max([0.0, *cosines[j, :j].tolist()]) for j in range(len(vectors))]
    group, most = largest_before(vectors, pairs := _Pairs(floor))
    assert np.allclose(most, expected, atol=1e-7)
    firsts = {row.tobytes(): i for i, row in reversed(list(enumerate(vectors)))}
    assert group.tolist() == [firsts[row.tobytes()] for row in vectors]
    found = {(int(a), int(b)) for left, right, _ in pairs.found for a, b in zip(left, right, strict=True)}
    wanted = {(a, b) for b in firsts.values() for a in firsts.values() if a < b and np.float32(cosines[a, b]) > floor}
    several = {(g, g) for g in firsts.values() if picked.count(picked[g]) > 1 and np.float32(cosines[g, g]) > floor}
    assert found == wanted | several


@pytest.mark.parametrize("order", ["hard", "easy", "random"])
def test_law_any_number_of_shards_and_any_order_give_the_same(order):
    vectors, which = blobs(200, spread=1.0)
    vectors[50:80] = vectors[:30]  # other images of the same vectors
    work = SemDeDup("m", 6, order=order, iterations=10)
    whole = frame(vectors, which, extra=20)
    one = run(work, whole)
    for shards, shuffle in ((3, None), (16, 1), (1, 2)):
        same(one, run(work, whole, shards, shuffle))


def test_hard_has_the_farthest_from_the_centroid_first_and_easy_the_nearest():
    vectors, which = blobs(100, 1, 8, spread=1.0)
    place = {}
    for order in ("hard", "easy", "random"):
        tables, _ = run(SemDeDup("m", 1, order=order), frame(vectors, which))
        place[order] = tables["images"]["position"].to_numpy()
        assert sorted(place[order].tolist()) == list(range(100))
        assert tables["images"][c.MAX_COSINE].to_numpy()[place[order] == 0] == 0
    mean = vectors.astype(np.float64).sum(axis=0)
    assert np.array_equal(np.argsort(place["hard"]), np.argsort(vectors.astype(np.float64) @ mean))
    assert np.array_equal(place["easy"], 99 - place["hard"]) and not np.array_equal(place["random"], place["hard"])


def test_the_column_is_that_of_the_image_in_every_row():
    vectors, which = blobs(60, spread=1.0)
    work = SemDeDup("m", 4)
    tables, samples = run(work, frame(vectors, which, extra=10))
    stored = dict(tables["images"].select(c.IMAGE_UID, c.MAX_COSINE).rows())
    whole = frame(vectors, which, extra=10).sort(c.UID)
    assert samples[work.column].to_list() == [stored.get(uid) for uid in whole[c.IMAGE_UID]]
    assert work.column == f"max_cosine_{work.name}" and isinstance(tables["pairs"].schema["a"], pl.UInt32)


def test_a_pool_without_embeddings_has_no_clusters():
    vectors, which = blobs(10)
    whole = frame(vectors, which).with_columns(pl.lit(None, pl.Array(pl.Float16, 16)).alias(c.embedding("m")))
    work = SemDeDup("m", 3)
    tables, samples = run(work, whole, shards=3)
    assert len(tables["images"]) == len(tables["pairs"]) == 0
    assert samples[work.column].null_count() == len(whole)


def test_copies_have_a_cosine_of_1_whatever_rounding_made_of_their_length_and_none_has_more():
    vectors = blobs(300, spread=0.01, width=64)[0]
    products = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    assert products.diagonal().min() < 0.9999 and products.max() > 1.0001
    twice = np.concatenate([vectors, vectors])
    _, most = largest_before(twice, pairs := _Pairs(0.0))
    assert (most[300:] == 1).all() and most.max() == 1
    own = [cosine for a, b, cosines in pairs.found for i, j, cosine in zip(a, b, cosines, strict=True) if i == j]
    assert own == [1.0] * 300
    assert largest_before(np.zeros((2, 4), np.float16))[1].tolist() == [0, 0], "nothing is no direction"
