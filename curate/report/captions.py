"""Words and concepts of the captions: what is frequent, what is rare, what the curation favoured and lost.

A term is a word or two neighbouring words, as `curate.signals.text_stats` reads them. A term's count is the
number of captions that contain it, so a caption that repeats itself weighs no more. The pool's captions are
all that were asked for, dead links included; the kept ones include synthetic texts.
"""

import numpy as np
import polars as pl

from curate import schema as c
from curate.report.columns import FROM_WEB
from curate.report.counts import share
from curate.signals.text_stats import words

TERM, POOL, KEPT = "term", "pool", "kept"
TOP = 30
ENOUGH = 5  # captions of the pool before a concept's share means something
LONGEST = 60  # characters of a word; longer ones are keys and hashes

# Left out of concepts at either end, so that "of the" is none. Word counts leave nothing out.
# fmt: off
FUNCTION_WORDS = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "has", "have", "he", "her",
    "his", "i", "in", "is", "it", "its", "my", "not", "of", "on", "or", "our", "she", "so", "that", "the",
    "their", "they", "this", "to", "was", "we", "were", "what", "when", "who", "will", "with", "you", "your",
]
# fmt: on


def caption_statistics(frame: pl.LazyFrame) -> dict:
    """Words of the kept captions, concepts of kept against pool, and the most repeated alt-texts."""
    texts = frame.filter(pl.col(c.CAPTION).is_not_null() & (pl.col(FROM_WEB) | pl.col(c.KEEP)))
    sums = texts.select(pool=pl.col(FROM_WEB).sum(), kept=pl.col(c.KEEP).sum()).collect().row(0)
    captions = {POOL: int(sums[0] or 0), KEPT: int(sums[1] or 0)}
    found = term_counts(texts).collect()
    return {
        "captions": captions,
        "words": vocabulary(found.filter(~pl.col(TERM).str.contains(" ", literal=True))),
        "concepts": concepts(found, captions),
        "repeated": repeated(texts),
    }


def term_counts(texts: pl.LazyFrame) -> pl.LazyFrame:
    """term, pool, kept: the captions of either that contain it."""
    found = words(pl.col(c.CAPTION))
    pairs = found.list.eval(pl.element() + " " + pl.element().shift(-1)).list.drop_nulls()
    return (
        texts.select(pl.col(FROM_WEB), pl.col(c.KEEP), pl.concat_list(found, pairs).list.unique().alias(TERM))
        .explode(TERM)
        .filter(pl.col(TERM).is_not_null() & (pl.col(TERM).str.len_chars() <= LONGEST))
        .group_by(TERM)
        .agg(pl.col(FROM_WEB).sum().alias(POOL), pl.col(c.KEEP).sum().alias(KEPT))
    )


def vocabulary(found: pl.DataFrame) -> dict:
    """Of the kept captions: distinct words, how many are in one caption only, the 30 in most, the inequality."""
    kept = found.filter(pl.col(KEPT) > 0)
    once = kept.filter(pl.col(KEPT) == 1)[TERM].sort()
    return {
        "distinct": len(kept),
        "distinct_pool": int((found[POOL] > 0).sum()),
        "once": len(once),
        "once_examples": spread(once),
        "frequent": top(kept, KEPT, TOP).select(TERM, KEPT, POOL).to_dicts(),
        "gini": gini(kept[KEPT].to_numpy()),
        "gini_pool": gini(found[POOL].filter(found[POOL] > 0).to_numpy()),
    }


def concepts(found: pl.DataFrame, captions: dict[str, int]) -> dict:
    """Words and pairs of words in at least 5 captions of the pool, and how their share changed.

    Favoured and lost are ordered by (kept - expected) / sqrt(expected), where expected is what a random
    subset of the same size would hold: a big share of few captions does not outrank a small share of many.
    """
    ends = pl.concat_list(
        pl.col(TERM).str.splitn(" ", 2).struct.field("field_0"),
        pl.col(TERM).str.splitn(" ", 2).struct.field("field_1"),
    )
    plain = ends.list.set_intersection(pl.lit(FUNCTION_WORDS)).list.len() == 0
    telling = found.filter(pl.col(TERM).str.contains(r"\p{L}{2}") & plain)
    rate = captions[KEPT] / captions[POOL] if captions[POOL] else 0.0
    expected = pl.col(POOL) * rate
    common = telling.filter(pl.col(POOL) >= ENOUGH).with_columns(
        pl.when(expected > 0).then((pl.col(KEPT) - expected) / expected.sqrt()).otherwise(0.0).alias("pull")
    )
    favoured = top(common.filter(pl.col("pull") > 0.5), "pull", TOP)
    lost = top(common.filter(pl.col("pull") < -0.5), "pull", TOP, descending=False)
    rare = telling.filter((pl.col(KEPT) > 0) & (pl.col(KEPT) <= 2))
    return {
        "counted": len(common),
        "vanished": int((common[KEPT] == 0).sum()),
        "frequent": _with_shares(top(telling, POOL, TOP), captions),
        "favoured": _with_shares(favoured, captions),
        "lost": _with_shares(lost, captions),
        "rare": _with_shares(rare.filter(pl.col(TERM).is_in(spread(rare[TERM].sort()))).sort(TERM), captions),
    }


def repeated(texts: pl.LazyFrame, limit: int = 20) -> list[dict]:
    """The alt-texts that were asked for most often, more than once."""
    return (
        texts.group_by(c.CAPTION)
        .agg(pl.col(FROM_WEB).sum().alias(POOL), pl.col(c.KEEP).sum().alias(KEPT))
        .filter(pl.col(POOL) > 1)
        .sort(POOL, c.CAPTION, descending=[True, False])
        .head(limit)
        .collect()
        .to_dicts()
    )


def top(found: pl.DataFrame, column: str, limit: int, *, descending: bool = True) -> pl.DataFrame:
    """The first by a column; ties by the alphabet."""
    return found.sort(column, TERM, descending=[descending, False]).head(limit)


def spread(terms: pl.Series, limit: int = TOP) -> list[str]:
    """Evenly spaced through a sorted list: the first thirty would all begin with a."""
    places = np.linspace(0, len(terms) - 1, min(limit, len(terms))).round().astype(int)
    return [terms[int(place)] for place in places]


def gini(counts: np.ndarray) -> float:
    """The Gini coefficient of counts: 0 all equal, towards 1 a few have everything."""
    if len(counts) < 2 or not counts.sum():
        return 0.0
    ordered = np.sort(counts.astype(np.float64))
    ranks = np.arange(1, len(ordered) + 1)
    value = 2 * float(ranks @ ordered) / (len(ordered) * float(ordered.sum())) - (len(ordered) + 1) / len(ordered)
    return round(value, 4)


def _with_shares(found: pl.DataFrame, captions: dict[str, int]) -> list[dict]:
    rows = []
    for term, pool, kept in found.select(TERM, POOL, KEPT).iter_rows():
        before, after = share(pool, captions[POOL]), share(kept, captions[KEPT])
        rows.append(
            {
                TERM: term,
                POOL: pool,
                KEPT: kept,
                "pool_share": before,
                "kept_share": after,
                "change": round(after - before, 6),
            }
        )
    return rows
