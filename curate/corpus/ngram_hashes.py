"""Uni- and bigrams as 64-bit numbers, so that a corpus of them is counted without its strings.

A word's key is mixed from its UTF-8 bytes and its length, a bigram's from its two words' keys, by the finaliser of
SplitMix64 (Steele et al. 2014): a function of the text alone, the same on every machine, but not one that resists
who looks for collisions. Of 100 million n-grams, some two have one key with a probability of 3 in 10,000; then both
count as the sum.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from curate.signals.text_stats import words

GOLDEN, ALL = np.uint64(0x9E3779B97F4A7C15), np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Tokens:
    """The words of some texts, one after another."""

    row: np.ndarray  # (n,) int64, the text that each word is of
    code: np.ndarray  # (n,) int64, which word of `words` it is
    words: pl.Series  # (distinct,) string, sorted
    keys: np.ndarray  # (distinct,) uint64, of the words

    @classmethod
    def of(cls, texts: pl.Series) -> "Tokens":
        """Of a null nothing."""
        lists = texts.to_frame("text").select(words(pl.col("text")).alias("text"))["text"]
        lengths = lists.list.len().fill_null(0).to_numpy()
        flat = lists.explode(empty_as_null=False, keep_nulls=False)
        coded = flat.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
        order = pc.array_sort_indices(coded.dictionary).to_numpy()
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        vocabulary = pl.Series("word", coded.dictionary.take(pa.array(order)), dtype=pl.String)
        code = place[coded.indices.to_numpy(zero_copy_only=False)]
        return cls(np.repeat(np.arange(len(lengths)), lengths), code, vocabulary, string_keys(vocabulary))

    def bigrams(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distinct bigrams: codes of the first and the second word, and for each bigram in the texts, in order,
        which of those it is and the text that it is of. All int64."""
        inside = self.row[1:] == self.row[:-1]
        pairs = (self.code[:-1][inside] << 32) | self.code[1:][inside]
        distinct, which = np.unique(pairs, return_inverse=True)
        return distinct >> 32, distinct & 0xFFFF_FFFF, which, self.row[1:][inside]


def string_keys(texts: pl.Series) -> np.ndarray:
    """(n,) uint64, of texts without a null: a mixed sum of their UTF-8 in blocks of 8 bytes, each mixed with its place.

    Blocks are little-endian and the last is padded with zeros; the length is mixed in at the end.
    """
    arrow = pa.array(texts.to_arrow(compat_level=pl.CompatLevel.oldest())).cast(pa.large_string())
    _, offsets, data = arrow.buffers()
    if not len(arrow):
        return np.zeros(0, np.uint64)
    ends = np.frombuffer(offsets, np.int64)[arrow.offset : arrow.offset + len(arrow) + 1]
    lengths = np.diff(ends)
    padded = np.zeros(int(ends[-1]) + 8, np.uint8)
    if data is not None:
        padded[:-8] = np.frombuffer(data, np.uint8, int(ends[-1]))
    blocks = np.maximum(-(-lengths // 8), 1)
    starts = np.cumsum(blocks) - blocks
    place = np.arange(int(blocks.sum())) - np.repeat(starts, blocks)
    at_every_byte = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))
    value = at_every_byte[np.repeat(ends[:-1], blocks) + 8 * place].astype(np.uint64)
    left = np.clip(np.repeat(lengths, blocks) - 8 * place, 0, 8).astype(np.uint64)
    value &= np.where(left < 8, (np.uint64(1) << (np.uint64(8) * (left & np.uint64(7)))) - np.uint64(1), ALL)
    mixed = _mix(value + place.astype(np.uint64) * GOLDEN)
    return _mix(np.add.reduceat(mixed, starts) ^ (lengths.astype(np.uint64) * GOLDEN))


def bigram_keys(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n,) uint64, of the two words' keys. The order of the two counts."""
    return _mix(_mix(first) + second)


def _mix(value: np.ndarray) -> np.ndarray:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def looked_up(keys: np.ndarray, table: np.ndarray, values: np.ndarray, missing: int) -> np.ndarray:
    """The value of each key in a table that is sorted by key, int64; `missing` where the table lacks it."""
    if not len(table):
        return np.full(len(keys), missing, np.int64)
    order = np.argsort(keys)  # asked in order, a table larger than the cache is walked, not jumped about in
    places = np.empty(len(keys), np.int64)
    places[order] = np.searchsorted(table, keys[order])
    places[places == len(table)] = 0
    return np.where(table[places] == keys, values[places].astype(np.int64), missing)
