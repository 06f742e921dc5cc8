import numpy as np
import pytest

from curate.corpus.assignment import _rounding, assign, distances, dots, half_squares
from tests.curate.corpus.blobs import blobs


def brute(vectors, centroids, offsets):
    scores = vectors.astype(np.float64) @ centroids.astype(np.float64).T - offsets
    return scores.argmax(axis=1)


@pytest.mark.parametrize("width", [3, 16, 384])
@pytest.mark.parametrize("euclidean", [False, True])
def test_assignments_are_those_of_float64(width, euclidean):
    vectors, _ = blobs(3000, 50, width)
    rng = np.random.default_rng(1)
    centroids = rng.standard_normal((77, width)).astype(np.float32)
    offsets = half_squares(centroids) if euclidean else np.zeros(77)
    assert np.array_equal(assign(vectors, centroids, offsets), brute(vectors, centroids, offsets))


def test_what_float32_cannot_tell_apart_float64_decides():
    """Centroids that differ by less than a float32 product can err: every point is in doubt."""
    vectors, _ = blobs(500, 1, 384, spread=0.01)
    rng = np.random.default_rng(2)
    middle = vectors.mean(axis=0, dtype=np.float64)
    centroids = (middle + 1e-6 * rng.standard_normal((20, 384))).astype(np.float32)
    expected = brute(vectors, centroids, np.zeros(20))
    assert np.array_equal(assign(vectors, centroids), expected)
    naive = (vectors.astype(np.float32) @ centroids.T).argmax(axis=1)
    assert not np.array_equal(naive, expected), "the test would not see a plain float32 answer"


def test_of_equal_centroids_the_first_is_taken():
    vectors, _ = blobs(100)
    centroids = np.repeat(vectors[:3].astype(np.float32), 4, axis=0)
    assert set(assign(vectors, centroids).tolist()) <= {0, 4, 8}


def test_distances_and_dots():
    vectors = np.array([[1, 0], [0, 1]], np.float16)
    centroids = np.array([[0, 0], [0.5, 0.5]], np.float32)
    labels = np.array([0, 1], np.int32)
    assert distances(vectors, centroids, labels).tolist() == [1, pytest.approx(0.5**0.5)]
    assert dots(vectors, centroids, labels).tolist() == [0, 0.5]


def test_the_bound_holds_for_products_of_this_machine():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 200, 512)).astype(np.float32)
    error = np.abs((a @ b.T) - a.astype(np.float64) @ b.astype(np.float64).T)
    lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    assert (error <= _rounding(512) * lengths).all()
