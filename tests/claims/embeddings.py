"""What claims about images alone have in common: an embedding that has not seen the pool, and filters that read it.

The embedder is a tiny CLIP, taught with the right captions of pictures that are in no pool: at this size a network
that learns from images alone knows too little (README, `dino` and `dinov2`).
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from curate import schema as c
from curate.ask import ask
from curate.filters.rule import Filter
from tests.claims import arena

MODEL = "tiny"
HELD = 2000  # pictures of CIFAR-10 that the embedder learns from; the other 10,000 are for pools


def held(seed: int) -> pl.DataFrame:
    return arena.cifar_train(seed).head(HELD)


def pool(seed: int) -> pl.DataFrame:
    return arena.cifar_train(seed).tail(-HELD)


def embedder(seed: int, cache: Path) -> arena.Model:
    return arena.train(held(seed), seed, cache)


def embedded(model: arena.Model, frame: pl.DataFrame) -> pl.DataFrame:
    """Adds the column that filters with `model: tiny` read: unit vectors, float16."""
    vectors = model.images(frame).astype("float16")
    column = pl.Series(c.embedding(MODEL), vectors, dtype=pl.Array(pl.Float16, vectors.shape[1]))
    return frame.with_columns(column)


def kept_by(item: Filter, frame: pl.DataFrame, queries: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows that the filter keeps, every corpus pass that it reads computed here; `queries` are embedded too."""
    columns: Sequence[str] = (c.UID, c.CAPTION, c.embedding(MODEL))
    outside = None
    if queries is not None:
        items = queries.select(pl.col(c.UID).alias("item"), c.embedding(MODEL))
        outside = {images.name: items for work in item.passes() for images in work.outside()}
    return frame.filter(pl.Series(ask(frame.select(columns), [item], outside=outside).keep))
