import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.ask import ask
from curate.filters.image_based import ImageBased
from tests.curate.corpus.blobs import blobs, frame, run, same

ITEM = {"model": "m", "clusters": 12, "against": ["set.tar"], "iterations": 5}


def outside(vectors):
    items = [f"set/{i}" for i in range(len(vectors))]
    column = pl.Series(c.embedding("m"), vectors, dtype=pl.Array(pl.Float16, vectors.shape[1]))
    return {"image_based": pl.DataFrame({"item": items, c.embedding("m"): column})}


@pytest.mark.parametrize("least", [1, 2, 4])
def test_golden_a6_images_stay_whose_cluster_holds_an_image_of_the_set(least):
    vectors, which = blobs(300, spread=1.0)
    chosen, table = outside(vectors[:25]), frame(vectors, which, extra=20)
    item = ImageBased(**ITEM, min_items=least)
    tables, _ = run(item.work, table, outside=chosen)
    centroids = tables["centroids"][c.VECTOR].to_numpy().astype(np.float64)
    assert (np.linalg.norm(centroids, axis=1) < 0.999).all(), "not brought to length 1"
    labels = (vectors.astype(np.float64) @ centroids.T).argmax(axis=1)
    hit = np.bincount(labels[:25], minlength=12) >= least
    expected = {f"i{i:05d}" for i in np.flatnonzero(hit[labels])}
    answer = ask(table, [item], outside=chosen)
    assert set(table.filter(pl.Series(answer.keep))[c.IMAGE_UID]) == expected and 0 < len(expected) < 300
    assert answer.table[c.REASON].to_pylist()[-1] == "image_based.cluster:null"


def test_it_is_not_the_nearest_centroid():
    """With means that are not brought to length 1 the largest product is another one than the nearest."""
    vectors, which = blobs(300, spread=2.5)
    work = ImageBased(**ITEM).work
    tables, _ = run(work, frame(vectors, which), outside=outside(vectors[:5]))
    centroids = tables["centroids"][c.VECTOR].to_numpy().astype(np.float64)
    nearest = ((vectors.astype(np.float64)[:, None] - centroids) ** 2).sum(-1).argmin(axis=1)
    assert not np.array_equal(work.labels(vectors, centroids.astype(np.float32)), nearest)


def test_law_any_number_of_shards_and_any_order_give_the_same():
    vectors, which = blobs(200, spread=1.0)
    work, table = ImageBased(**ITEM, points_per_cluster=8).work, frame(vectors, which, extra=20)
    one = run(work, table, outside=outside(vectors[:9]))
    for shards, shuffle in ((3, None), (16, 1), (1, 2)):
        same(one, run(work, table, shards, shuffle, outside(vectors[:9][::-1])))


def test_a_set_that_could_not_be_measured_keeps_nothing():
    vectors, which = blobs(50)
    empty = {"image_based": outside(vectors[:2])["image_based"].clear()}
    assert ask(frame(vectors, which), [ImageBased(**ITEM)], outside=empty).kept == 0


def test_a_pool_without_embeddings_is_unmeasured():
    vectors, which = blobs(50)
    table = frame(vectors, which).with_columns(pl.lit(None, pl.Array(pl.Float16, 16)).alias(c.embedding("m")))
    answer = ask(table, [ImageBased(**ITEM)], outside=outside(vectors[:2]))
    assert set(answer.table[c.REASON].to_pylist()) == {"image_based.cluster:null"}


def test_what_is_no_vector_of_the_set_is_left_out():
    vectors, which = blobs(50)
    broken = vectors[:2].copy()
    broken[0, 3] = np.nan
    found = [ask(frame(vectors, which), [ImageBased(**ITEM)], outside=outside(s)).keep for s in (broken, vectors[1:2])]
    assert np.array_equal(*found) and 0 < found[0].sum() < 50
