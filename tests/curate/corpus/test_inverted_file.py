import numpy as np

from curate.corpus.inverted_file import RECALL, find, recall
from curate.corpus.neighbours import Neighbours, nearest
from tests.curate.corpus.test_neighbours import unit


def clustered(rows, width=32, seed=0):
    rng = np.random.default_rng(seed)
    centres = unit(rows // 50, width, seed + 1).astype(np.float32)
    found = centres[rng.integers(len(centres), size=rows)] + 0.1 * rng.standard_normal((rows, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def test_a_small_pool_is_searched_exactly():
    points = clustered(500)
    found, how = find(points, points, 5, same=True)
    assert how.method == "exact" and how.recall == 1.0
    assert (found.indices == nearest(points, points, 5, same=True).indices).all()


def test_a_large_pool_has_the_recall_that_it_states():
    points = clustered(6_000)
    found, how = find(points, points, 8, same=True, exact_work=0)
    truth = nearest(points, points, 8, same=True)
    assert how.method == "inverted file" and how.probed < how.cells / 2 and how.sample == 1_000
    assert how.recall >= RECALL and abs(recall(found, truth) - how.recall) < 0.03
    assert not (found.indices == np.arange(6_000)[:, None]).any()
    # What is found has its exact cosine, and nearest first.
    hit = found.indices[0, 0]
    assert found.cosines[0, 0] == np.float32(points[0].astype(np.float64) @ points[hit].astype(np.float64))
    assert (np.diff(found.cosines, axis=1) <= 0).all()


def test_the_same_pool_gives_the_same_answer():
    points = clustered(3_000)
    (one, how), (two, again) = (find(points[:100], points, 4, exact_work=0) for _ in range(2))
    assert (one.indices == two.indices).all() and how == again


def test_recall_counts_near_enough_as_found():
    truth = Neighbours(np.array([[0, 1]]), np.array([[0.9, 0.8]], np.float32))
    other = Neighbours(np.array([[0, 7]]), np.array([[0.9, 0.8]], np.float32))
    missed = Neighbours(np.array([[0, 7]]), np.array([[0.9, 0.7]], np.float32))
    assert recall(other, truth) == 1 and recall(missed, truth) == 0.5
