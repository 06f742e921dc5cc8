"""DataComp's basic filter (Gadre et al. 2023, arXiv 2304.14108; its released code, not the paper's prose).

English by fastText; more than 2 words, a word being what whitespace separates; more than 5 characters; the shorter
side at least 200 px; longer / shorter at most 3.0, in whole numbers (`align_image`) so that no float rounds it.
Sizes are of the image as downloaded.
"""

from functools import reduce
from operator import or_
from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.filters.align_image import size_rules
from curate.filters.rule import Filter, Rule, Threshold, bounded


class DataCompBasic(Filter):
    type: ClassVar[str] = "datacomp_basic"
    paper: ClassVar[str] = "DataComp, arXiv 2304.14108"
    languages: tuple[str, ...] | None = Field(
        ("en",), min_length=1, description="codes that are kept; null: any language"
    )
    more_words_than: int = Field(2, ge=0, description="what whitespace separates")
    more_chars_than: int = Field(5, ge=0)
    min_short_side: int = Field(200, ge=0, description="px")
    max_aspect_ratio: float = Field(3.0, ge=1, description="longer / shorter")

    def rules(self) -> list[Rule]:
        spoken = [pl.col(c.LANGUAGE) == language for language in self.languages or ()]
        return [
            *([Rule("language", reduce(or_, spoken))] if spoken else []),
            Rule(
                "words",
                bounded(c.WHITESPACE_WORDS, self.more_words_than, None, inclusive=False),
                thresholds=(Threshold(c.WHITESPACE_WORDS, "min", self.more_words_than, False),),
            ),
            Rule(
                "chars",
                bounded(c.CHARS, self.more_chars_than, None, inclusive=False),
                thresholds=(Threshold(c.CHARS, "min", self.more_chars_than, False),),
            ),
            *size_rules(self.min_short_side, self.max_aspect_ratio, True, True),
        ]

    def reads(self) -> set[str]:
        language = set() if self.languages is None else {c.LANGUAGE}
        return {c.WHITESPACE_WORDS, c.CHARS, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, *language}
