"""Keep the alt-texts of some languages: DataComp's `en`, FILIP's and LAION-2B-en's "English only".

A text is kept whose language is in `keep` and whose score is at least `min_score`. One without a letter, which has
no language, is dropped as `:null`.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field, field_validator

from curate import schema as c
from curate.filters.rule import Filter, Rule, Threshold, bounded


class LanguageFilter(Filter):
    type: ClassVar[str] = "language"
    keep: tuple[str, ...] = Field(("en",), min_length=1, description="ISO 639 codes, as fastText's lid.176 names them")
    min_score: float = Field(0.0, ge=0, le=1, description="the language's probability; what equals it is kept")

    @field_validator("keep")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [code for code in value if not (code.isascii() and code.isalpha() and code.islower() and len(code) < 4)]
        if wrong:
            raise ValueError(f"not an ISO 639 code in small letters: {', '.join(map(repr, wrong))}; such as en, de, zh")
        return value

    def rules(self) -> list[Rule]:
        known = pl.col(c.LANGUAGE).is_not_null()
        return [
            Rule("keep", pl.when(known).then(pl.col(c.LANGUAGE).is_in(list(self.keep)))),
            Rule(
                "min_score",
                bounded(c.LANGUAGE_SCORE, self.min_score, None, inclusive=True),
                thresholds=(Threshold(c.LANGUAGE_SCORE, "min", self.min_score, True),),
            ),
        ]

    def reads(self) -> set[str]:
        return {c.LANGUAGE, c.LANGUAGE_SCORE}
