"""Keep pairs whose image and text agree, by the cosine of a CLIP-like model (LAION, DataComp).

`min` keeps a score >= min. `top` keeps the best fraction, exactly: of n measured samples the first
ceil(n * top) in the order (score descending, uid ascending), with `top` read as the decimal that was
written, so top 0.29 of 100 keeps 29. (DataComp's released code keeps one more, and more still at ties.)
n counts the downloaded samples (`of: pool`) or those that no earlier rule dropped (`of: survivors`).
"""

import math
from fractions import Fraction
from typing import ClassVar

import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import Tables
from curate.filters.rule import Filter, Of, Rule, Threshold, bounded


class ClipScoreFilter(Filter):
    type: ClassVar[str] = "clip_score"
    paper: ClassVar[str] = "LAION-400M, arXiv 2111.02114; DataComp, arXiv 2304.14108"
    model: str = Field(description="a name from the recipe's models")
    min: float | None = Field(None, ge=-1, le=1, description="cosine")
    top: float | None = Field(None, gt=0, le=1, description="fraction")
    of: Of = "pool"

    @model_validator(mode="after")
    def _one_of(self) -> "ClipScoreFilter":
        if (self.min is None) == (self.top is None):
            raise ValueError("give either min (a cosine) or top (a fraction)")
        return self

    @property
    def column(self) -> str:
        return c.clip_score(self.model)

    def rules(self) -> list[Rule]:
        if self.min is not None:
            threshold = Threshold(self.column, "min", self.min, True)
            keep = bounded(self.column, self.min, None, inclusive=True)
            return [Rule("min", keep, thresholds=(threshold,))]
        return [Rule("top", compare=self._best, of=self.of)]

    def reads(self) -> set[str]:
        return {self.column, c.UID}

    def models(self) -> set[str]:
        return {self.model}

    def _best(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        assert self.top is not None
        return top_fraction(frame[self.column], frame[c.UID], asked, self.top)


def top_fraction(scores: pl.Series, uids: pl.Series, asked: pl.Series, fraction: float) -> pl.Series:
    """True for the best ceil(n * fraction) of the n asked and measured; null where nothing was measured."""
    frame = pl.DataFrame({"score": scores, c.UID: uids, "asked": asked}).with_row_index("row")
    ranked = frame.filter(pl.col("asked") & pl.col("score").is_not_null()).sort(
        "score", c.UID, descending=[True, False]
    )
    best = ranked["row"].head(math.ceil(len(ranked) * Fraction(str(fraction))))
    kept = pl.Series(range(len(frame)), dtype=pl.UInt32).is_in(best.implode())
    return pl.select(pl.when(scores.is_not_null()).then(kept)).to_series()
