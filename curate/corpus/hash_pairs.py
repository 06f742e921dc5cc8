"""All pairs of perceptual hashes within a Hamming radius, exactly.

Equal hashes are one entry, so a picture that was copied a million times is no million squared. Small sets
are compared all against all; large ones by multi-index hashing (Norouzi et al. 2012): with four bands of
16 bits, two hashes within radius r agree in one band up to r // 4 bits, so probing that many flips per band
misses nothing. Hashes with at most 1 or at least 63 bits set stand for blank and ramp images, which would
all be one group: they are left out.
"""

from collections.abc import Iterable, Sequence

import faiss
import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Tables

BANDS, BAND_BITS = 4, 16
FLAT_LIMIT = 200_000  # entries up to which all against all is the faster way on two cores
CHUNK = 4_096


class HashPairs(CorpusPass):
    """`radius`: the largest distance that is stored, bits."""

    name = "hash_pairs"
    version = 1
    reads: dict[str, Sequence[str]] = {"signals/phash": [c.PHASH]}  # noqa: RUF012

    def __init__(self, radius: int = 10) -> None:
        self.radius = radius

    def identity(self) -> tuple[object, ...]:
        return (self.radius,)

    def partial(self, frame: pl.DataFrame) -> Tables:
        return {"hashes": frame.select(c.PHASH).drop_nulls().unique().sort(c.PHASH)}

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        hashes = pl.concat([p["hashes"] for p in partials])[c.PHASH].unique().sort().to_numpy()
        a, b, distance = hamming_pairs(hashes[~degenerate(hashes)], self.radius)
        return {"pairs": pl.DataFrame({c.A: a, c.B: b, c.DISTANCE: distance}).sort(c.A, c.B)}


def degenerate(hashes: np.ndarray) -> np.ndarray:
    """True where a 64-bit hash has at most 1 or at least 63 bits set. Shape (n,), bool."""
    ones = np.bitwise_count(hashes.astype(np.uint64))
    return (ones <= 1) | (ones >= 63)


def hamming_pairs(
    hashes: np.ndarray, radius: int, *, flat_limit: int = FLAT_LIMIT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs a < b of distinct uint64 hashes at most `radius` bits apart, with their distance (uint8)."""
    hashes = np.sort(hashes.astype(np.uint64))
    if len(hashes) < 2:
        empty = np.zeros(0, np.uint64)
        return empty, empty, np.zeros(0, np.uint8)
    codes = np.ascontiguousarray(hashes.astype(">u8").view(np.uint8).reshape(len(hashes), 8))
    index = _index(len(hashes), radius, flat_limit)
    index.add(codes)
    left, right = [], []
    for start in range(0, len(codes), CHUNK):
        # range_search is strict: distance < radius + 1.
        limits, _, found = index.range_search(codes[start : start + CHUNK], radius + 1)
        rows = np.repeat(np.arange(start, start + len(limits) - 1), np.diff(limits).astype(np.int64))
        once = rows < found
        left.append(rows[once])
        right.append(found[once])
    rows, others = np.concatenate(left), np.concatenate(right)
    pairs = np.unique(np.stack([rows, others], axis=1), axis=0)
    a, b = hashes[pairs[:, 0]], hashes[pairs[:, 1]]
    return a, b, np.bitwise_count(a ^ b).astype(np.uint8)


def _index(entries: int, radius: int, flat_limit: int) -> faiss.IndexBinary:
    flips = radius // BANDS
    if entries <= flat_limit or flips > 2:
        return faiss.IndexBinaryFlat(64)
    index = faiss.IndexBinaryMultiHash(64, BANDS, BAND_BITS)
    index.nflip = flips
    return index
