"""Words and pairs of words of a corpus as entries: MetaCLIP's wiki unigrams and bigrams (arXiv 2309.16671, Table 1).

A word is a run of letters and digits with inner apostrophes, hyphens and underscores, as it is written; a dot ends
it, for a caption's dots are set apart before matching. A bigram is two words in a row with nothing but space
between them, within one passage. A run of a script without spaces is one word here: give a word list for those.

unigrams   in the corpus at least `min_count` times (100)
bigrams    pointwise mutual information of at least `min_pmi` bits (30): log2(n_ab * N / (n_a * n_b)), from raw counts
           and without smoothing; N is the number of words of the corpus. It is at most log2 N, so that a
           corpus of less than 2^30 words has no bigram of 30 bits: lower it for a small one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate import schema as c
from curate.metadata.tally import ROWS, Tally

WORD = r"[\p{L}\p{M}\p{N}]+(?:(?:['’\-]|_+)[\p{L}\p{M}\p{N}]+)*"
FIRST, SECOND, PMI = "first", "second", "pmi"


@dataclass(frozen=True)
class NgramCounts:
    words: pl.DataFrame  # entry, count
    pairs: Tally  # of first, second

    @property
    def total(self) -> int:
        """N: words of the corpus, repetitions included."""
        return int(self.words[c.COUNT].sum())


def count_ngrams(blocks: Iterable[pl.Series], folder: Path, rows: int = ROWS) -> NgramCounts:
    """One look at the corpus. `folder` is for what does not fit in memory."""
    singles, pairs = Tally([c.ENTRY], folder / "words", rows), Tally([FIRST, SECOND], folder / "pairs", rows)
    for block in blocks:
        row, word = "row", pl.col(c.ENTRY)
        # Any other character is a token too, so that it stands between two words.
        tokens = block.alias(c.ENTRY).str.extract_all(rf"{WORD}|[^\s]").to_frame().with_row_index(row)
        tokens = tokens.explode(c.ENTRY).drop_nulls()
        tokens = tokens.with_columns(pl.when(word.str.contains(r"^[\p{L}\p{M}\p{N}]")).then(word))
        singles.add(tokens.select(c.ENTRY).drop_nulls())
        following = pl.when(pl.col(row).shift(-1) == pl.col(row)).then(word.shift(-1))
        pairs.add(tokens.select(word.alias(FIRST), following.alias(SECOND)).drop_nulls())
    return NgramCounts(pl.concat(singles.counts()), pairs)


def unigrams(counts: NgramCounts, min_count: int = 100) -> pl.DataFrame:
    """entry, count: the most frequent first, ties by code points."""
    return counts.words.filter(pl.col(c.COUNT) >= min_count).sort(c.COUNT, c.ENTRY, descending=[True, False])


def bigrams(counts: NgramCounts, min_pmi: float = 30.0, min_count: int = 1) -> pl.DataFrame:
    """entry, count, pmi (f64): the highest first, ties by code points. `min_count` is 1 as published."""
    found, total = [], counts.total
    for pairs in counts.pairs.counts():
        many = pairs.filter(pl.col(c.COUNT) >= min_count)
        for name in (FIRST, SECOND):
            single = counts.words.rename({c.ENTRY: name, c.COUNT: f"n_{name}"})
            many = many.join(single, on=name, how="left")
        together, apart = pl.col(c.COUNT).cast(pl.Float64), pl.col(f"n_{FIRST}").cast(pl.Float64)
        pmi = (together * total / (apart * pl.col(f"n_{SECOND}"))).log(2).alias(PMI)
        entry = pl.concat_str(FIRST, SECOND, separator=" ").alias(c.ENTRY)
        found.append(many.select(entry, c.COUNT, pmi).filter(pl.col(PMI) >= min_pmi))
    return pl.concat(found).sort(PMI, c.ENTRY, descending=[True, False])
