"""How a list of concepts covers a corpus, in MetaCLIP's own figures (arXiv 2309.16671, section 3).

For people: of its 500,000 entries MetaCLIP found 114,000 in no text; 16,000 were in more than 20,000 texts, and
those held 94.5 % of all matches, 3.5 a text.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import Tables

ENTRIES, TOTALS = "entries", "totals"  # the tables of `curate.corpus.concept_matches`
TEXTS, MATCHED, MATCHES = "texts", "matched", "matches"
PROBABILITY, SHARE, EXPECTED = "probability", "share", "expected"


@dataclass(frozen=True)
class Coverage:
    """Of a corpus and a cap t. Shares are of all pairs of a text and an entry that it holds; 0 if there are none."""

    entries: int
    unmatched: int  # entries in no text
    above: int  # entries in more than t texts
    above_share: float
    tail_share: float  # of entries in fewer than t texts
    matches: int
    texts: int
    matched: int  # texts with an entry
    matches_per_text: float  # of those with one


def coverage(tables: Tables, cap: int) -> Coverage:
    """`tables` are those of `ConceptMatches`: the whole pool."""
    counts = tables[ENTRIES][c.COUNT].to_numpy()
    texts, matched = (int(tables[TOTALS][name].item()) for name in (TEXTS, MATCHED))
    matches = int(counts.sum())
    return Coverage(
        entries=len(counts),
        unmatched=int((counts == 0).sum()),
        above=int((counts > cap).sum()),
        above_share=float(counts[counts > cap].sum() / matches) if matches else 0.0,
        tail_share=tail_share(counts, cap),
        matches=matches,
        texts=texts,
        matched=matched,
        matches_per_text=matches / matched if matched else 0.0,
    )


def entry_table(tables: Tables, cap: int) -> pl.DataFrame:
    """entry, count, share of all matches, probability t / max(count, t), expected texts that an entry's own draws
    keep; the most frequent first, ties by alphabet."""
    count = pl.col(c.COUNT)
    probability = cap / pl.max_horizontal(count, pl.lit(cap))
    return (
        tables[ENTRIES]
        .with_columns(
            (count / pl.max_horizontal(count.sum(), pl.lit(1))).alias(SHARE),
            probability.alias(PROBABILITY),
            (count * probability).alias(EXPECTED),
        )
        .sort(c.COUNT, c.ENTRY, descending=[True, False])
    )


def coverage_table(tables: Tables, caps: Sequence[int]) -> pl.DataFrame:
    """cap, and the fields of `Coverage`: a row per cap."""
    return pl.DataFrame([{"cap": cap} | asdict(coverage(tables, cap)) for cap in caps])


def tail_share(counts: np.ndarray, cap: int) -> float:
    """The share of all matches that entries in fewer than `cap` texts hold."""
    total = counts.sum()
    return float(counts[counts < cap].sum() / total) if total else 0.0


def cap_of_tail(counts: np.ndarray, share: float) -> int:
    """The count at which the running share, counts ascending, is nearest to `share`; the smaller of two as near."""
    held = np.sort(counts[counts > 0])
    if not len(held):
        return 1
    running = np.cumsum(held) / held.sum()
    return int(held[np.abs(running - share).argmin()])
