"""Keep pairs whose image and text agree, by the cosine of a CLIP-like model (LAION, DataComp).

`min` keeps a score >= min. `top` keeps the best fraction, exactly, and `per` the best fraction of each value of
a column: ties, rounding, what a fraction is of and `top: estimated` are those of `curate.filters.score`.
"""

from typing import ClassVar

from pydantic import Field, model_validator

from curate import schema as c
from curate.filters.rule import Filter, Of, Rule
from curate.filters.score import Top, bounds, top_reads, top_rule


class ClipScoreFilter(Filter):
    type: ClassVar[str] = "clip_score"
    paper: ClassVar[str] = "LAION-400M, arXiv 2111.02114; DataComp, arXiv 2304.14108"
    model: str = Field(description="a name from the recipe's models")
    min: float | None = Field(None, ge=-1, le=1, description="cosine")
    top: Top | None = Field(None, description="fraction, or estimated: the share of right pairs, read from the scores")
    of: Of = "pool"
    per: str | None = Field(None, description="take the fraction of each value of this column, such as language")

    @model_validator(mode="after")
    def _one_of(self) -> "ClipScoreFilter":
        if (self.min is None) == (self.top is None):
            raise ValueError("give either min (a cosine) or top (a fraction, or estimated)")
        if self.per is not None and self.top is None:
            raise ValueError("per goes with top: a bound is the same for every value")
        return self

    @property
    def column(self) -> str:
        return c.clip_score(self.model)

    def rules(self) -> list[Rule]:
        if self.top is None:
            return bounds(self.column, self.min, None)
        return [top_rule(self.column, self.top, self.of, self.per)]

    def reads(self) -> set[str]:
        return {self.column, *top_reads(self.top, self.per)}

    def models(self) -> set[str]:
        return {self.model}
