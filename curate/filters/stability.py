"""Confident by two thresholds: SAM's stability (Kirillov et al. 2023, arXiv 2304.02643, section 4 and appendix B).

stability = |{x > high}| / |{x > low}| over the numbers x of a list column (SAM: a mask's logits, high 1, low -1),
both comparisons strict; null where nothing is above `low`, or a number is NaN. A sample is kept from `min` on
(0.95, kept). With `score` and `lower` in the place of `column`, two scalars: a score and its lower bound, such as the
smallest of the scores of perturbed copies. stability = lower / score; null where the score is not above 0, or either
is NaN. `min_score` is SAM's other threshold, the predicted IoU, and strict (0.88).
"""

from typing import ClassVar

import polars as pl
from pydantic import Field, model_validator

from curate.filters.rule import Filter, Rule, Threshold, bounded


class Stability(Filter):
    type: ClassVar[str] = "stability"
    paper: ClassVar[str] = "Segment Anything, arXiv 2304.02643"
    column: str | None = Field(None, description="a list of numbers per sample")
    high: float = 1.0
    low: float = -1.0
    score: str | None = Field(None, description="a number per sample")
    lower: str | None = Field(None, description="its lower bound")
    min: float = Field(0.95, ge=0, le=1, description="stability")
    min_score: float | None = Field(None, description="of the score, strict")

    @model_validator(mode="after")
    def _one_form(self) -> "Stability":
        if (self.column is None) == (self.lower is None) or (self.lower is not None and self.score is None):
            raise ValueError("give either column (of lists), or score and lower (two numbers)")
        if self.min_score is not None and self.score is None:
            raise ValueError("min_score needs score: the column that it is the least of")
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        return self

    def rules(self) -> list[Rule]:
        rules = [Rule("min", self.stability() >= self.min)]
        if self.score is not None and self.min_score is not None:
            threshold = Threshold(self.score, "min", self.min_score, False)
            keep = bounded(self.score, self.min_score, None, inclusive=False)
            rules.insert(0, Rule("min_score", keep, thresholds=(threshold,)))
        return rules

    def reads(self) -> set[str]:
        return {name for name in (self.column, self.score, self.lower) if name is not None}

    def stability(self) -> pl.Expr:
        """The share itself, a float; null where it is none."""
        if self.column is not None:
            numbers = pl.col(self.column)
            measured = ~numbers.list.eval(pl.element().is_nan()).list.any()
            above = [numbers.list.eval(pl.element() > bound).list.sum() for bound in (self.high, self.low)]
            above[1] = pl.when(measured).then(above[1])
        else:
            assert self.lower is not None and self.score is not None
            above = [pl.col(self.lower), pl.col(self.score)]
        return pl.when(above[1].fill_nan(None) > 0).then(above[0] / above[1]).fill_nan(None)
