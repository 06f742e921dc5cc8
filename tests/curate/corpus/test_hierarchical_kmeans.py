import numpy as np
import pytest

from curate import schema as c
from curate.corpus.hierarchical_kmeans import HierarchicalKMeans, closest_rows, hierarchical_kmeans
from curate.corpus.kmeans import kmeans, nearest
from tests.curate.corpus.blobs import blobs, frame, run, same


def test_a_level_clusters_the_centroids_of_the_one_below():
    vectors, _ = blobs(300, spread=1.0)
    found = hierarchical_kmeans(vectors, [40, 6], seed=0, closest=[1, 1])
    first = kmeans(vectors, 40, 50, 0, purpose="level 1")
    second = kmeans(first.centroids, 6, 50, 0, purpose="level 2")
    assert np.array_equal(found[0].centroids, first.centroids)
    assert np.array_equal(found[1].centroids, second.centroids) and len(found[1].labels) == 40


def test_resampling_clusters_the_closest_points_and_assigns_all_again():
    vectors, _ = blobs(400, spread=1.0)
    first = kmeans(vectors, 10, 50, 0, purpose="level 1")
    squares = np.square(vectors.astype(np.float64)[:, None] - first.centroids).sum(-1)
    taken = [np.flatnonzero(first.labels == j)[np.argsort(squares[first.labels == j, j])][:4] for j in range(10)]
    again = kmeans(vectors[np.sort(np.concatenate(taken))], 10, 50, 0, purpose="level 1 round 1")
    (found,) = hierarchical_kmeans(vectors, [10], seed=0, rounds=1, closest=[4])
    assert np.array_equal(found.centroids, again.centroids)
    assert np.array_equal(found.labels, nearest(vectors, again.centroids)) and len(found.labels) == 400


def test_resampling_spreads_clusters_over_the_data_and_not_by_its_density():
    """One dense place and a sparse ring: plain k-means spends its clusters on the dense one."""
    rng = np.random.default_rng(0)
    dense = rng.normal((0.5, 0), 0.02, (4000, 2))
    sparse = rng.uniform(-0.9, 0, (200, 2))
    vectors = np.concatenate([dense, sparse]).astype(np.float16)
    (plain,) = hierarchical_kmeans(vectors, [60], seed=0, closest=[1])
    (spread,) = hierarchical_kmeans(vectors, [60], seed=0, rounds=10, closest=[3])
    there = [int((one.centroids[:, 0] < 0.2).sum()) for one in (plain, spread)]
    assert there[1] > there[0]


def test_the_closest_rows_of_each_label():
    apart, labels = np.array([3, 1, 2, 5, 4, 4.0]), np.array([0, 0, 0, 1, 1, 1])
    assert closest_rows(apart, labels, 2).tolist() == [1, 2, 4, 5]
    assert closest_rows(np.zeros(4), np.array([1, 0, 1, 1]), 2).tolist() == [0, 1, 2]
    assert closest_rows(apart, labels, 9).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("levels", [[30, 5], [20, 8, 3]])
def test_law_any_number_of_shards_and_any_order_give_the_same(levels):
    work = HierarchicalKMeans("m", levels, iterations=8, rounds=2)
    whole = frame(*blobs(250, spread=1.0), extra=20)
    one = run(work, whole)
    for shards, shuffle in ((3, None), (16, 1), (1, 2)):
        same(one, run(work, whole, shards, shuffle))


def test_the_tables_hold_the_tree():
    work = HierarchicalKMeans("m", [30, 5], iterations=8, rounds=2)
    tables, samples = run(work, frame(*blobs(250, spread=1.0)))
    low, top = tables["level1"], tables["level2"]
    assert low["images"].sum() == 250 and top["images"].sum() == 30
    assert top[c.PARENT].null_count() == 5
    assert np.array_equal(low[c.PARENT], nearest(low[c.VECTOR].to_numpy(), top[c.VECTOR].to_numpy()))
    counts = np.bincount(samples[c.cluster(work.name)].drop_nulls(), minlength=30)
    assert counts.tolist() == low["images"].to_list() and samples[c.cluster(work.name)].null_count() == 1


def test_fewer_images_than_clusters():
    tables, _ = run(HierarchicalKMeans("m", [50, 20]), frame(*blobs(7)))
    assert tables["level1"]["images"].to_list() == [1] * 7 and len(tables["level2"]) == 7
