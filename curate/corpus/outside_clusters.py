"""DataComp's clusters (arXiv 2304.14108; baselines/image_based_clustering.py) and which an outside set lies in.

Euclidean k-means from random points (published: 100,000 clusters, 20 updates, no fewer points than all, or a share
of them drawn at random at the large scales: here `points_per_cluster`, without repetition). Images, of the pool and
of the set alike, then belong to the centroid with the largest inner product, the centroids not brought to length 1.
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import Outside, Tables
from curate.corpus.assignment import assign
from curate.corpus.kmeans import KMeans, centroids_of
from curate.corpus.points import matrix, measured

SET = "image_based"


class OutsideClusters(KMeans):
    """KMeans, and a table `outside`: cluster, items (of the set that lie in it), by cluster, without empty ones."""

    method: ClassVar[str] = "outside_clusters"

    def __init__(
        self,
        model: str,
        k: int,
        places: tuple[str, ...],
        *,
        iterations: int = 20,
        seed: int = 0,
        points_per_cluster: int | None = None,
    ) -> None:
        self.places = places
        super().__init__(
            model, k, iterations=iterations, seed=seed, init="random", points_per_cluster=points_per_cluster
        )

    def identity(self) -> tuple[object, ...]:
        return (*super().identity(), *sorted(self.places))

    def outside(self) -> list[Outside]:
        return [Outside(SET, self.places, c.embedding(self.model))]

    def labels(self, vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
        return assign(vectors, centroids)

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        tables = super().merge(partials)
        given = (outside or {})[SET][c.embedding(self.model)]
        vectors, centroids = matrix(given.filter(pl.Series(measured(given)))), centroids_of(tables["centroids"])
        there = len(vectors) and len(centroids)  # no image of the pool has an embedding: it has no clusters
        clusters = self.labels(vectors, centroids) if there else np.zeros(0, np.int32)
        counts = pl.DataFrame({c.CLUSTER: clusters}, schema={c.CLUSTER: pl.Int32}).group_by(c.CLUSTER)
        return tables | {"outside": counts.agg(pl.len().cast(pl.Int64).alias("items")).sort(c.CLUSTER)}
