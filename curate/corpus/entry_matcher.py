"""MetaCLIP's substring matching (Xu et al. 2023, arXiv 2309.16671): which entries of a list a text holds.

A text is normalised: a space at both ends, a space on both sides of each of , . ; : ? ! and the backtick, and
tab, carriage return and line feed become spaces. The entry `e` matches if " e " is in that; case counts, and
where and how often do not. Entries are not normalised, so that one with such a mark beside other characters
(`U.S.`, `Paris, Texas`) never matches.

With `unspaced` as in MetaCLIP 2 (Chuang et al. 2025, arXiv 2507.22062): an entry that begins with a character of
a script without spaces, or with punctuation, gets no space before it, and one that ends with such, none after.
Those scripts are Chinese characters, Thai, Lao, Tibetan, Burmese and Khmer; kana and hangul are not among them.

Both ends of a match being spaces, it is a run of whole tokens between spaces: tokens become numbers, and a
trie over numbers finds the runs. The few unspaced entries go the same way, character by character.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa

from curate.corpus.sequence_trie import SequenceTrie
from curate.corpus.token_numbers import TokenNumbers
from curate.metadata.entries import read_entries

MARKS, BLANKS = ",.;:?!`", "\t\r\n"
BREAK = "\n"  # between texts: no normalised text holds it
CHARACTERS = 0x110000
CHUNK = 100_000  # texts at a time: what is in hand stays within about 100 MB
UNSPACED_BLOCKS = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FFF),  # radicals and how they are put together
    (0x3400, 0x4DBF),  # Chinese characters, extension A
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),  # extension B
    (0x2A700, 0x2EBEF),  # extensions C to F
)
UNSPACED_MARKS = frozenset(string.punctuation + "，。、；：？！“”‘’（）【】《》〈〉「」『』～—")


def normalise(texts: pl.Series) -> pl.Series:
    """The texts as they are searched; null stays null."""
    wrapped = [f" {mark} " for mark in MARKS] + [" "] * len(BLANKS)
    spaced = texts.str.replace_many([*MARKS, *BLANKS], wrapped)
    return pl.select(pl.concat_str(pl.lit(" "), spaced, pl.lit(" ")).alias(texts.name)).to_series()


def needs_no_space(character: str) -> bool:
    """Whether MetaCLIP 2 matches an entry with this character at an end without a space there."""
    point = ord(character)
    return character in UNSPACED_MARKS or any(low <= point <= high for low, high in UNSPACED_BLOCKS)


def pattern(entry: str, unspaced: bool) -> str:
    """What must be in the normalised text."""
    before = "" if unspaced and needs_no_space(entry[0]) else " "
    after = "" if unspaced and needs_no_space(entry[-1]) else " "
    return f"{before}{entry}{after}"


@dataclass(frozen=True)
class _Part:
    """Entries that are found in one way: a trie, and the number of each of its sequences among all entries."""

    trie: SequenceTrie
    numbers: np.ndarray  # i32[n]


class EntryMatcher:
    def __init__(self, entries: Sequence[str], unspaced: bool = False) -> None:
        """`entries` are distinct and not empty."""
        self.size = len(entries)
        # What holds a tab or a line's end can never be in a normalised text.
        possible = [(i, e) for i, e in enumerate(entries) if not any(blank in e for blank in BLANKS)]
        patterns = [(i, pattern(e, unspaced)) for i, e in possible]
        runs = [(i, p) for i, p in patterns if p[0] == p[-1] == " " and len(p) > 2]
        inside = [(i, p) for i, p in patterns if not (p[0] == p[-1] == " " and len(p) > 2)]
        self._words, self._tokens = _token_part(runs)
        self._characters = _character_part(inside)

    def match(self, texts: pl.Series) -> pa.ListArray:
        """list<int32> with a value per text: the sorted numbers of its entries; null for a null."""
        chunks = [self._chunk(texts.slice(i, CHUNK)) for i in range(0, max(len(texts), 1), CHUNK)]
        return pa.concat_arrays(chunks)

    def _chunk(self, texts: pl.Series) -> pa.ListArray:
        normal = normalise(texts.cast(pl.String).fill_null(""))
        pairs = np.sort(np.concatenate([self._by_token(normal), self._by_character(normal)]))
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # np.unique hashes, which is ten times slower here
        rows = pairs // self.size
        offsets = np.searchsorted(rows, np.arange(len(texts) + 1)).astype(np.int32)
        missing = pa.array(texts.is_null().to_numpy()) if texts.null_count() else None
        values = pa.array((pairs % self.size).astype(np.int32))
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=missing)

    def _by_token(self, normal: pl.Series) -> np.ndarray:
        """row * size + entry, as often as it occurs."""
        tokens = (normal.str.slice(1) + BREAK).str.split(" ")  # the last token of each text is the break
        lengths = tokens.list.len().to_numpy()
        return self._pairs(self._tokens, self._words.of(tokens.explode()), lengths)

    def _by_character(self, normal: pl.Series) -> np.ndarray:
        if not len(self._characters.numbers):
            return np.empty(0, np.int64)
        characters = np.frombuffer((normal + BREAK).str.join("").item().encode("utf-32-le"), "<u4").copy()
        characters[characters == ord(BREAK)] = CHARACTERS
        return self._pairs(self._characters, characters, normal.str.len_chars().to_numpy() + 1)

    def _pairs(self, part: _Part, text: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        row_of = np.repeat(np.arange(len(lengths)), lengths)
        found = [row_of[at] * self.size + part.numbers[which] for at, which in part.trie.occurrences(text)]
        return np.concatenate([np.empty(0, np.int64), *found])


def _token_part(patterns: list[tuple[int, str]]) -> tuple[TokenNumbers, _Part]:
    """The tokens, and the trie over their numbers."""
    tokens = pl.Series([p[1:-1] for _, p in patterns], dtype=pl.String).str.split(" ")
    flat = tokens.explode() if len(tokens) else pl.Series([], dtype=pl.String)
    words = TokenNumbers(flat.unique(maintain_order=True))
    symbols = words.of(flat).astype(np.int64)
    lengths = tokens.list.len().to_numpy().astype(np.int64)
    trie = SequenceTrie(symbols, lengths, len(words.tokens))
    return words, _Part(trie, np.array([i for i, _ in patterns], np.int32))


def _character_part(patterns: list[tuple[int, str]]) -> _Part:
    symbols = np.frombuffer("".join(p for _, p in patterns).encode("utf-32-le"), "<u4").astype(np.int64)
    lengths = np.array([len(p) for _, p in patterns], np.int64)
    return _Part(SequenceTrie(symbols, lengths, CHARACTERS), np.array([i for i, _ in patterns], np.int32))


@lru_cache(maxsize=2)
def file_matcher(path: str, sha256: str, unspaced: bool) -> EntryMatcher:
    """The matcher of an entries file, made once per process (about 2 s for 500,000). Raises InputError."""
    return EntryMatcher(read_entries(path, sha256), unspaced)
