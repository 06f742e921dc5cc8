"""All pairs of perceptual hashes within a Hamming radius, exactly, and the groups that they make."""

import numpy as np
import polars as pl

from curate.corpus.hamming import hamming_pairs
from curate.filters.phash_dedup import hash_groups

hashes = np.random.default_rng(0).integers(1, 2**63, 10_000, dtype=np.uint64)
hashes[1::2] = hashes[::2] ^ np.uint64(0b101)  # every other one is two bits from the one before
a, b, distance = hamming_pairs(hashes, radius=4)
pairs = pl.DataFrame({"a": a, "b": b, "distance": distance})
groups = hash_groups(pl.Series(hashes), pairs)
print(f"{len(pairs):,} pairs, {groups['group'].n_unique():,} groups of {len(hashes):,} hashes")
