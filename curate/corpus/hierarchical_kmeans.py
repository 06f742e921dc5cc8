"""Hierarchical k-means with resampling (Vo et al. 2024, arXiv 2405.15613; ssl-data-curation): clusters of clusters.

Level 1 clusters the images, each further level the centroids of the one below; Euclidean, 50 updates, k-means++.
Where a level resamples, each of its rounds takes the r points closest to every centroid (ties: the first), runs
k-means anew on those alone and assigns all points of the level again: so centroids spread over the data evenly
instead of by its density. Published: four levels of 10M, 500k, 50k and 10k with 10 rounds of r = 10, 5, 3 from the
second on; the first splits each of 100k clusters in 100, which is not done here: level 1 is one k-means.
Default: r is half the mean cluster size, at most 10, and no resampling where that is below 2 (r = 1 means none).
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.assignment import distances
from curate.corpus.cluster_names import Captions
from curate.corpus.kmeans import Clusters, centroid_table, centroids_of, kmeans, largest, located, nearest
from curate.corpus.model_name import model_name
from curate.corpus.points import gather
from curate.uid import fingerprint

MOST_CLOSEST = 10  # the published largest r


def hierarchical_kmeans(
    vectors: np.ndarray,
    levels: Sequence[int],
    seed: int,
    *,
    iterations: int = 50,
    rounds: int = 10,
    closest: Sequence[int] | None = None,
) -> list[Clusters]:
    """One clustering per level, the first of the vectors (n, d), the next of the centroids below.

    `closest` is r of each level; at most 1 means no resampling there.
    """
    found: list[Clusters] = []
    below = vectors
    for level, k in enumerate(levels, 1):
        count = _closest(len(below), k) if closest is None else closest[level - 1]
        found.append(_level(below, k, seed, iterations, rounds if count > 1 else 0, count, level))
        below = found[-1].centroids
    return found


def _closest(points: int, k: int) -> int:
    return min(MOST_CLOSEST, points // (2 * max(1, k)))


def _level(vectors: np.ndarray, k: int, seed: int, iterations: int, rounds: int, count: int, level: int) -> Clusters:
    now = kmeans(vectors, k, iterations, seed, purpose=f"level {level}")
    for turn in range(1, rounds + 1):
        taken = closest_rows(distances(vectors, now.centroids, now.labels), now.labels, count)
        again = kmeans(vectors[taken], k, iterations, seed, purpose=f"level {level} round {turn}")
        labels = nearest(vectors, again.centroids)
        squares = np.square(distances(vectors, again.centroids, labels).astype(np.float64))
        now = Clusters(again.centroids, labels, (float(squares.sum()),))
    return now


def closest_rows(apart: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Rows of the `count` smallest distances of each label, ascending; ties: the smaller row."""
    order = np.lexsort((np.arange(len(labels)), apart, labels))
    ordered = labels[order]
    first = np.searchsorted(ordered, ordered, side="left")
    return np.sort(order[np.arange(len(order)) - first < count])


class HierarchicalKMeans(CorpusPass):
    """Per sample the level-1 cluster of its image and the distance to that centroid. Images are the points.

    Tables: `level1`, `level2`, ... (cluster, images or clusters below, inertia, vector, parent: its cluster one
    level up, null at the top) and `names` (words of the level-1 clusters).
    """

    version = 1
    gathers: ClassVar[bool] = True

    def __init__(
        self,
        model: str,
        levels: Sequence[int],
        *,
        seed: int = 0,
        iterations: int = 50,
        rounds: int = 10,
        closest: Sequence[int] | None = None,
    ) -> None:
        self.model, self.levels, self.seed = model, tuple(levels), seed
        self.iterations, self.rounds, self.closest = iterations, rounds, None if closest is None else tuple(closest)
        column = c.embedding(model)
        self.reads = {"pool": [c.IMAGE_UID, c.CAPTION], f"signals/{column}": [column]}
        sizes = "_".join(map(str, levels))
        self.name = f"hierarchical_kmeans_{model_name(model)}_{sizes}_{fingerprint(self.identity())[:6]}"
        self.schema = c.cluster_schema(self.name)

    def identity(self) -> tuple[object, ...]:
        return (self.levels, self.seed, self.iterations, self.rounds, self.closest)

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        with Captions(partials) as captions:
            points = gather(captions, c.embedding(self.model))
            found = hierarchical_kmeans(
                points.vectors,
                self.levels,
                self.seed,
                iterations=self.iterations,
                rounds=self.rounds,
                closest=self.closest,
            )
            tables = {"names": captions.names(points.uids, found[0].labels)}
        below = points.vectors
        for level, clusters in enumerate(found, 1):
            apart = distances(below, clusters.centroids, clusters.labels)
            table = centroid_table(clusters.centroids, clusters.labels, apart)
            above = found[level].labels if level < len(found) else None
            parents = pl.Series(c.PARENT, above if above is not None else [None] * len(table), dtype=pl.Int32)
            tables[f"level{level}"] = table.with_columns(parents)
            below = clusters.centroids
        return tables

    def shown(self, tables: Tables) -> Tables:
        return {f"largest of {self.levels[0]:,} clusters of {self.model}": largest(tables["level1"], tables["names"])}

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        return located(frame[c.embedding(self.model)], centroids_of(tables["level1"]), nearest, self.schema)
