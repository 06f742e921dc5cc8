"""Near-duplicates by embedding: one image of each connected component is kept (DINOv2 App. A; clip-retrieval).

Two images are joined where their cosine is above `threshold` (strict) and one is among the `k` nearest of the
other; `k: null` joins all such pairs. With `of: survivors` (the default) only what earlier rules kept is joined;
with `of: pool` a chain may run through an image that is gone. Neighbours are those in the pool: a survivor whose k
nearest are all above the threshold can have lost its link to a further one to them. The pass's table `search`
counts such images (`full`); with k 64 they lie in groups of more than 64, and `k: null` has none.
The winner is always a survivor: the image with the most original pixels (`largest`), the fewest (`smallest`), the
highest `keep_by` (a column; null last), or simply the first; then the one with the smallest uid. All its texts stay.
Of an image with several texts those that are still in say its pixels and its `keep_by`. An image without an embedding
is unmeasured. Vectors are float16, which makes a cosine of different ones uncertain by about 0.0005: a threshold above
0.999 joins the images of one vector (their cosine is 1) for sure, and of the nearest others some.
"""

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.embedding_pairs import FLOOR, EmbeddingPairs
from curate.filters.rule import Filter, Of, Rule


class EmbeddingDedup(Filter):
    type: ClassVar[str] = "embedding_dedup"
    paper: ClassVar[str] = "arXiv 2304.07193, appendix A"
    model: str
    threshold: float = Field(0.6, gt=-1, lt=1, description="a cosine; above it two images are duplicates")
    k: int | None = Field(64, ge=1, le=1024, description="nearest neighbours that are joined; null: all")
    keep: Literal["first", "largest", "smallest"] = "first"
    keep_by: str | None = Field(None, description="a numeric column: the highest is kept; `keep` breaks ties")
    of: Of = "survivors"

    def rules(self) -> list[Rule]:
        return [Rule("threshold", compare=self._winners, of="survivors")]

    def reads(self) -> set[str]:
        named = {self.keep_by} if self.keep_by else set()
        return {c.UID, c.IMAGE_UID, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, *named}

    def passes(self) -> list[CorpusPass]:
        return [EmbeddingPairs(self.model, self.k, min(FLOOR, self.threshold))]

    def models(self) -> set[str]:
        return {self.model}

    def _winners(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        stored = tables[self.passes()[0].name]
        points = stored["points"].join(self._images(frame, asked), on=c.IMAGE_UID, how="left", maintain_order="left")
        alive = points["alive"].fill_null(False).to_numpy()
        joined = alive if self.of == "survivors" else np.ones(len(points), bool)
        groups = components(stored["pairs"], self.threshold, joined)
        downwards = {"largest": True, "smallest": False}
        order = [("best", True)] if self.keep_by else []
        order += [("area", downwards[self.keep])] if self.keep in downwards else []
        winners = (
            points.with_columns(group=groups)
            .filter(alive)
            .sort(
                "group",
                *(name for name, _ in order),
                "smallest",
                c.IMAGE_UID,
                descending=[False, *(down for _, down in order), False, False],
                nulls_last=True,
            )
            .unique("group", keep="first")[c.IMAGE_UID]
        )
        measured = frame[c.IMAGE_UID].is_in(stored["points"][c.IMAGE_UID].implode())
        won = frame[c.IMAGE_UID].is_in(winners.implode())
        return pl.select(pl.when(measured).then(won)).to_series()

    def _images(self, frame: pl.DataFrame, asked: pl.Series) -> pl.DataFrame:
        """A row per image, with what may decide."""
        alive = pl.col("alive")
        area = (pl.col(c.ORIGINAL_WIDTH).cast(pl.Int64) * pl.col(c.ORIGINAL_HEIGHT)).filter(alive)
        best = []
        if self.keep_by:
            best = [pl.col(self.keep_by).cast(pl.Float64).fill_nan(None).filter(alive).max().alias("best")]
        # Which of its rows names an image depends on their order; the smallest uid of them does not.
        one = pl.col(c.UID).min().alias("smallest")
        rows = frame.with_columns(alive=asked)
        return rows.group_by(c.IMAGE_UID).agg(area.max().fill_null(0).alias("area"), one, *best, alive.any())


def components(pairs: pl.DataFrame, threshold: float, joined: np.ndarray) -> np.ndarray:
    """The connected component of every point: the smallest row in it. Shape (n,), int64.

    `pairs`: a, b (rows of the points), cosine; an edge needs a cosine above the threshold and both ends `joined`
    (n,), bool. A point that is not joined is a component of its own.
    """
    near = pairs.filter(pl.col(c.COSINE).cast(pl.Float64) > threshold)
    a, b = near[c.A].to_numpy().astype(np.int64), near[c.B].to_numpy().astype(np.int64)
    both = joined[a] & joined[b]
    a, b = a[both], b[both]
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(joined), len(joined)))
    _, labels = connected_components(graph, directed=False)
    _, smallest = np.unique(labels, return_index=True)
    return smallest[labels]
