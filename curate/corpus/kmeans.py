"""k-means (Lloyd 1982) over all points: float16 rows in blocks, every assignment exact, no order of anything matters.

The sums of float16 rows of length 1 are exact in float64 and an assignment is that of float64 (`assignment`), so
the centroids are the same bit for bit for any blocks, threads and matrix library. (Rows of float32, the centroids
that a further level clusters, are that up to float64 rounding.) Two forms: Euclidean, whose
centroids are means, and spherical, whose centroids are means brought to length 1 and whose points go to the
largest inner product. An empty cluster keeps its centroid (`keep`, as ssl-data-curation), or takes the point that
is farthest from its own (`farthest`). With fewer points than clusters every point is a cluster.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.assignment import assign, distances, half_squares
from curate.corpus.cluster_names import Captions
from curate.corpus.kmeans_plus_plus import Init, starts
from curate.corpus.model_name import model_name
from curate.corpus.points import BLOCK, blocks, gather, matrix, measured
from curate.corpus.spill import runs
from curate.uid import draw_int, draws, fingerprint

Empty = Literal["keep", "farthest"]


@dataclass(frozen=True)
class Clusters:
    """The centroids, and where each point is by them: assigned after the last update."""

    centroids: np.ndarray  # (k, d) float32
    labels: np.ndarray  # (n,) int32
    inertia: tuple[float, ...]  # sum of squared distances to the own centroid: before each update, and at the end

    @property
    def sizes(self) -> np.ndarray:
        return np.bincount(self.labels, minlength=len(self.centroids))


def kmeans(
    vectors: np.ndarray,
    k: int,
    iterations: int,
    seed: int,
    *,
    spherical: bool = False,
    init: Init = "k-means++",
    empty: Empty = "keep",
    purpose: str = "kmeans",
) -> Clusters:
    """At most `iterations` updates; fewer where one changes nothing. Vectors (n, d) float16 or float32."""
    k = min(k, len(vectors))
    if not k:
        return Clusters(np.zeros((0, vectors.shape[1]), np.float32), np.zeros(0, np.int32), (0.0,))
    rng = np.random.default_rng(draw_int(seed, str(k), purpose))
    centroids = vectors[starts(vectors, k, init, rng)].astype(np.float32)
    squares = sum(float(np.square(block, dtype=np.float64).sum()) for _, block in blocks(vectors))
    labels, sums, inertia = _look(vectors, centroids, squares, spherical)
    history = [inertia]
    for _ in range(iterations):
        moved = _update(centroids, labels, sums, spherical)
        if empty == "farthest":
            _fill(vectors, moved, labels)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
        labels, sums, inertia = _look(vectors, centroids, squares, spherical, (labels, sums))
        history.append(inertia)
    return Clusters(centroids, labels, tuple(history))


def nearest(vectors: np.ndarray, centroids: np.ndarray, *, spherical: bool = False) -> np.ndarray:
    """The cluster of each vector, (n,) int32."""
    return assign(vectors, centroids, None if spherical else half_squares(centroids))


def _look(
    vectors: np.ndarray,
    centroids: np.ndarray,
    squares: float,
    spherical: bool,
    last: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Labels (n,), the sum of each cluster's points (k, d) float64, the inertia. `last`: labels and sums before."""
    labels, k = nearest(vectors, centroids, spherical=spherical), len(centroids)
    moved = None if last is None or vectors.dtype != np.float16 else labels != last[0]
    if last is None or moved is None or 2 * np.count_nonzero(moved) > len(labels):
        sums = cluster_sums(vectors, labels, k)
    else:  # exact sums: those that moved come and go, and the rest need not be added again
        sums = last[1] + (cluster_sums(vectors, labels, k, moved) - cluster_sums(vectors, last[0], k, moved))
    cross = float(np.multiply(sums, centroids, dtype=np.float64).sum())
    sizes = np.bincount(labels, minlength=k)
    return labels, sums, max(0.0, squares - 2 * cross + float((2 * half_squares(centroids) * sizes).sum()))


def cluster_sums(vectors: np.ndarray, labels: np.ndarray, k: int, rows: np.ndarray | None = None) -> np.ndarray:
    """The sum of each cluster's rows, (k, d) float64: of float16 rows of length at most 1 exact, up to 2**29 rows.

    `rows` (n,) bool: of these only.
    """
    sums = np.zeros((k, vectors.shape[1]))
    for start in range(0, len(vectors), BLOCK):
        own = labels[start : start + BLOCK]
        at = np.arange(len(own)) if rows is None else np.flatnonzero(rows[start : start + BLOCK])
        if len(at):
            order = at[np.argsort(own[at], kind="stable")]
            ordered = own[order]
            first = runs(ordered)
            block = vectors[start : start + BLOCK][order].astype(np.float64)
            sums[ordered[first]] += np.add.reduceat(block, first, axis=0)
    return sums


def _update(centroids: np.ndarray, labels: np.ndarray, sums: np.ndarray, spherical: bool) -> np.ndarray:
    sizes = np.bincount(labels, minlength=len(centroids))
    lengths = np.sqrt(np.square(sums).sum(axis=1)) if spherical else sizes.astype(np.float64)
    full = (sizes > 0) & (lengths > 0)
    moved = centroids.copy()
    moved[full] = sums[full] / lengths[full, None]
    return moved


def _fill(vectors: np.ndarray, centroids: np.ndarray, labels: np.ndarray) -> None:
    """Empty clusters take the points that are farthest from their centroids, the first of equal ones first."""
    lacking = np.flatnonzero(np.bincount(labels, minlength=len(centroids)) == 0)
    if len(lacking):
        far = np.argsort(-distances(vectors, centroids, labels), kind="stable")[: len(lacking)]
        centroids[lacking] = vectors[far]


class KMeans(CorpusPass):
    """Per sample the cluster of its image and the Euclidean distance to that centroid. Images are the points.

    Tables: `centroids` (cluster, images, inertia, vector), `history` (update, inertia) and `names` (cluster, words).
    `points_per_cluster` trains on that many images per cluster instead of all, by a draw of the seed.
    """

    version = 1
    gathers: ClassVar[bool] = True
    method: ClassVar[str] = "kmeans"

    def __init__(
        self,
        model: str,
        k: int,
        *,
        iterations: int = 20,
        seed: int = 0,
        spherical: bool = False,
        init: Init = "k-means++",
        empty: Empty = "keep",
        points_per_cluster: int | None = None,
    ) -> None:
        self.model, self.k, self.iterations, self.seed, self.spherical = model, k, iterations, seed, spherical
        self.init, self.empty, self.points_per_cluster = init, empty, points_per_cluster
        column = c.embedding(model)
        self.reads = {"pool": [c.IMAGE_UID, c.CAPTION], f"signals/{column}": [column]}
        self.name = f"{self.method}_{model_name(model)}_{k}_{fingerprint(self.identity())[:6]}"
        self.schema = c.cluster_schema(self.name)

    def identity(self) -> tuple[object, ...]:
        return (self.iterations, self.seed, self.spherical, self.init, self.empty, self.points_per_cluster)

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        with Captions(partials) as captions:
            points = gather(captions, c.embedding(self.model))
            part = _drawn(points.uids, self.k, self.points_per_cluster, self.seed)
            training = points.vectors if part is None else points.vectors[part]
            found = kmeans(
                training,
                self.k,
                self.iterations,
                self.seed,
                spherical=self.spherical,
                init=self.init,
                empty=self.empty,
            )
            labels = found.labels if part is None else self.labels(points.vectors, found.centroids)
            names = captions.names(points.uids, labels)
        apart = distances(points.vectors, found.centroids, labels)
        updates = np.arange(len(found.inertia), dtype=np.int32)
        return {
            "centroids": centroid_table(found.centroids, labels, apart),
            "history": pl.DataFrame({"update": updates, c.INERTIA: found.inertia}),
            "names": names,
        }

    def shown(self, tables: Tables) -> Tables:
        return {f"largest of {self.k:,} clusters of {self.model}": largest(tables["centroids"], tables["names"])}

    def labels(self, vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
        return nearest(vectors, centroids, spherical=self.spherical)

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        centroids = centroids_of(tables["centroids"])
        return located(frame[c.embedding(self.model)], centroids, self.labels, self.schema)


def _drawn(uids: pl.Series, k: int, per_cluster: int | None, seed: int) -> np.ndarray | None:
    """Rows of the images with the smallest draws, ascending; None for all."""
    if per_cluster is None or len(uids) <= k * per_cluster:
        return None
    order = np.argsort(draws(seed, uids, "kmeans points"), kind="stable")
    return np.sort(order[: k * per_cluster])


def centroid_table(centroids: np.ndarray, labels: np.ndarray, apart: np.ndarray) -> pl.DataFrame:
    """cluster, images, inertia (the sum of squared distances), vector."""
    k, width = centroids.shape
    squares = np.square(apart.astype(np.float64))
    return pl.DataFrame(
        {
            c.CLUSTER: np.arange(k, dtype=np.int32),
            "images": np.bincount(labels, minlength=k),
            c.INERTIA: np.bincount(labels, weights=squares, minlength=k).astype(np.float64),
            c.VECTOR: pl.Series(centroids, dtype=pl.Array(pl.Float32, width)),
        }
    )


def largest(centroids: pl.DataFrame, names: pl.DataFrame, rows: int = 20) -> pl.DataFrame:
    """For people: cluster, images, and the words that tell a cluster from the others."""
    biggest = centroids.select(c.CLUSTER, "images").sort("images", c.CLUSTER, descending=[True, False]).head(rows)
    found = biggest.join(names, on=c.CLUSTER, how="left", maintain_order="left")
    return found.with_columns(pl.col(c.CLUSTER_WORDS).list.join(", "))


def centroids_of(table: pl.DataFrame) -> np.ndarray:
    """The vectors of a table by its clusters, (k, d) float32."""
    return table.sort(c.CLUSTER)[c.VECTOR].to_numpy().astype(np.float32)


def located(
    embeddings: pl.Series,
    centroids: np.ndarray,
    labels: Callable[[np.ndarray, np.ndarray], np.ndarray],
    schema: pa.Schema,
) -> pa.Table:
    """A shard's clusters and distances, null where there is no embedding."""
    known = measured(embeddings)
    cluster, apart = np.zeros(len(embeddings), np.int32), np.zeros(len(embeddings), np.float32)
    if known.any():
        vectors = matrix(embeddings.filter(pl.Series(known)))
        cluster[known] = labels(vectors, centroids)
        apart[known] = distances(vectors, centroids, cluster[known])
    return pa.table([pa.array(cluster, mask=~known), pa.array(apart, mask=~known)], schema=schema)
