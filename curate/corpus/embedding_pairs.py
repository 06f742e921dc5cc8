"""Pairs of images whose embeddings are near one another: the graph of which DINOv2 takes components.

An edge joins two images where either is among the k nearest of the other and their cosine is above the floor.
Without k all pairs above the floor are there. Images are the points: rows of one image are one point.
The cosine of two images with the very same vector is 1, whatever float16 made of its length.
"""

from collections.abc import Iterable
from typing import ClassVar

import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.inverted_file import Search, find
from curate.corpus.model_name import model_name
from curate.corpus.neighbours import above, with_copies
from curate.corpus.points import gather

FLOOR = 0.45  # stored at least down to DINOv2's lower threshold, so that `whatif` can try those between


class EmbeddingPairs(CorpusPass):
    """Tables: `points` (image_uid, sorted), `pairs` (a < b: rows of `points`, cosine), `search` (one row).

    `search` says how the pairs were found, with which recall, and in `full` how many images have k neighbours above
    the floor, so that they may have more than are stored. With 0 there the edges are all there are.
    """

    version = 2
    gathers: ClassVar[bool] = True

    def __init__(self, model: str, k: int | None = 64, floor: float = FLOOR) -> None:
        self.model, self.k, self.floor = model, k, floor
        self.name = f"embedding_pairs_{model_name(model)}_{'all' if k is None else f'k{k}'}"
        column = c.embedding(model)
        self.reads = {"pool": [c.IMAGE_UID], f"signals/{column}": [column]}

    def identity(self) -> tuple[object, ...]:
        return (-self.floor,)  # of two passes with one name the deeper one is the larger

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        points = gather(partials, c.embedding(self.model))
        if self.k is None:
            a, b, cosine = above(points.vectors, points.vectors, self.floor, same=True)
            how, full = Search("exact", 0, 0, 0, 1.0), 0
        else:
            found, how = find(points.vectors, points.vectors, self.k, same=True)
            a, b, cosine = found.pairs(self.floor)
            full = int((found.cosines[:, -1] > self.floor).sum())
        cosine = with_copies(points.vectors, a, b, cosine)
        edges = pl.DataFrame({c.A: a, c.B: b, c.COSINE: cosine}).select(
            pl.min_horizontal(c.A, c.B).cast(pl.UInt32).alias(c.A),
            pl.max_horizontal(c.A, c.B).cast(pl.UInt32).alias(c.B),
            c.COSINE,
        )
        return {
            "points": pl.DataFrame({c.IMAGE_UID: points.uids}, schema={c.IMAGE_UID: pl.String}),
            "pairs": edges.unique([c.A, c.B]).sort(c.A, c.B),
            "search": how.table().with_columns(images=pl.lit(len(points.uids)), full=pl.lit(full)),
        }
