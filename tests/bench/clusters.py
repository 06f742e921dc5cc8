"""k-means on float16 vectors, beside faiss (the same updates, all points) and scikit-learn's mini-batches.

Ours starts both ways that it can: at random, as faiss, and by k-means++. Lower inertia is better, so its inverse is
what is shown. Each run ends with every point's cluster by the last centroids.
`python -m tests.bench.clusters --large` does a million points and prints the peak of memory.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterator

import faiss
import numpy as np

from curate.corpus.hierarchical_kmeans import hierarchical_kmeans
from curate.corpus.kmeans import kmeans
from curate.corpus.semdedup import largest_before

WIDTH, ITERATIONS = 384, 5
Row = tuple[str, float, str, float, str]


def made_up(points: int, centres: int = 3000, seed: int = 0) -> np.ndarray:
    """Unit vectors around centres of very different sizes, float16."""
    rng = np.random.default_rng(seed)
    middle = rng.standard_normal((centres, WIDTH), np.float32)
    weight = 1 / np.arange(1, centres + 1)
    which = rng.choice(centres, points, p=weight / weight.sum())
    vectors = np.empty((points, WIDTH), np.float16)
    for start in range(0, points, 50_000):
        part = which[start : start + 50_000]
        rows = middle[part] + 0.9 * rng.standard_normal((len(part), WIDTH), np.float32)
        vectors[start : start + 50_000] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors


def timed(work: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def inertia(vectors: np.ndarray, centroids: np.ndarray) -> float:
    """The mean squared distance to the nearest centroid."""
    index = faiss.IndexFlatL2(WIDTH)
    index.add(np.ascontiguousarray(centroids, np.float32))
    total = sum(
        float(index.search(vectors[i : i + 50_000].astype(np.float32), 1)[0].sum())
        for i in range(0, len(vectors), 50_000)
    )
    return total / len(vectors)


def by_faiss(vectors: np.ndarray, k: int) -> np.ndarray:
    peer = faiss.Kmeans(WIDTH, k, niter=ITERATIONS, seed=1, max_points_per_centroid=10**9)
    rows = vectors.astype(np.float32)
    peer.train(rows)
    peer.assign(rows)
    return np.asarray(peer.centroids)


def compare(points: int, k: int) -> Iterator[Row]:
    vectors = made_up(points)
    what, work = f"k-means, {points:,} x {WIDTH} float16, k {k:,}", points * ITERATIONS
    slow, theirs = timed(lambda: by_faiss(vectors, k))
    loss = inertia(vectors, theirs)
    for init in ("random", "k-means++"):
        seconds, ours = timed(lambda init=init: kmeans(vectors, k, ITERATIONS, 0, init=init))
        yield f"{what}, {init}", work / seconds, "faiss.Kmeans", work / slow, "points x updates/s"
        yield f"{what}, {init}", 1 / inertia(vectors, ours.centroids), "faiss.Kmeans", 1 / loss, "1/inertia"
    try:
        from sklearn.cluster import MiniBatchKMeans
    except ImportError:
        return
    peer = MiniBatchKMeans(k, max_iter=ITERATIONS, n_init=1, random_state=0, batch_size=8192)
    slow, _ = timed(lambda: peer.fit(vectors.astype(np.float32)))
    yield f"{what}, whole run", points / seconds, "MiniBatchKMeans", points / slow, "points/s"
    yield (
        f"{what}, whole run",
        1 / inertia(vectors, ours.centroids),
        "MiniBatchKMeans",
        1 / inertia(vectors, peer.cluster_centers_),
        "1/inertia",
    )


def levels(points: int, sizes: tuple[int, int]) -> Iterator[Row]:
    """Both levels without resampling; with it there is no peer that runs here."""
    vectors = made_up(points)
    slow, _ = timed(lambda: by_faiss(by_faiss(vectors, sizes[0]), sizes[1]))
    seconds, _ = timed(lambda: hierarchical_kmeans(vectors, sizes, 0, iterations=ITERATIONS, rounds=0))
    what = f"hierarchical k-means, {points:,}, levels {sizes[0]:,} and {sizes[1]:,}"
    yield what, points / seconds, "faiss.Kmeans twice", points / slow, "points/s"


def cosines(points: int) -> Iterator[Row]:
    """One cluster of SemDeDup: the published arithmetic is a float32 product of all with all, and its maxima."""
    vectors = made_up(points)
    ours, _ = timed(lambda: largest_before(vectors))

    def whole() -> np.ndarray:
        rows = vectors.astype(np.float32)
        return np.triu(rows @ rows.T, 1).max(axis=0)

    theirs, _ = timed(whole)
    yield (
        f"SemDeDup within a cluster of {points:,}",
        points / ours,
        "NumPy, float32, whole matrix",
        points / theirs,
        "images/s",
    )


def measure() -> Iterator[Row]:
    yield from compare(100_000, 500)
    yield from levels(50_000, (500, 50))
    yield from cosines(8_000)


def growth() -> Iterator[Row]:
    yield from compare(1_000_000, 1_000)
    yield from levels(1_000_000, (1_000, 100))


if __name__ == "__main__":
    for what, ours, peer, theirs, unit in growth() if "--large" in sys.argv else measure():
        print(f"{what}: {ours:,.4g} {unit}; {peer}: {theirs:,.4g}; {ours / theirs:.2f}x", flush=True)
    print(f"peak of memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
