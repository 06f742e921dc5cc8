"""Where k-means starts: greedy k-means++ (Arthur and Vassilvitskii 2007), or points at random.

Each next centre is the best of 2 + floor(ln k) points drawn in proportion to their squared distance to the centres
so far: the one that leaves the least total. The work is samples x k x trials, so it sees a random sample of
max(10,000, 4 k) points; with k over 20,000 it still is the larger part of a run, and `random` is what faiss does.
"""

import math
from typing import Literal

import numpy as np

Init = Literal["k-means++", "random"]
SAMPLE, PER_CENTRE = 10_000, 4


def starts(vectors: np.ndarray, k: int, init: Init, rng: np.random.Generator) -> np.ndarray:
    """Rows of the k first centroids, (k,) int64, in the order chosen. k is at most n."""
    if init == "random":
        return rng.choice(len(vectors), k, replace=False)
    count = min(len(vectors), max(SAMPLE, PER_CENTRE * k))
    sample = np.sort(rng.choice(len(vectors), count, replace=False))
    return sample[plus_plus(vectors[sample].astype(np.float64), k, rng)]


def plus_plus(vectors: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of the k centres, (k,) int64. Vectors (n, d) float64.

    Of float16 rows of length 1 every distance here is exact, whatever the matrix library; what is summed over points
    is summed in their order. Once every point lies on a centre the rest are drawn uniformly from those that are none
    yet. Ties: the first drawn.
    """
    trials = 2 + int(math.log(k))
    squares = np.square(vectors).sum(axis=1)
    chosen = np.empty(k, np.int64)
    chosen[0] = rng.integers(len(vectors))
    apart = _squared(vectors, squares, chosen[:1])[:, 0]
    for i in range(1, k):
        reach = np.cumsum(apart)
        if reach[-1] <= 0:
            left = np.setdiff1d(np.arange(len(vectors)), chosen[:i])
            chosen[i:] = rng.choice(left, k - i, replace=False)
            break
        drawn = np.searchsorted(reach, rng.random(trials) * reach[-1], side="right")
        drawn = np.minimum(drawn, np.flatnonzero(apart)[-1])
        then = np.minimum(apart[:, None], _squared(vectors, squares, drawn))
        best = int(then.sum(axis=0).argmin())
        chosen[i], apart = drawn[best], np.ascontiguousarray(then[:, best])
    return chosen


def _squared(vectors: np.ndarray, squares: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Squared distances of all vectors to those rows, (n, len(rows)); of a row to itself 0."""
    found = np.maximum(squares[:, None] + squares[rows] - 2 * (vectors @ vectors[rows].T), 0)
    found[rows, np.arange(len(rows))] = 0
    return np.asarray(found)
