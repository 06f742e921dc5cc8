"""Plain statistics of the alt-text.

A word is a run of letters and digits with inner apostrophes, hyphens, dots and underscores: `it's`, `half-open`,
`3.5`, `1920x1080`. So a file name (`IMG_2041.JPG`) is one word, as it is for a reader.
`whitespace_words` are DataComp's instead: the runs between Unicode white space, as Python's `str.split` has them.
A script without spaces (Chinese, Japanese, Thai) gives one word per run; use `chars` for those.
"""

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.signals import Batch

WORD = r"[\p{L}\p{M}\p{N}]+(?:(?:['’\-.]|_+)[\p{L}\p{M}\p{N}]+)*"
NOT_SPACE = r"[^\s\x1c-\x1f]+"  # Python counts the four separators among white space, Unicode does not


class TextStats:
    family = "text_stats"
    version = 3
    schema = c.TEXT_STATS
    reads_images = False

    def identity(self) -> tuple[object, ...]:
        return ()

    def measure(self, batch: Batch) -> pa.Table:
        texts = pl.DataFrame({c.CAPTION: pl.Series(batch.captions, dtype=pl.String)})
        return texts.select(text_stats(pl.col(c.CAPTION))).to_arrow().cast(c.TEXT_STATS)


def words(text: pl.Expr) -> pl.Expr:
    """The lower-cased words of a text, a list of strings."""
    return text.str.to_lowercase().str.extract_all(WORD)


def text_stats(text: pl.Expr) -> list[pl.Expr]:
    """Expressions for the family's columns. Shares are of all characters; null for an empty text."""
    chars = text.str.len_chars()
    return [
        words(text).list.len().cast(pl.Int32).alias(c.WORDS),
        chars.cast(pl.Int32).alias(c.CHARS),
        words(text).list.n_unique().cast(pl.Int32).alias(c.DISTINCT_WORDS),
        share(text.str.count_matches(r"\p{L}"), chars).alias(c.LETTER_SHARE),
        share(text.str.count_matches(r"\p{N}"), chars).alias(c.DIGIT_SHARE),
        text.str.count_matches(NOT_SPACE).cast(pl.Int32).alias(c.WHITESPACE_WORDS),
    ]


def share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole).cast(pl.Float32)
