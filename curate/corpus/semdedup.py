"""SemDeDup (Abbas et al. 2023, arXiv 2303.09540): how near each image is to those before it in its cluster.

Spherical k-means (published: 50,000 clusters for LAION, 100 updates from random points, seed 1234). Within a
cluster images are in order: `hard`, the farthest from the centroid first (as published), `easy`, the nearest first,
or `random`; ties, and copies of one vector, by image_uid. `max_cosine` of an image is max(0, the largest cosine with
any before it), 0 of the first: whether that one is kept makes no difference, it is not greedy.

Products of float16 rows are summed in float64, without rounding, and rounded once to float32, so a cosine depends
on its two images only. Rows of float16 are of length 1 to about 0.0005, so products are that near to cosines: none
counts as more than 1, and of equal rows it is 1. Equal vectors are one row of the work: a picture that is there a
million times is no million squared. Memory: the distinct vectors of one cluster in float64, and a block of products.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.assignment import dots
from curate.corpus.kmeans import kmeans
from curate.corpus.model_name import model_name
from curate.corpus.neighbours import UNIT
from curate.corpus.points import blocks, gather
from curate.corpus.spill import runs
from curate.uid import draws, fingerprint

Order = Literal["hard", "easy", "random"]
PRODUCTS = 2**23  # of some rows with a whole cluster, held at once: 64 MB
POSITION, GROUP = "position", "group"


class SemDeDup(CorpusPass):
    """Per sample `max_cosine` of its image. Images are the points.

    Tables: `images`: image_uid (sorted), cluster, position (in the order, from 0), group (the row of the first image
    with this very vector), max_cosine. `pairs`: a < b, cosine: groups of one cluster whose cosine is above `floor`
    (strict), and every group of several images with itself.
    """

    version = 2
    gathers: ClassVar[bool] = True

    def __init__(
        self,
        model: str,
        clusters: int,
        *,
        order: Order = "hard",
        floor: float = 0.9,
        iterations: int = 100,
        seed: int = 1234,
    ) -> None:
        self.model, self.clusters, self.order, self.floor = model, clusters, order, floor
        self.iterations, self.seed = iterations, seed
        column = c.embedding(model)
        self.reads = {"pool": [c.IMAGE_UID], f"signals/{column}": [column]}
        mark = fingerprint(iterations, seed)[:6]
        self.name = f"semdedup_{model_name(model)}_{clusters}_{order}_{mark}"
        self.column = c.max_cosine(self.name)
        self.schema = pa.schema([(self.column, pa.float32())])

    def identity(self) -> tuple[object, ...]:
        return (-self.floor,)  # of two passes with one name the deeper one is the larger

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        points = gather(partials, c.embedding(self.model))
        vectors = points.vectors
        found = kmeans(vectors, self.clusters, self.iterations, self.seed, spherical=True, init="random")
        order = self._order(points.uids, dots(vectors, found.centroids, found.labels), found.labels)
        images = np.zeros(len(points), [(POSITION, "i8"), (GROUP, "i8"), ("max", "f4")])
        a, b, cosines = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for rows in _clusters(order, found.labels):
            group, most = largest_before(vectors[rows], pairs := _Pairs(self.floor))
            images[POSITION][rows], images[GROUP][rows], images["max"][rows] = np.arange(len(rows)), rows[group], most
            for left, right, cosine in pairs.found:
                a.append(rows[left])
                b.append(rows[right])
                cosines.append(cosine)
        left, right = np.concatenate(a), np.concatenate(b)
        near = {c.A: np.minimum(left, right), c.B: np.maximum(left, right), c.COSINE: np.concatenate(cosines)}
        return {
            "images": pl.DataFrame(
                {
                    c.IMAGE_UID: points.uids,
                    c.CLUSTER: found.labels,
                    POSITION: images[POSITION].astype(np.uint32),
                    GROUP: images[GROUP].astype(np.uint32),
                    c.MAX_COSINE: images["max"],
                },
                schema_overrides={c.IMAGE_UID: pl.String},
            ),
            "pairs": pl.DataFrame(near).cast({c.A: pl.UInt32, c.B: pl.UInt32}).sort(c.A, c.B),
        }

    def _order(self, uids: pl.Series, cosines: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Rows by cluster, in its order. Rows are in the order of their uids already."""
        rows = np.arange(len(labels))
        if self.order == "random":
            return np.lexsort((rows, draws(self.seed, uids, "semdedup"), labels))
        nearness = cosines.astype(np.float32)
        return np.lexsort((rows, nearness if self.order == "hard" else -nearness, labels))

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        known = tables["images"].select(c.IMAGE_UID, pl.col(c.MAX_COSINE).alias(self.column))
        found = frame.select(c.IMAGE_UID).join(known, on=c.IMAGE_UID, how="left", maintain_order="left")
        return found.select(self.column).to_arrow().cast(self.schema)


def _clusters(order: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
    first = runs(labels[order])
    for start, end in pairwise([*first, len(order)]):
        yield order[start:end]


class _Pairs:
    """Pairs above a floor as they are found: positions of the first of each group, and the cosine."""

    def __init__(self, floor: float) -> None:
        self.floor = floor
        self.found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, left: np.ndarray, right: np.ndarray, cosines: np.ndarray) -> None:
        near = cosines.astype(np.float64) > self.floor
        if near.any():
            self.found.append((left[near], right[near], cosines[near]))


def largest_before(vectors: np.ndarray, pairs: _Pairs | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Of one cluster's vectors (m, d) float16 in order: group (m,), the position of the first equal vector, and
    max(0, the largest cosine with any before), (m,) float32, 0 for the first."""
    rows = np.ascontiguousarray(vectors + np.float16(0))  # -0 is 0
    as_bytes = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    firsts, group = np.sort(first), first[inverse]  # the distinct vectors, in order of their first positions
    most = np.zeros(len(rows), np.float32)
    distinct = rows[firsts].astype(np.float64)
    height = max(1, PRODUCTS // max(1, len(firsts)))
    for start in range(0, len(firsts), height):
        end = min(start + height, len(firsts))
        products = _cosines(distinct[start:end], distinct[:end])
        before = np.arange(end) < np.arange(start, end)[:, None]
        most[firsts[start:end]] = np.where(before, products, np.float32(0)).max(axis=1)
        if pairs is not None:
            later, earlier = np.nonzero(before & (products.astype(np.float64) > pairs.floor))
            pairs.add(firsts[earlier], firsts[start + later], products[later, earlier])
    copies = np.flatnonzero(group != np.arange(len(rows)))
    most[copies] = _own(rows[copies])
    several = np.unique(group[copies])
    copies = copies[most[copies] < 1]  # no unit vectors; to those nothing is nearer than a copy
    for start in range(0, len(copies), height):
        part = copies[start : start + height]
        products = _cosines(rows[part].astype(np.float64), distinct)
        most[part] = np.where(firsts < part[:, None], products, np.float32(0)).max(axis=1)
    if pairs is not None:
        pairs.add(several, several, _own(rows[several]))
    return group, most


def _cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    products = (left @ right.T).astype(np.float32)
    return np.minimum(products, np.float32(1), out=products)


def _own(rows: np.ndarray) -> np.ndarray:
    """The cosine of each row with a copy of it, (m,) float32: 1, and of what is no unit vector the product."""
    squares = np.empty(len(rows))
    for start, block in blocks(rows):
        squares[start : start + len(block)] = np.square(block, dtype=np.float64).sum(axis=1)
    return np.where(squares > UNIT, 1, squares).astype(np.float32)
