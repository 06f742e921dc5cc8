"""Nearest neighbours by an inverted file (Sivic & Zisserman 2003; faiss): for pools where exactness takes hours.

k-means cells of the points; a query looks into the cells whose centroids are nearest. How many cells is found by
measuring: recall against the exact answer on a sample of the queries, doubling the cells until it is reached. That
recall is stored with the answer. The cosines are exact, and so is the order of what is found; what is missed is
missed. The answer depends on no order of shards or rows; on another machine's BLAS it may differ in what is missed.
"""

from dataclasses import dataclass

import faiss
import numpy as np
import polars as pl

from curate.corpus.neighbours import MARGIN, QUERIES, Neighbours, exactly, nearest, without_self
from curate.uid import draw_int

EXACT_WORK = 10**13  # multiply-adds up to which exactness costs a few minutes on two cores
RECALL = 0.95  # of the sample's k nearest
SAMPLE = 1_000  # queries
PER_CELL = 40  # training points
ADDED = 65_536  # points added at once


@dataclass(frozen=True)
class Search:
    """How neighbours were found. `recall` is 1 for the exact way, else measured on `sample` queries."""

    method: str
    cells: int
    probed: int
    sample: int
    recall: float

    def table(self) -> pl.DataFrame:
        return pl.DataFrame([vars(self)])


def find(
    queries: np.ndarray, points: np.ndarray, k: int, *, same: bool = False, exact_work: int | None = None
) -> tuple[Neighbours, Search]:
    """The k nearest points of every query: exactly where that is at most `exact_work` multiply-adds (EXACT_WORK)."""
    limit = EXACT_WORK if exact_work is None else exact_work
    work = len(queries) * len(points) * points.shape[1]
    if work <= limit or len(points) < PER_CELL * 4:
        return nearest(queries, points, k, same=same), Search("exact", 0, 0, 0, 1.0)
    index = build(points)
    rng = np.random.default_rng(draw_int(0, str(len(queries)), "recall"))
    sample = np.sort(rng.choice(len(queries), min(SAMPLE, len(queries)), replace=False))
    reach = k + same
    truth = nearest(queries[sample], points, reach)
    index.nprobe = 1
    while True:
        share = recall(search(index, queries[sample], points, reach), truth)
        if share >= RECALL or index.nprobe >= index.nlist:
            break
        index.nprobe = min(2 * index.nprobe, index.nlist)
    found = search(index, queries, points, reach)
    how = Search("inverted file", index.nlist, index.nprobe, len(sample), share)
    return without_self(found) if same else found, how


def build(points: np.ndarray) -> faiss.IndexIVF:
    """The inverted file over all points (n, d), which are held as float16: n * d * 2 bytes."""
    width = points.shape[1]
    cells = int(min(2 ** round(np.log2(4 * np.sqrt(len(points)))), len(points) // 4))
    rng = np.random.default_rng(draw_int(0, str(len(points)), "cells"))
    drawn = np.sort(rng.choice(len(points), min(PER_CELL * cells, len(points)), replace=False))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width), width, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.niter = 10
    index.cp.spherical = True  # cells by cosine: a centroid that is no unit vector would draw by its length
    index.cp.min_points_per_centroid = 1
    index.train(points[drawn].astype(np.float32))
    for start in range(0, len(points), ADDED):
        index.add(points[start : start + ADDED].astype(np.float32))
    return index


def search(index: faiss.IndexIVF, queries: np.ndarray, points: np.ndarray, k: int) -> Neighbours:
    parts = []
    for start in range(0, len(queries), QUERIES):
        block = queries[start : start + QUERIES]
        _, found = index.search(block.astype(np.float32), k + MARGIN)
        parts.append(exactly(block, points, found, k))
    return Neighbours(np.concatenate([p.indices for p in parts]), np.concatenate([p.cosines for p in parts]))


def recall(found: Neighbours, truth: Neighbours) -> float:
    """The share of the true neighbours that are as near as the true k-th among what was found.

    By cosine, not by index: which of several equally near points is named is no miss.
    """
    if not len(truth.indices):
        return 1.0
    least = truth.cosines.min(axis=1, keepdims=True)
    hits = np.minimum((found.cosines >= least).sum(axis=1), truth.cosines.shape[1])
    return float(hits.mean() / truth.cosines.shape[1])
