"""Near-duplicates by perceptual hash: one image of each connected component is kept.

Two images are joined when their hashes are at most `max_distance` bits apart. With `of: survivors` (the
default) only what earlier rules kept is joined, so a chain never runs through an image that is gone; with
`of: pool` it may. The winner is always a survivor: the image with the most original pixels (`largest`) or
the fewest (`smallest`), then the smallest uid; all its texts stay. An image without a hash, or with a
degenerate one, has no duplicates.
"""

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.hash_pairs import HashPairs, degenerate
from curate.filters.rule import Filter, Of, Rule

RADIUS = 10  # stored at least this far, so that `whatif` can try other distances


class PHashDedup(Filter):
    type: ClassVar[str] = "phash_dedup"
    paper: ClassVar[str] = "Zauner 2010; imagehash's rule"
    max_distance: int = Field(4, ge=0, le=32, description="bits of 64")
    keep: Literal["largest", "smallest"] = "largest"
    of: Of = "survivors"

    def rules(self) -> list[Rule]:
        return [Rule("max_distance", compare=self._winners, of="survivors")]

    def reads(self) -> set[str]:
        return {c.PHASH, c.IMAGE_UID, c.UID, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT}

    def passes(self) -> list[CorpusPass]:
        return [HashPairs(max(RADIUS, self.max_distance))]

    def _winners(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        joined = asked if self.of == "survivors" else pl.Series([True] * len(frame), dtype=pl.Boolean)
        pairs = tables[HashPairs.name]["pairs"].filter(pl.col(c.DISTANCE) <= self.max_distance)
        groups = hash_groups(frame[c.PHASH].filter(joined), pairs)
        area = pl.col(c.ORIGINAL_WIDTH).cast(pl.Int64) * pl.col(c.ORIGINAL_HEIGHT)
        smallest = pl.col(c.UID).min().over(c.IMAGE_UID)  # which of its rows names an image depends on their order
        candidates = (
            frame.select(c.PHASH, c.IMAGE_UID, area.fill_null(0).alias("area"), smallest.alias("smallest"))
            .filter(asked)
            .join(groups, on=c.PHASH, how="inner")
        )
        winners = candidates.sort(
            "group", "area", "smallest", c.IMAGE_UID, descending=[False, self.keep == "largest", False, False]
        ).unique("group", keep="first", maintain_order=True)
        losers = candidates.join(winners, on=["group", c.IMAGE_UID], how="anti")[c.IMAGE_UID].unique()
        return ~frame[c.IMAGE_UID].is_in(losers.implode())


def hash_groups(hashes: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """phash, group: connected components over those of the hashes that are not degenerate.

    The group's number is the smallest hash in it, so it does not depend on any order.
    """
    nodes = hashes.drop_nulls().unique().sort().to_numpy()
    nodes = nodes[~degenerate(nodes)]
    edges = pairs.filter(pl.col(c.A).is_in(nodes) & pl.col(c.B).is_in(nodes))
    a = np.searchsorted(nodes, edges[c.A].to_numpy())
    b = np.searchsorted(nodes, edges[c.B].to_numpy())
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(graph, directed=False)
    smallest = np.full(labels.max() + 1 if len(labels) else 0, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, labels, nodes)
    return pl.DataFrame({c.PHASH: nodes, "group": smallest[labels]}, schema={c.PHASH: pl.UInt64, "group": pl.UInt64})
