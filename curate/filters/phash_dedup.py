"""Near-duplicates by perceptual hash: one image of each connected component is kept.

Two images are joined when their hashes (`hash`: imagehash's pHash, dHash or aHash) are at most `max_distance` bits
apart. With `of: survivors` (the default) only what earlier rules kept is joined, so a chain never runs through an
image that is gone; with `of: pool` it may. Which image of a component stays: `curate.filters.one_of_group`. An image
without a hash, or with a degenerate one, has no duplicates.
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
from curate.filters.one_of_group import GROUP, OneOfGroup
from curate.filters.rule import Rule

RADIUS = 10  # stored at least this far, so that `whatif` can try other distances


class PHashDedup(OneOfGroup):
    type: ClassVar[str] = "phash_dedup"
    paper: ClassVar[str] = "Zauner 2010; imagehash's rule"
    max_distance: int = Field(4, ge=0, le=32, description="bits of 64")
    hash: Literal["phash", "dhash", "ahash"] = "phash"

    def rules(self) -> list[Rule]:
        return [Rule("max_distance", compare=self._winners, of="survivors")]

    def reads(self) -> set[str]:
        return super().reads() | {self.hash}

    def passes(self) -> list[CorpusPass]:
        return [HashPairs(max(RADIUS, self.max_distance), self.hash)]

    def _winners(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        hashes = frame[self.hash]
        joined = hashes.filter(asked) if self.of == "survivors" else hashes
        pairs = tables[self.passes()[0].name]["pairs"].filter(pl.col(c.DISTANCE) <= self.max_distance)
        groups = hash_groups(joined, pairs)
        nodes, group = groups[self.hash].to_numpy(), groups[GROUP].to_numpy()  # sorted by hash
        wanted = hashes.fill_null(0).to_numpy()
        at = np.minimum(np.searchsorted(nodes, wanted), max(len(nodes) - 1, 0))
        found = nodes[at] == wanted if len(nodes) else np.zeros(len(frame), bool)
        of_row = pl.Series(group[at] if len(nodes) else wanted)
        return self.kept(
            frame, asked, pl.select(pl.when(pl.Series(found) & hashes.is_not_null()).then(of_row)).to_series()
        )


def hash_groups(hashes: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """The hashes (under the series' name, else `phash`; sorted) and their group: connected components.

    Degenerate hashes are left out. The group's number is the smallest hash in it, so it depends on no order.
    """
    nodes = hashes.drop_nulls().unique().sort().to_numpy().astype(np.uint64)
    nodes = nodes[~degenerate(nodes)]
    a, b = pairs[c.A].to_numpy(), pairs[c.B].to_numpy()
    if len(nodes):
        at_a, at_b = (np.minimum(np.searchsorted(nodes, side), len(nodes) - 1) for side in (a, b))
        present = (nodes[at_a] == a) & (nodes[at_b] == b)
        edges = (at_a[present], at_b[present])
    else:
        edges = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(graph, directed=False)
    _, smallest = np.unique(labels, return_index=True)  # nodes are sorted: the first of a label is its smallest
    name = hashes.name or c.PHASH
    return pl.DataFrame({name: nodes, GROUP: nodes[smallest[labels]]}, schema={name: pl.UInt64, GROUP: pl.UInt64})
