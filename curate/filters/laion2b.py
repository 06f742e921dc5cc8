"""LAION-2B-en as a filter on a pool (DataComp's baseline, arXiv 2304.14108): English and cosine >= 0.28 by ViT-B/32.

The released code asks gcld3 for the language; here it is whatever measured the column `language`.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.filters.rule import Filter, Rule
from curate.filters.score import bounds


class Laion2B(Filter):
    type: ClassVar[str] = "laion2b"
    paper: ClassVar[str] = "DataComp, arXiv 2304.14108; LAION-5B, arXiv 2210.08402"
    model: str = Field(description="a name from the recipe's models; the paper's is ViT-B/32")
    languages: tuple[str, ...] = ("en",)
    min: float = Field(0.28, ge=-1, le=1, description="cosine")

    def rules(self) -> list[Rule]:
        language = pl.col(c.LANGUAGE).is_in(list(self.languages))
        return [Rule("language", language), *bounds(c.clip_score(self.model), self.min, None)]

    def reads(self) -> set[str]:
        return {c.LANGUAGE, c.clip_score(self.model)}

    def models(self) -> set[str]:
        return {self.model}
