"""ALIGN's corpus counts (Jia et al. 2021, section 3): who shares an alt-text, who has many, how rare a text is.

caption_images      distinct images (sha256) among the downloaded that carry exactly this alt-text
image_captions      distinct alt-texts that this image carries
rarest_ngram_rank   every uni- and bigram of all captions asked for is ranked by (count descending, n-gram
                    ascending), 1 the most frequent; this is the rank of the text's rarest. 0 without words.
"""

from collections.abc import Iterable, Sequence

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.signals.text_stats import words

NGRAM, COUNT, RANK = "ngram", "count", "rank"


class AltTextCounts(CorpusPass):
    name = "alt_text_counts"
    version = 2
    reads: dict[str, Sequence[str]] = {"pool": [c.CAPTION, c.SHA256, c.OUTCOME]}  # noqa: RUF012
    schema = c.ALT_TEXT_COUNTS

    def partial(self, frame: pl.DataFrame) -> Tables:
        downloaded = frame.filter((pl.col(c.OUTCOME) == c.Outcome.OK) & pl.col(c.CAPTION).is_not_null())
        return {
            "pairs": downloaded.select(c.CAPTION, c.SHA256).unique().sort(c.CAPTION, c.SHA256),
            "ngrams": ngrams(frame).group_by(NGRAM).agg(pl.len().cast(pl.Int64).alias(COUNT)).sort(NGRAM),
        }

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        partials = list(partials)
        pairs = pl.concat([p["pairs"] for p in partials]).unique()
        counts = pl.concat([p["ngrams"] for p in partials]).group_by(NGRAM).agg(pl.col(COUNT).sum())
        ranked = counts.sort(COUNT, NGRAM, descending=[True, False]).with_row_index(RANK, offset=1)
        count = pl.len().cast(pl.Int64)
        return {
            "captions": pairs.group_by(c.CAPTION).agg(count.alias(c.CAPTION_IMAGES)).sort(c.CAPTION),
            "images": pairs.group_by(c.SHA256).agg(count.alias(c.IMAGE_CAPTIONS)).sort(c.SHA256),
            "ngrams": ranked.select(NGRAM, COUNT, pl.col(RANK).cast(pl.Int64)),
        }

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        row = "row_number"
        rows = frame.with_row_index(row)
        rarest = (
            ngrams(rows.select(row, c.CAPTION))
            .join(tables["ngrams"], on=NGRAM, how="left")
            .group_by(row)
            .agg(pl.col(RANK).max().alias(c.RAREST_NGRAM_RANK))
        )
        found = (
            rows.join(tables["captions"], on=c.CAPTION, how="left")
            .join(tables["images"], on=c.SHA256, how="left")
            .join(rarest, on=row, how="left")
            .sort(row)
        )
        downloaded = pl.col(c.OUTCOME) == c.Outcome.OK
        rank = pl.when(pl.col(c.CAPTION).is_not_null()).then(pl.col(c.RAREST_NGRAM_RANK).fill_null(0))
        return (
            found.select(
                pl.when(downloaded).then(pl.col(c.CAPTION_IMAGES)),
                pl.when(downloaded).then(pl.col(c.IMAGE_CAPTIONS)),
                rank.alias(c.RAREST_NGRAM_RANK),
            )
            .to_arrow()
            .cast(c.ALT_TEXT_COUNTS)
        )


def ngrams(frame: pl.DataFrame) -> pl.DataFrame:
    """A row per unigram and bigram, with multiplicity. Other columns than the caption are carried along."""
    row = "_row"
    others = [name for name in frame.columns if name != c.CAPTION]
    singles = (
        frame.with_row_index(row)
        .select(row, *others, words(pl.col(c.CAPTION)).alias(NGRAM))
        .explode(NGRAM)
        .drop_nulls(NGRAM)
    )
    following = pl.when(pl.col(row).shift(-1) == pl.col(row)).then(pl.col(NGRAM).shift(-1))
    doubles = singles.with_columns((pl.col(NGRAM) + " " + following).alias(NGRAM)).drop_nulls(NGRAM)
    return pl.concat([singles, doubles]).drop(row)
