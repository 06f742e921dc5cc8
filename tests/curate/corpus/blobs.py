"""Planted clusters: unit vectors around centres, images that several rows share, and captions that name the centre."""

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import ROWS

NAMES = ["dog", "cat", "car", "tree", "boat", "bird", "house", "lamp"]


def blobs(rows=400, centres=8, width=16, spread=0.1, seed=0):
    """Vectors (rows, width) float16 of length 1 and which centre each is of."""
    rng = np.random.default_rng(seed)
    middle = rng.standard_normal((centres, width))
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    which = rng.integers(0, centres, rows)
    vectors = middle[which] + spread * rng.standard_normal((rows, width)) / np.sqrt(width)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16), which


def frame(vectors, which, *, model="m", extra=0):
    """A row per vector, `extra` more rows of the first images, and one row without an embedding."""
    images = [*range(len(vectors)), *range(extra)]
    column = c.embedding(model)
    table = pl.DataFrame(
        {
            c.UID: [f"u{row:05d}" for row in range(len(images))],
            c.IMAGE_UID: [f"i{image:05d}" for image in images],
            c.CAPTION: [f"a photo of one {NAMES[which[image] % len(NAMES)]} here" for image in images],
            column: pl.Series(vectors[images], dtype=pl.Array(pl.Float16, vectors.shape[1])),
        }
    )
    nothing = pl.DataFrame(
        {c.UID: ["none"], c.IMAGE_UID: ["none"], c.CAPTION: [None], column: [None]}, schema=table.schema
    )
    return pl.concat([table, nothing])


def run(work, whole, shards=1, shuffle=None, outside=None):
    """The tables, and the per-sample columns by uid."""
    if shuffle is not None:
        whole = whole.sample(fraction=1, shuffle=True, seed=shuffle)
    parts = [whole[i::shards] for i in range(shards)]
    tables = work.merge(({ROWS: part} for part in parts), outside)
    made = [
        pl.concat([part.select(c.UID), pl.from_arrow(work.per_sample(tables, part))], how="horizontal")
        for part in parts
    ]
    return tables, pl.concat(made).sort(c.UID)


def same(one, other):
    """Tables and columns are equal, bit for bit."""
    assert one[0].keys() == other[0].keys()
    assert all(one[0][name].equals(other[0][name]) for name in one[0])
    assert one[1].equals(other[1])
