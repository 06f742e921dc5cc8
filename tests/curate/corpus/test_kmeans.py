import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.corpus.assignment import half_squares
from curate.corpus.kmeans import KMeans, cluster_sums, kmeans, nearest
from curate.corpus.kmeans_plus_plus import plus_plus, starts
from tests.curate.corpus.blobs import NAMES, blobs, frame, run, same

ROOT = Path(__file__).resolve().parents[3]


def reference(vectors, centroids, iterations):
    """Lloyd's two steps in float64."""
    x, centroids = vectors.astype(np.float64), centroids.astype(np.float64)
    for _ in range(iterations):
        labels = ((x[:, None] - centroids) ** 2).sum(-1).argmin(axis=1)
        for j in range(len(centroids)):
            if (labels == j).any():
                centroids[j] = x[labels == j].mean(axis=0)
    return centroids, ((x[:, None] - centroids) ** 2).sum(-1).argmin(axis=1)


def test_it_is_lloyds_algorithm():
    vectors, _ = blobs(300, 8, spread=1.0)
    begin = kmeans(vectors, 12, 0, seed=3, init="random").centroids
    found = kmeans(vectors, 12, 6, seed=3, init="random")
    centroids, labels = reference(vectors, begin, 6)
    assert np.allclose(found.centroids, centroids, atol=1e-6) and np.array_equal(found.labels, labels)
    apart = np.square(vectors.astype(np.float64) - found.centroids[found.labels]).sum()
    assert found.inertia[-1] == pytest.approx(apart, rel=1e-6)


def test_sklearn_from_the_same_start_ends_at_the_same_centroids():
    peers = pytest.importorskip("sklearn.cluster", reason="scikit-learn is only a peer")
    vectors, _ = blobs(500, 8, spread=1.0)
    begin = kmeans(vectors, 8, 0, seed=1).centroids.astype(np.float64)
    peer = peers.KMeans(8, init=begin, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(vectors.astype(np.float64))
    found = kmeans(vectors, 8, 300, seed=1)
    assert np.allclose(found.centroids, peer.cluster_centers_, atol=1e-5)
    assert found.inertia[-1] == pytest.approx(peer.inertia_, rel=1e-5)


@pytest.mark.parametrize("spherical", [False, True])
def test_inertia_never_grows_and_planted_clusters_are_found(spherical):
    vectors, which = blobs(400)
    found = kmeans(vectors, 8, 50, seed=0, spherical=spherical)
    assert all(b <= a + 1e-9 for a, b in zip(found.inertia, found.inertia[1:], strict=False))
    assert len(set(zip(found.labels.tolist(), which.tolist(), strict=True))) == 8
    lengths = np.linalg.norm(found.centroids, axis=1)
    assert np.allclose(lengths, 1, atol=1e-6) if spherical else (lengths < 1).all()
    assert len(found.inertia) < 50, "it ends where nothing moves"


def test_spherical_takes_the_largest_inner_product():
    vectors, _ = blobs(300, spread=1.0)
    found = kmeans(vectors, 5, 3, seed=0, spherical=True)
    assert np.array_equal(found.labels, (vectors.astype(np.float64) @ found.centroids.T.astype(np.float64)).argmax(1))
    assert half_squares(found.centroids) == pytest.approx(0.5, abs=1e-6)


def test_an_empty_cluster_keeps_its_centroid_or_takes_the_farthest_point():
    vectors = np.array([[1, 0]] * 5 + [[0, 1]] * 5 + [[0.6, 0.8]], np.float16)
    kept = kmeans(vectors, 6, 5, seed=0, init="random")
    assert (kept.sizes == 0).any() and np.isfinite(kept.centroids).all()
    assert {tuple(row) for row in kept.centroids.tolist()} <= {
        tuple(row) for row in vectors.astype(np.float32).tolist()
    }
    far = [kmeans(vectors, 3, 5, seed=seed, init="random", empty="farthest") for seed in range(8)]
    assert all(one.inertia[-1] == 0 for one in far)
    assert any(kmeans(vectors, 3, 5, seed=seed, init="random").inertia[-1] > 0 for seed in range(8))


def test_plus_plus_takes_one_point_of_each_far_group():
    vectors, which = blobs(400, spread=0.02)
    for seed in range(5):
        chosen = plus_plus(vectors.astype(np.float64), 8, np.random.default_rng(seed))
        assert sorted(which[chosen].tolist()) == list(range(8))


def test_plus_plus_where_all_points_are_few_places():
    vectors = np.repeat(np.eye(3), 5, axis=0)
    chosen = plus_plus(vectors, 7, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 7 and set((chosen[:3] // 5).tolist()) == {0, 1, 2}


def test_greedy_plus_plus_starts_lower_than_random():
    vectors, _ = blobs(2000, 60, spread=0.5)
    clever, random = ([kmeans(vectors, 40, 0, s, init=i).inertia[0] for s in range(3)] for i in ("k-means++", "random"))
    assert np.mean(clever) < 0.9 * np.mean(random)


def test_more_clusters_than_points_and_no_points():
    vectors, _ = blobs(5)
    found = kmeans(vectors, 50, 10, seed=0)
    assert len(found.centroids) == 5 and sorted(found.labels.tolist()) == [0, 1, 2, 3, 4]
    none = kmeans(vectors[:0], 5, 10, seed=0)
    assert none.centroids.shape == (0, 16) and len(none.labels) == 0
    assert len(set(starts(vectors, 5, "random", np.random.default_rng(0)).tolist())) == 5


def test_law_sums_are_exact_in_any_order():
    vectors, _ = blobs(40_000, width=4)
    labels = np.random.default_rng(0).integers(0, 9, len(vectors))
    other = np.random.default_rng(1).permutation(len(vectors))
    assert np.array_equal(cluster_sums(vectors, labels, 9), cluster_sums(vectors[other], labels[other], 9))


def test_law_sums_of_what_moved_are_those_of_all():
    vectors, _ = blobs(6_000, 40, 24, spread=1.0)
    found = [kmeans(vectors, 30, n, seed=0) for n in (8, 9)]
    assert 0 < np.count_nonzero(found[0].labels != found[1].labels) < 3_000, "some moved in the last update"
    again = cluster_sums(vectors, found[0].labels, 30) / found[0].sizes[:, None]
    assert np.array_equal(found[1].centroids, again.astype(np.float32))


SCRIPT = """
import hashlib
from curate.corpus.kmeans import kmeans
from tests.curate.corpus.blobs import blobs
found = kmeans(blobs(5000, 40, 96, spread=1.0)[0], 64, 5, seed=0)
print(hashlib.sha256(found.centroids.tobytes() + found.labels.tobytes()).hexdigest())
"""


def test_law_the_number_of_threads_changes_nothing():
    said = set()
    for threads in ("1", "2"):
        setting = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | setting,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(done.stdout)
    assert len(said) == 1


WORKS = [
    KMeans("m", 8, iterations=10),
    KMeans("m", 20, iterations=5, spherical=True, init="random", empty="farthest"),
    KMeans("m", 8, iterations=5, points_per_cluster=10),
]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_law_any_number_of_shards_and_any_order_give_the_same(work):
    whole = frame(*blobs(300, spread=1.5), extra=30)
    one = run(work, whole)
    for shards, shuffle in ((3, None), (16, 1), (1, 2)):
        same(one, run(work, whole, shards, shuffle))


def test_the_tables_of_the_pass_and_its_columns():
    vectors, which = blobs(200)
    work = KMeans("m", 8, iterations=20)
    tables, samples = run(work, frame(vectors, which, extra=10))
    centroids = tables["centroids"]
    assert centroids["images"].sum() == 200 and centroids[c.CLUSTER].to_list() == list(range(8))
    assert centroids[c.INERTIA].sum() == pytest.approx(tables["history"][c.INERTIA][-1], rel=1e-4)
    labels, apart = samples[c.cluster(work.name)], samples[c.cluster_distance(work.name)]
    assert samples[c.UID][0] == "none" and labels[0] is None and apart[0] is None
    known = samples[1:].sort(c.UID)
    again = nearest(vectors, centroids[c.VECTOR].to_numpy())
    assert known[c.cluster(work.name)].to_list() == [*again.tolist(), *again[:10].tolist()]
    names = dict(tables["names"].rows())
    for cluster in range(8):
        member = which[np.flatnonzero(again == cluster)[0]]
        assert names[cluster][0] == NAMES[member], "the word that no other cluster has"


def test_a_name_is_a_folders_and_other_parameters_have_another():
    names = {work.name for work in (*WORKS, KMeans("m", 8, iterations=11), KMeans("M", 8, iterations=10))}
    assert len(names) == 5 and all(pl.Series([n]).str.contains("^[a-z0-9_]+$").all() for n in names)
