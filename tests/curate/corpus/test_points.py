import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.corpus import ROWS
from curate.corpus.points import blocks, gather, matrix, measured

EMBEDDING = c.embedding("m")


def frame(uids, vectors):
    column = pl.Series(EMBEDDING, vectors, dtype=pl.Array(pl.Float16, 3))
    return pl.DataFrame({c.IMAGE_UID: pl.Series(uids, dtype=pl.String), EMBEDDING: column})


@pytest.mark.parametrize("in_memory", [0, 10**9])
@pytest.mark.parametrize("shards", [1, 3, 16])
def test_law_points_are_the_distinct_images_in_order_however_they_come(shards, in_memory):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 3)).astype(np.float16)
    images = rng.permutation(np.concatenate([np.arange(40), np.arange(20)]))
    whole = frame([f"{i:02d}" for i in images], vectors[images].tolist())
    parts = [{ROWS: whole[i::shards]} for i in range(shards)]
    points = gather(parts, EMBEDDING, in_memory=in_memory)
    assert points.uids.to_list() == [f"{i:02d}" for i in range(40)]
    assert points.vectors.dtype == np.float16 and np.array_equal(points.vectors, vectors)
    assert len(points) == 40 and points.width == 3


def test_a_row_without_an_embedding_is_no_point():
    points = gather([{ROWS: frame(["b", "a", None], [None, [1, 0, 0], [0, 1, 0]])}], EMBEDDING)
    assert points.uids.to_list() == ["a"] and points.vectors.tolist() == [[1, 0, 0]]
    assert points.rows(pl.Series(["a", "b", "a"])).tolist() == [0, -1, 0]


def test_no_points():
    points = gather([{ROWS: frame(["a"], [None])}, {ROWS: frame([], [])}], EMBEDDING)
    assert len(points) == 0 and points.width == 3
    assert len(gather([], EMBEDDING)) == 0


def test_a_null_is_a_row_of_nan_and_blocks_are_all_of_them():
    found = matrix(frame(["a", "b"], [None, [0, 1, 0]])[EMBEDDING])
    assert np.isnan(found[0]).all() and found[1].tolist() == [0, 1, 0]
    parts = list(blocks(np.ones((5, 3), np.float16), 2))
    assert [start for start, _ in parts] == [0, 2, 4] and all(rows.dtype == np.float32 for _, rows in parts)


def test_nan_and_infinity_are_no_embeddings(monkeypatch):
    monkeypatch.setattr("curate.corpus.points.BLOCK", 2)
    nan, infinite = [float("nan"), 0, 1], [0, float("-inf"), 1]
    whole = frame(["a", "b", "b", "c", "d"], [nan, infinite, [0, 1, 0], None, [1, 0, 0]])
    assert measured(whole[EMBEDDING]).tolist() == [False, False, True, False, True]
    points = gather([{ROWS: whole}], EMBEDDING)
    assert points.uids.to_list() == ["b", "d"] and points.vectors.tolist() == [[0, 1, 0], [1, 0, 0]]
