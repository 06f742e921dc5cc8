"""DINOv2's retrieval of the pool's images by those of a curated set (arXiv 2304.07193, section 3 and appendix A).

By sample: the nearest images of every query. More are stored than are asked for, so that the filter can pass over
images that earlier rules dropped. Equal cosines are in the order of image_uid.
By cluster: spherical k-means of the pool (`kmeans`), and how many queries lie in each cluster: a query lies where the
centroid has the largest cosine with it.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Outside, Tables
from curate.corpus.inverted_file import find
from curate.corpus.kmeans import kmeans
from curate.corpus.kmeans import nearest as nearest_centroid
from curate.corpus.model_name import model_name
from curate.corpus.outside_similarity import outside_items
from curate.corpus.points import gather
from curate.uid import fingerprint

SET = "queries"


class Retrieval(CorpusPass):
    """What both ways share: the queries are a set of images from outside the pool."""

    gathers: ClassVar[bool] = True
    way: ClassVar[str]

    def __init__(self, model: str, queries: Sequence[str]) -> None:
        self.model, self.queries = model, tuple(queries)
        column = c.embedding(model)
        self.reads = {"pool": [c.IMAGE_UID], f"signals/{column}": [column]}
        self.name = f"{self.way}_{model_name(model)}_{fingerprint(*sorted(queries))[:6]}"

    def outside(self) -> list[Outside]:
        return [Outside(SET, self.queries, c.embedding(self.model))]


class SampleRetrieval(Retrieval):
    """Tables: `queries` (item), `points` (image_uid, sorted), `search` (one row: how, with which recall), and

    neighbours  query, rank, image (a row of `points`), cosine: the `reach` nearest of each query
    counts      k, with_repetition, distinct: images that k per query are, in the pool
    """

    version = 1
    way: ClassVar[str] = "retrieval"

    def __init__(self, model: str, queries: Sequence[str], reach: int) -> None:
        super().__init__(model, queries)
        self.reach = reach

    def identity(self) -> tuple[object, ...]:
        return (self.reach,)

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        items, vectors = outside_items(outside, SET, c.embedding(self.model))
        points = gather(partials, c.embedding(self.model))
        found, how = find(vectors, points.vectors.reshape(-1, vectors.shape[1]), self.reach)
        query, rank = np.nonzero(found.indices >= 0)
        image = found.indices[query, rank]
        return {
            "queries": items,
            "points": pl.DataFrame({c.IMAGE_UID: points.uids}, schema={c.IMAGE_UID: pl.String}),
            "neighbours": pl.DataFrame(
                {
                    c.QUERY: query.astype(np.uint32),
                    c.RANK: rank.astype(np.uint16),
                    c.IMAGE: image.astype(np.uint32),
                    c.COSINE: found.cosines[query, rank],
                }
            ),
            "counts": _counts(rank, image, self.reach),
            "search": how.table(),
        }


def _counts(rank: np.ndarray, image: np.ndarray, reach: int) -> pl.DataFrame:
    """Of the k nearest of every query, k from 1 to reach: how many there are, and how many of them are distinct."""
    rows = pl.DataFrame({"rank": rank, "image": image}, schema={"rank": pl.Int64, "image": pl.Int64})
    first = rows.group_by("image").agg(pl.col("rank").min())["rank"]
    steps = np.arange(1, reach + 1)
    every, distinct = (np.sort(column.to_numpy()) for column in (rows["rank"], first))
    return pl.DataFrame(
        {
            "k": steps,
            "with_repetition": np.searchsorted(every, steps, side="left"),
            "distinct": np.searchsorted(distinct, steps, side="left"),
        }
    )


class ClusterRetrieval(Retrieval):
    """Tables: `queries` (item, cluster), `points` (image_uid, sorted; cluster), and

    clusters  cluster, images, hits: how many of the pool, and how many queries, each has
    """

    version = 1
    way: ClassVar[str] = "cluster_retrieval"

    def __init__(self, model: str, queries: Sequence[str], clusters: int, iterations: int, seed: int) -> None:
        super().__init__(model, queries)
        self.clusters, self.iterations, self.seed = clusters, iterations, seed
        self.name = f"{self.name}_{clusters}_{iterations}_{seed}"

    def identity(self) -> tuple[object, ...]:
        return (self.clusters, self.iterations, self.seed)

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        items, vectors = outside_items(outside, SET, c.embedding(self.model))
        points = gather(partials, c.embedding(self.model))
        pool = points.vectors.reshape(-1, vectors.shape[1])
        found = kmeans(pool, self.clusters, self.iterations, self.seed, spherical=True)
        hit = nearest_centroid(vectors, found.centroids, spherical=True) if len(pool) else np.full(len(vectors), -1)
        clusters = len(found.centroids)
        return {
            "queries": items.with_columns(pl.Series(c.CLUSTER, hit, dtype=pl.Int32)),
            "points": pl.DataFrame(
                {c.IMAGE_UID: points.uids, c.CLUSTER: found.labels},
                schema={c.IMAGE_UID: pl.String, c.CLUSTER: pl.Int32},
            ),
            "clusters": pl.DataFrame(
                {
                    c.CLUSTER: np.arange(clusters, dtype=np.int32),
                    c.IMAGES: found.sizes,
                    c.HITS: np.bincount(hit[hit >= 0], minlength=clusters),
                }
            ),
        }
