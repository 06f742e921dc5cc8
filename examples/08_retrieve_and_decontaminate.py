"""Take from a pool what a curated set is like, once each, and nothing that an evaluation set holds: by embeddings."""

import numpy as np
import polars as pl

from curate.corpus.neighbours import nearest
from curate.filters.embedding_dedup import components


def embeddings(rows: int, seed: int) -> np.ndarray:
    """Stands for a column `embedding_MODEL` of signals: 20 kinds of pictures, unit float16 vectors."""
    kinds = np.random.default_rng(0).standard_normal((20, 64))
    rng = np.random.default_rng(seed)
    found = kinds[rng.integers(20, size=rows)] + 0.8 * rng.standard_normal((rows, 64))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


pool, curated, evaluation = embeddings(10_000, 1), embeddings(200, 2), embeddings(50, 3)
pool[:50] = evaluation  # leaked
pool[50:100] = pool[100:150]  # copies

a, b, cosine = nearest(pool, pool, 16, same=True).pairs(floor=0.9)
groups = components(pl.DataFrame({"a": a, "b": b, "cosine": cosine}), 0.9, np.ones(len(pool), bool))
distinct = pool[np.unique(groups)]
clean = distinct[nearest(distinct, evaluation, 1).cosines[:, 0] <= 0.95]
taken = np.unique(nearest(curated, clean, 4).indices)
print(f"{len(pool):,} images, {len(distinct):,} distinct, {len(clean):,} clean, {len(taken):,} retrieved")
