"""Nearest neighbours and all pairs above a floor by cosine, exactly.

Vectors are rows of float16, unit up to rounding, and a cosine is the dot product of two such rows. Products of
float16 numbers of magnitude at most 1 are multiples of 2**-48, so their sum in float64 has no rounding at all:
the cosine of a pair, rounded once to float32, depends on nothing but the pair. Candidates come from float32
matrix products over blocks; whatever those could have ranked wrongly is computed anew in float64.
Order: larger cosine first, of equal ones (as float32) the smaller index. Memory is that of one block.
"""

from dataclasses import dataclass

import faiss
import numpy as np

QUERIES, POINTS = 16_384, 65_536  # rows of a block; 150 MB in float32 at 512 dimensions
MARGIN = 8  # candidates beyond k, so that rounding seldom leaves a doubt
PAIRS = 16_384  # pairs whose exact cosines are computed at once
UNIT = 0.998  # the square of a unit vector is above it, after rounding to float16: each number errs by 2**-11 at most


@dataclass(frozen=True)
class Neighbours:
    """Of each query its nearest points, nearest first; -1 and -inf where there are fewer than k points."""

    indices: np.ndarray  # (queries, k) int64, rows of the points
    cosines: np.ndarray  # (queries, k) float32

    def pairs(self, floor: float = -2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """query, point, cosine of every neighbour above the floor, by query, nearest first."""
        rows, ranks = np.nonzero(self.cosines.astype(np.float64) > floor)
        return rows, self.indices[rows, ranks], self.cosines[rows, ranks]


def cosines_of(queries: np.ndarray, points: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The cosine of queries[rows[i]] and points[others[i]], float32, exact but for that rounding."""
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), PAIRS):
        part = slice(start, start + PAIRS)
        product = queries[rows[part]].astype(np.float32) * points[others[part]].astype(np.float32)
        found[part] = product.sum(axis=1, dtype=np.float64)
    return found


def with_copies(points: np.ndarray, rows: np.ndarray, others: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """The cosines of points[rows[i]] and points[others[i]], but 1 where the two are unit vectors of the same bytes."""
    found, near = cosines.copy(), np.flatnonzero(cosines > UNIT)
    bits = points.view(np.uint16)  # compared three times as fast as float16
    for start in range(0, len(near), PAIRS):
        part = near[start : start + PAIRS]
        found[part[(bits[rows[part]] == bits[others[part]]).all(axis=1)]] = 1
    return found


def nearest(queries: np.ndarray, points: np.ndarray, k: int, *, same: bool = False) -> Neighbours:
    """The k nearest points of every query, exactly. Both (n, d) float16.

    With `same` the queries are the points, and none is a neighbour of itself.
    """
    if same:
        return without_self(nearest(queries, points, k + 1))
    parts = [_nearest(queries[at : at + QUERIES], points, k) for at in range(0, len(queries), QUERIES)]
    if not parts:
        return Neighbours(np.zeros((0, k), np.int64), np.zeros((0, k), np.float32))
    return Neighbours(np.concatenate([p.indices for p in parts]), np.concatenate([p.cosines for p in parts]))


def above(
    queries: np.ndarray, points: np.ndarray, floor: float, *, same: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """query, point, cosine of all pairs with a cosine above the floor (strict), exactly, by query, then point.

    With `same` the queries are the points, and a pair is there once: query < point.
    """
    slack = _rounding(points.shape[1])
    found: list[tuple[np.ndarray, np.ndarray]] = []
    height = max(1, QUERIES // 8)  # the products themselves are held, not only the best of them
    for left in range(0, len(queries), height):
        block = queries[left : left + height].astype(np.float32)
        for right in range(left if same else 0, len(points), POINTS):
            products = block @ points[right : right + POINTS].astype(np.float32).T
            rows, others = np.nonzero(products > floor - slack)
            found.append((rows + left, others + right))
    rows = np.concatenate([r for r, _ in found]) if found else np.zeros(0, np.int64)
    others = np.concatenate([o for _, o in found]) if found else np.zeros(0, np.int64)
    if same:
        once = rows < others
        rows, others = rows[once], others[once]
    cosines = cosines_of(queries, points, rows, others)
    certain = cosines.astype(np.float64) > floor
    rows, others, cosines = rows[certain], others[certain], cosines[certain]
    order = np.lexsort((others, rows))
    return rows[order], others[order], cosines[order]


def without_self(found: Neighbours) -> Neighbours:
    """Neighbours of points among themselves: row i without i; where i is not in its row, without the last."""
    is_self = found.indices == np.arange(len(found.indices))[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    shape = (len(found.indices), found.indices.shape[1] - 1)
    return Neighbours(found.indices[~is_self].reshape(shape), found.cosines[~is_self].reshape(shape))


def ranked(indices: np.ndarray, cosines: np.ndarray, k: int) -> Neighbours:
    """The best k of candidates, in order. An index of -1 is no candidate."""
    cosines = np.where(indices < 0, -np.inf, cosines).astype(np.float32)
    order = np.lexsort((indices, -cosines), axis=1)[:, :k]
    best = Neighbours(np.take_along_axis(indices, order, 1), np.take_along_axis(cosines, order, 1))
    if best.indices.shape[1] == k:
        return best
    lacking = ((0, 0), (0, k - best.indices.shape[1]))
    return Neighbours(
        np.pad(best.indices, lacking, constant_values=-1), np.pad(best.cosines, lacking, constant_values=-np.inf)
    )


def exactly(queries: np.ndarray, points: np.ndarray, indices: np.ndarray, k: int) -> Neighbours:
    """The best k of the candidates (queries, m), by their exact cosines."""
    cosines = np.empty(indices.shape, np.float32)
    few = max(1, PAIRS // max(1, indices.shape[1]))
    for start in range(0, len(queries), few):
        part = slice(start, start + few)
        products = points[indices[part]].astype(np.float32)  # of an index of -1 any: `ranked` puts it last
        products *= queries[part, None].astype(np.float32)
        cosines[part] = products.sum(axis=2, dtype=np.float64)
    return ranked(indices, cosines, k)


def _nearest(queries: np.ndarray, points: np.ndarray, k: int) -> Neighbours:
    """One block of queries: candidates by float32, their order by float64, and what is in doubt once more."""
    if not len(points):
        return ranked(np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32), k)
    indices, least = _candidates(queries.astype(np.float32), points, min(k + MARGIN, len(points)))
    best = exactly(queries, points, indices, k)
    if indices.shape[1] == len(points):
        return best
    # No point that was left out is above `least` by more than rounding.
    doubtful = np.flatnonzero(best.cosines[:, k - 1] <= least + _rounding(points.shape[1]))
    if len(doubtful):
        # Copies of one image are what is mostly in doubt, and have one answer.
        distinct, copy = np.unique(_bytes(queries[doubtful]), return_index=True, return_inverse=True)[1:]
        again = _in_float64(queries[doubtful[distinct]], points, k)
        best.indices[doubtful], best.cosines[doubtful] = again.indices[copy], again.cosines[copy]
    return best


def _candidates(queries: np.ndarray, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (queries, count) of the best by float32, and the least of their cosines."""
    indices = np.zeros((len(queries), 0), np.int64)
    cosines = np.zeros((len(queries), 0), np.float32)
    for start in range(0, len(points), POINTS):
        block = points[start : start + POINTS].astype(np.float32)
        scores, found = faiss.knn(queries, block, min(count, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
        indices = np.concatenate([indices, found + start], axis=1)
        cosines = np.concatenate([cosines, scores], axis=1)
        if indices.shape[1] > count:
            best = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
            indices, cosines = np.take_along_axis(indices, best, 1), np.take_along_axis(cosines, best, 1)
    return indices, cosines.min(axis=1)


def _in_float64(queries: np.ndarray, points: np.ndarray, k: int) -> Neighbours:
    """All against all in float64, a few queries at a time: no candidate, no doubt."""
    indices, cosines = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    few = max(1, min(256, 2**27 // max(1, len(points))))  # 512 MB of cosines
    for start in range(0, len(queries), few):
        block = queries[start : start + few].astype(np.float64)
        rows = np.empty((len(block), len(points)), np.float32)
        for at in range(0, len(points), POINTS):
            rows[:, at : at + POINTS] = block @ points[at : at + POINTS].astype(np.float64).T
        for i, row in enumerate(rows, start):
            kth = np.partition(row, len(row) - k)[len(row) - k]
            more = np.flatnonzero(row > kth)
            ties = np.flatnonzero(row == kth)[: k - len(more)]
            one = ranked(np.concatenate([more, ties])[None], row[np.concatenate([more, ties])][None], k)
            indices[i], cosines[i] = one.indices[0], one.cosines[0]
    return Neighbours(indices, cosines)


def _rounding(width: int) -> float:
    """The most by which a float32 product of two unit rows can err, whatever the order of its sums."""
    return 1.01 * (width + 1) * 2.0**-24


def _bytes(rows: np.ndarray) -> np.ndarray:
    """Each row as one value that can be compared."""
    rows = np.ascontiguousarray(rows)
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
