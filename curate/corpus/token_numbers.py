"""Numbers of known strings, looked up by the million with nothing to build per call; exact.

Polars' casts and joins hash all known strings anew at each call. Here their hashes are sorted once; since they are
evenly spread, a hash's first bits lead to within a step or two of its place. A hit is then compared as a string.
"""

import numpy as np
import polars as pl


class TokenNumbers:
    def __init__(self, tokens: pl.Series) -> None:
        """`tokens` are distinct strings; each one's number is its place."""
        self.tokens = tokens
        # The hash holds for this process only, and so does the table.
        hashes = tokens.hash().to_numpy()
        self.numbers = np.argsort(hashes, kind="stable")
        self.hashes = np.append(hashes[self.numbers], np.uint64(2**64 - 1))
        self.shift = np.uint64(64 - max(4, len(tokens).bit_length()))
        edges = np.arange(1 << (64 - int(self.shift)), dtype=np.uint64) << self.shift
        self.starts = np.searchsorted(self.hashes[:-1], edges)

    def of(self, tokens: pl.Series) -> np.ndarray:
        """u32 per token: its number, or how many there are for one that is not known."""
        found = np.full(len(tokens), len(self.tokens), np.uint32)
        if not len(self.tokens):
            return found
        hashes = tokens.hash().to_numpy()
        at = self.starts[hashes >> self.shift]
        short = np.flatnonzero(self.hashes[at] < hashes)
        while len(short):
            at[short] += 1
            short = short[self.hashes[at[short]] < hashes[short]]
        # Two known strings of one hash stand side by side: look at the second where the first is not the one.
        same = np.flatnonzero((self.hashes[at] == hashes) & (at < len(self.tokens)))
        while len(same):
            numbers = self.numbers[at[same]]
            equal = (self.tokens.gather(numbers) == tokens.gather(same)).to_numpy()
            found[same[equal]] = numbers[equal]
            same = same[~equal]
            at[same] += 1
            same = same[(self.hashes[at[same]] == hashes[same]) & (at[same] < len(self.tokens))]
        return found
