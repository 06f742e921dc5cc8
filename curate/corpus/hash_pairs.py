"""All pairs of perceptual hashes within a Hamming radius, exactly.

Equal hashes are one entry, so a picture that was copied a million times is no million squared. Hashes with at most 1
or at least 63 bits set stand for blank and ramp images, which would all be one group: they are left out.
"""

from collections.abc import Iterable

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.hamming import hamming_pairs


class HashPairs(CorpusPass):
    """`radius`: the largest distance that is stored, bits; `column`: which hash."""

    name = "hash_pairs"
    version = 1

    def __init__(self, radius: int = 10, column: str = c.PHASH) -> None:
        self.radius, self.column = radius, column
        self.name = "hash_pairs" if column == c.PHASH else f"hash_pairs_{column}"
        family = "phash" if column == c.PHASH else "hashes"
        self.reads = {f"signals/{family}": [column]}

    def identity(self) -> tuple[object, ...]:
        return (self.radius,)

    def partial_identity(self) -> tuple[object, ...]:
        return ()

    def partial(self, frame: pl.DataFrame) -> Tables:
        return {"hashes": frame.select(self.column).drop_nulls().unique().sort(self.column)}

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        """Table `pairs`: a < b, distance, in order of a, then b."""
        shards = [p["hashes"][self.column].to_numpy() for p in partials]
        hashes = np.concatenate([np.zeros(0, np.uint64), *shards])
        a, b, distance = hamming_pairs(hashes[~degenerate(hashes)], self.radius)
        return {"pairs": pl.DataFrame({c.A: a, c.B: b, c.DISTANCE: distance})}


def degenerate(hashes: np.ndarray) -> np.ndarray:
    """True where a 64-bit hash has at most 1 or at least 63 bits set. Shape (n,), bool."""
    ones = np.bitwise_count(hashes.astype(np.uint64))
    return (ones <= 1) | (ones >= 63)
