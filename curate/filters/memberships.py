"""Balancing over memberships: each sample belongs to some entries, and an entry may be asked to give only some.

Each pair of sample and entry has a draw, a 64-bit number keyed by (seed, uid, entry's text); a sample is kept
if the draw of any of its entries is at most that entry's limit. So one rule serves both ways to balance:

bernoulli_limits   each pair succeeds by itself with probability cap / max(count, cap)     (MetaCLIP)
smallest_limits    of each entry's samples the `cap` with the smallest draws succeed       (CLIP, LLaVA)

Limits are exact: floor(2^64 * cap / count) of the 2^64 draws succeed. Two draws of one entry are equal only if
the 64-bit keys of their uids are; then both or neither are in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from curate import uid

ALL = np.uint64(2**64 - 1)  # the limit of an entry that keeps every sample
ROWS = 1_000_000  # at a time


@dataclass(frozen=True)
class Memberships:
    """Rows in their order: the entries of one after those of the other."""

    entries: np.ndarray  # i32[sum of lengths]: each row's, ascending
    lengths: np.ndarray  # i64[rows]

    @classmethod
    def of(cls, places: pl.Series) -> "Memberships":
        """From lists of whole numbers; null is as good as empty."""
        lengths = places.list.len().fill_null(0).to_numpy().astype(np.int64)
        held = places.filter(pl.Series(lengths > 0))
        return cls(held.explode().to_numpy().astype(np.int32) if len(held) else np.empty(0, np.int32), lengths)

    def counts(self, size: int) -> np.ndarray:
        """i64[size]: how many rows belong to each entry."""
        return np.bincount(self.entries, minlength=size).astype(np.int64)

    def only(self, wanted: np.ndarray) -> "Memberships":
        """Without the entries that are not `wanted` (bool[size])."""
        stays = wanted[self.entries]
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths)[stays]
        return Memberships(self.entries[stays], np.bincount(rows, minlength=len(self.lengths)).astype(np.int64))

    def chunks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """(rows, the row of each membership counted from the first of these rows, the entries)."""
        ends = np.concatenate([[0], np.cumsum(self.lengths)])
        for start in range(0, len(self.lengths), ROWS):
            rows = slice(start, min(start + ROWS, len(self.lengths)))
            row = np.repeat(np.arange(rows.stop - start), self.lengths[rows])
            yield rows, row, self.entries[ends[start] : ends[rows.stop]]


@dataclass(frozen=True)
class Draws:
    """The draws of pairs of row and entry. `row_keys` u64[rows], `entry_keys` u64[size] (0 where none is needed)."""

    row_keys: np.ndarray
    entry_keys: np.ndarray

    def __call__(self, rows: np.ndarray, entries: np.ndarray) -> np.ndarray:
        """u64 per pair: the finaliser of SplitMix64 (Steele et al. 2014) over both keys."""
        z = self.row_keys[rows] ^ self.entry_keys[entries]
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def make_draws(
    seed: int,
    purpose: str,
    uids: pl.Series,
    rows: np.ndarray,
    text_of: Callable[[np.ndarray], pl.Series],
    head: np.ndarray,
) -> Draws:
    """Draws for those `rows` (bool) and the entries of the `head` (bool); nobody looks at the others."""
    row_keys = np.zeros(len(rows), np.uint64)
    row_keys[rows] = uid.draws(seed, uids.filter(pl.Series(rows)), purpose)
    entry_keys = np.zeros(len(head), np.uint64)
    places = np.flatnonzero(head)
    entry_keys[places] = uid.draws(seed, text_of(places), f"{purpose}.entry")
    return Draws(row_keys, entry_keys)


def bernoulli_limits(counts: np.ndarray, cap: int) -> np.ndarray:
    """u64 per entry: an independent draw is at most this with probability cap / max(count, cap)."""
    limits = np.full(len(counts), ALL)
    head = counts > cap
    # Python's whole numbers: the quotient must not be rounded. Few counts are different ones.
    values, which = np.unique(counts[head], return_inverse=True)
    exact = np.array([(cap << 64) // int(n) - 1 for n in values], np.uint64)
    limits[head] = exact[which] if len(values) else limits[head]
    return limits


def smallest_limits(members: Memberships, counts: np.ndarray, cap: int, draws: Draws) -> np.ndarray:
    """u64 per entry: the `cap`-th smallest draw among its rows, for an entry that has more."""
    head = counts > cap
    limits = np.full(len(counts), ALL)
    parts = []
    for rows, row, entries in members.chunks():
        crowded = head[entries]
        found = draws(row[crowded] + rows.start, entries[crowded])
        parts.append(pl.DataFrame({"entry": entries[crowded], "draw": found}))
    if parts:
        edges = pl.concat(parts).group_by("entry").agg(pl.col("draw").bottom_k(cap).max())
        limits[edges["entry"].to_numpy()] = edges["draw"].to_numpy()
    return limits


def sure_rows(members: Memberships, limits_are_all: np.ndarray) -> np.ndarray:
    """bool[rows]: who has an entry that keeps every sample, so that no draw can change the answer."""
    sure = np.zeros(len(members.lengths), bool)
    for rows, row, entries in members.chunks():
        sure[rows][row[limits_are_all[entries]]] = True
    return sure


def kept_rows(members: Memberships, limits: np.ndarray, draws: Draws, sure: np.ndarray) -> np.ndarray:
    """bool[rows]: sure, or some draw is at most its entry's limit."""
    kept = sure.copy()
    for rows, row, entries in members.chunks():
        open_ = ~sure[rows][row]
        row, entries = row[open_], entries[open_]
        wins = draws(row + rows.start, entries) <= limits[entries]
        kept[rows][row[wins]] = True
    return kept


def keep_probability(members: Memberships, counts: np.ndarray, cap: int) -> np.ndarray:
    """f64[rows]: 1 - product of (1 - cap / max(count, cap)) over a row's entries; 0 for a row without any."""
    lose = 1.0 - cap / np.maximum(counts, cap)
    kept = np.zeros(len(members.lengths))
    for rows, row, entries in members.chunks():
        with np.errstate(divide="ignore"):
            logs = np.log(lose[entries])
        kept[rows] = -np.expm1(np.bincount(row, weights=logs, minlength=rows.stop - rows.start))
    return kept
