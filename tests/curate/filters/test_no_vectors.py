"""An image whose embedding has a NaN or an infinity in it is as one without any, to every filter that reads vectors."""

import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.ask import ask
from curate.filters.cluster_balance import ClusterBalance
from curate.filters.decontaminate import Decontaminate
from curate.filters.embedding_dedup import EmbeddingDedup
from curate.filters.image_based import ImageBased
from curate.filters.retrieve import Retrieve
from curate.filters.semdedup import SemDeDupFilter
from tests.curate.corpus.blobs import blobs, frame

COLUMN = c.embedding("m")
ITEMS = {
    "embedding_dedup": EmbeddingDedup(model="m", threshold=0.99),
    "embedding_dedup of all pairs": EmbeddingDedup(model="m", threshold=0.99, k=None),
    "semdedup": SemDeDupFilter(model="m", clusters=3, epsilon=0.01),
    "semdedup of the pool": SemDeDupFilter(model="m", clusters=3, epsilon=0.01, of="pool"),
    "semdedup's fraction": SemDeDupFilter(model="m", clusters=3, keep_fraction=0.5, floor=0.0),
    "cluster_balance": ClusterBalance(model="m", levels=(4, 2), keep=9),
    "copies": ClusterBalance(model="m", levels=(4, 2), keep=90, multiplier=3),
    "image_based": ImageBased(model="m", against=["x"], clusters=3),
    "retrieve": Retrieve(model="m", queries="x"),
    "copies of what is retrieved": Retrieve(model="m", queries="x", repetition=True),
    "clusters": Retrieve(model="m", queries="x", mode="cluster", clusters=3, min_hits=1),
    "decontaminate": Decontaminate(against={"s": "x"}, model="m"),
    "components": Decontaminate(against={"s": "x"}, model="m", rule="component"),
}
BROKEN = [4, 5]


def answered(item, vectors, queries):
    sides = {side: pl.lit(300) for side in (c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT)}
    table = frame(vectors, np.zeros(len(vectors), int)).with_columns(**sides)
    nothing = pl.col(c.IMAGE_UID).is_in([f"i{row:05d}" for row in BROKEN])
    there = table.with_columns(pl.when(~nothing).then(COLUMN).alias(COLUMN))
    column = pl.Series(COLUMN, queries, dtype=pl.Array(pl.Float16, 16))
    given = pl.DataFrame({c.ITEM: [f"q{i}" for i in range(len(queries))], COLUMN: column})
    outside = dict.fromkeys(("image_based", "queries", "s"), given)
    return [ask(one, [item], outside=outside) for one in (table, there)]


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
@pytest.mark.filterwarnings("error")
def test_nan_and_infinity_are_unmeasured(item):
    vectors, queries = blobs(40, spread=0.5)[0].copy(), blobs(43, spread=0.5)[0][40:].copy()
    vectors[4, 2], vectors[5, 3] = np.nan, np.inf
    found, expected = answered(item, vectors, queries)
    assert found.table.equals(expected.table) and found.kept > 0
    assert all(found.table[c.REASON].to_pylist()[row].endswith(":null") for row in BROKEN)
