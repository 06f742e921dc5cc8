"""Clusters of images: near-duplicates by meaning, a balanced selection, and words for people.

A Parquet of signals has a column of unit vectors, `embedding_MODEL`: fixed-size lists of float16. Here it is made up:
a thousand pictures of dogs, a few of cats and of boats, and some of them twice.
"""

import sys

import numpy as np
import polars as pl

from curate import schema as c
from curate.ask import ask
from curate.filters.cluster_balance import ClusterBalance
from curate.filters.semdedup import SemDeDupFilter


def made_up() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    what = np.repeat(["dog", "cat", "boat"], [1000, 60, 40])
    middle = {name: rng.standard_normal(32) for name in ("dog", "cat", "boat")}
    vectors = np.stack([middle[name] for name in what]) + 0.5 * rng.standard_normal((len(what), 32))
    vectors[100:200] = vectors[:100] + 0.05 * rng.standard_normal((100, 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    captions = [
        f"a {name} on a {place}" for name, place in zip(what, rng.choice(["hill", "lawn"], len(what)), strict=True)
    ]
    column = pl.Series(c.embedding("dino"), vectors, dtype=pl.Array(pl.Float16, 32))
    return pl.DataFrame(
        {c.UID: [f"{i:04d}" for i in range(len(what))], c.CAPTION: captions, "what": what}
    ).with_columns(column)


frame = pl.read_parquet(sys.argv[1]) if len(sys.argv) > 1 else made_up()

balance = ClusterBalance(model="dino", levels=(30, 6), keep=150)
answer = ask(frame, [SemDeDupFilter(model="dino", clusters=10, epsilon=0.05), balance])
kept = frame.filter(pl.Series(answer.keep))

for row in answer.funnel:
    print(f"{row.stage}.{row.rule}: {row.rows_in:,} -> {row.kept:,}")
if "what" in frame.columns:
    for name, before, after in (
        frame["what"].value_counts().join(kept["what"].value_counts(), on="what").sort("what").rows()
    ):
        print(f"{name}: {before:,} -> {after}")

tables = balance.clustering.merge([{"rows": frame.with_columns(pl.col(c.UID).alias(c.IMAGE_UID))}])
for cluster, words in tables["names"].head(5).rows():
    print(f"cluster {cluster}: {', '.join(words)}")
