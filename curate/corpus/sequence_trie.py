"""Where any of many sequences of whole numbers occurs in one long sequence; exact.

A trie (de la Briandais 1959) whose levels are sorted arrays: all places of the text go down it together, a
level at a time, so that each step is a few NumPy calls for millions of places. Places fall out quickly; most
of those that lead nowhere are seen in one look at a table of bits, before any search.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd: Fibonacci hashing
SPARSE = 16  # places of a level's table per edge


@dataclass(frozen=True)
class Level:
    """The edges one symbol further down. A node is named by its place in `keys`."""

    keys: np.ndarray  # i64[n], sorted: node above * symbols + symbol
    sequence: np.ndarray  # i32[n]: the sequence that ends here, or -1
    grows: np.ndarray  # bool[n]: whether a longer one goes on from here
    seen: np.ndarray  # bool[2^bits]: hashes of the keys

    @property
    def shift(self) -> np.uint64:
        return np.uint64(64 - (len(self.seen).bit_length() - 1))

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the keys are edges (their places), and the nodes that those lead to."""
        maybe = np.flatnonzero(self.seen[_hash(keys, self.shift)])
        sought = keys[maybe]
        node = np.searchsorted(self.keys, sought)
        node[node == len(self.keys)] = 0
        found = self.keys[node] == sought
        return maybe[found], node[found]


class SequenceTrie:
    def __init__(self, symbols: np.ndarray, lengths: np.ndarray, alphabet: int) -> None:
        """symbols i64[sum of lengths], each in [0, alphabet); lengths i64[n], none 0; the sequences are distinct."""
        starts = np.cumsum(lengths) - lengths
        node = np.zeros(len(lengths), np.int64)
        self.alphabet = alphabet
        self.levels: list[Level] = []
        for depth in range(int(lengths.max(initial=0))):
            here = np.flatnonzero(lengths > depth)
            keys, below = np.unique(node[here] * alphabet + symbols[starts[here] + depth], return_inverse=True)
            node[here] = below
            self.levels.append(_level(keys, below, here, lengths[here] == depth + 1))
        self.first = np.full(alphabet + 1, -1, np.int32)  # of a symbol that is none, too
        if self.levels:
            self.first[self.levels[0].keys] = np.arange(len(self.levels[0].keys))

    def occurrences(self, text: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every occurrence, as arrays of (place of its first symbol, number of the sequence), shortest first.

        `text` is an array of symbols; `alphabet` stands for one that no sequence has, and the last must be it.
        """
        node = self.first[text]
        at = np.flatnonzero(node >= 0)
        node = node[at]
        for depth, level in enumerate(self.levels):
            if depth:
                kept, node = level.find(node.astype(np.int64) * self.alphabet + text[at + depth])
                at = at[kept]
            sequence = level.sequence[node]
            ends = sequence >= 0
            yield at[ends], sequence[ends]
            grows = level.grows[node]
            at, node = at[grows], node[grows]
            known = text[at + depth + 1] != self.alphabet
            at, node = at[known], node[known]


def _level(keys: np.ndarray, below: np.ndarray, here: np.ndarray, ends: np.ndarray) -> Level:
    sequence = np.full(len(keys), -1, np.int32)
    sequence[below[ends]] = here[ends]
    grows = np.zeros(len(keys), bool)
    grows[below[~ends]] = True
    bits = max(10, (len(keys) * SPARSE).bit_length())
    seen = np.zeros(1 << bits, bool)
    seen[_hash(keys, np.uint64(64 - bits))] = True
    return Level(keys, sequence, grows, seen)


def _hash(keys: np.ndarray, shift: np.uint64) -> np.ndarray:
    return (keys.astype(np.uint64) * MULTIPLIER) >> shift
