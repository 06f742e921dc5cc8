"""The best centroid of every point, the same whatever the blocks, the threads and the matrix library.

float32 matrix products say which centroids can be the best: all within what those products can err. Where that
leaves more than one, float64 decides, of equal ones the smaller number. So the answer is that of float64.
"""

import numpy as np

from curate.corpus.points import blocks

SCORES = 2**24  # of a block, float32: 64 MB
PAIRS = 16_384  # scored in float64 at once


def assign(vectors: np.ndarray, centroids: np.ndarray, offsets: np.ndarray | None = None) -> np.ndarray:
    """argmax over c of <vector, centroid c> - offsets[c], shape (n,), int32.

    vectors (n, d) float16 or float32, centroids (k, d) float32, offsets (k,) float64. With `half_squares` of the
    centroids as offsets it is the nearest in Euclidean distance, without any it is the largest inner product.
    """
    labels = np.empty(len(vectors), np.int32)
    offsets = np.zeros(len(centroids)) if offsets is None else offsets
    alone = _distinct(centroids)
    some, less = centroids[alone], offsets[alone]
    columns, taken = np.ascontiguousarray(some.T), less.astype(np.float32)
    length = _longest(some)
    for start, block in blocks(vectors, max(256, SCORES // max(1, len(some)))):
        scores = block @ columns
        scores -= taken
        best = scores.argmax(axis=1)
        slack = 2 * _rounding(block.shape[1]) * (_longest(block) * length + float(np.abs(less).max(initial=0)))
        near = scores >= (scores[np.arange(len(block)), best].astype(np.float64) - slack).astype(np.float32)[:, None]
        doubtful = np.flatnonzero(np.count_nonzero(near, axis=1) > 1)
        if len(doubtful):
            best[doubtful] = _decided(block[doubtful], some, less, near[doubtful])
        labels[start : start + len(block)] = alone[best]
    return labels


def half_squares(centroids: np.ndarray) -> np.ndarray:
    """Half the squared length of each row, (k,) float64."""
    return np.einsum("ij,ij->i", centroids, centroids, dtype=np.float64) / 2


def dots(vectors: np.ndarray, centroids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """<vector, its centroid>, (n,) float64; the sum's order depends on nothing but the width."""
    found = np.empty(len(vectors))
    for start, block in blocks(vectors, PAIRS):
        own = centroids[labels[start : start + len(block)]]
        found[start : start + len(block)] = np.multiply(block, own, dtype=np.float64).sum(axis=1)
    return found


def distances(vectors: np.ndarray, centroids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The Euclidean distance of each vector to its centroid, (n,) float32."""
    found = np.empty(len(vectors), np.float32)
    for start, block in blocks(vectors, PAIRS):
        apart = np.subtract(block, centroids[labels[start : start + len(block)]], dtype=np.float64)
        found[start : start + len(block)] = np.sqrt(np.square(apart).sum(axis=1))
    return found


def _decided(block: np.ndarray, centroids: np.ndarray, offsets: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The best of the candidates `near` (m, k), by float64. Shape (m,)."""
    rows, columns = np.nonzero(near)
    scores = np.empty(len(rows))
    for at in range(0, len(rows), PAIRS):
        part = slice(at, at + PAIRS)
        product = np.multiply(block[rows[part]], centroids[columns[part]], dtype=np.float64).sum(axis=1)
        scores[part] = product - offsets[columns[part]]
    order = np.lexsort((columns, -scores, rows))
    _, first = np.unique(rows[order], return_index=True)
    return np.asarray(columns[order][first])


def _distinct(centroids: np.ndarray) -> np.ndarray:
    """Of equal centroids only the first can be the best: its number, ascending."""
    rows = np.ascontiguousarray(centroids, np.float32) + np.float32(0)  # -0 is 0
    as_bytes = rows.view(np.dtype((np.void, 4 * rows.shape[1]))).reshape(-1)
    return np.sort(np.unique(as_bytes, return_index=True)[1])


def _longest(rows: np.ndarray) -> float:
    return float(np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0))) * 1.001


def _rounding(width: int) -> float:
    """By how much a float32 sum of `width` products can err, relative to the lengths, whatever its order."""
    return 1.01 * (width + 3) * 2.0**-24
