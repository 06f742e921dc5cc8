"""LAION's rules for pairs (Schuhmann et al. 2021, arXiv 2111.02114; LAION-5B, arXiv 2210.08402).

`edition: 400m`   at least 5 characters, 5,000 bytes as downloaded, one row per (url, text), cosine >= 0.3
`edition: 5b`     at least 5 characters, 5,000 bytes as downloaded, one row per url, cosine >= 0.28 for English by
                  `model`; for other languages, and for texts without one, >= 0.26 by `multilingual_model`

Every bound keeps what equals it. Of rows with one key the smallest uid among the survivors stays, where LAION's
bloom filter kept the first that came, and dropped some that were no repeats. A row without a url repeats nothing.
A sample of another language is dropped in the 5b edition where no `multilingual_model` is given.
"""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.corpus import Tables
from curate.distinct import first_of_each
from curate.filters.rule import Filter, Rule, Threshold, bounded

MIN_SCORE = {"400m": 0.3, "5b": 0.28}


class Laion(Filter):
    type: ClassVar[str] = "laion"
    paper: ClassVar[str] = "LAION-400M, arXiv 2111.02114; LAION-5B, arXiv 2210.08402"
    edition: Literal["400m", "5b"] = "400m"
    model: str = Field(description="a name from the recipe's models; LAION's is ViT-B/32")
    min_chars: int = Field(5, ge=0)
    min_bytes: int | None = Field(5000, ge=0, description="of the image as downloaded; null asks nothing")
    min_score: float | None = Field(None, ge=-1, le=1, description="cosine; default: the edition's")
    multilingual_model: str | None = Field(None, description="of the 5b edition, for what is not English")
    multilingual_min_score: float = Field(0.26, ge=-1, le=1, description="cosine")

    @property
    def floor(self) -> float:
        return MIN_SCORE[self.edition] if self.min_score is None else self.min_score

    def rules(self) -> list[Rule]:
        chars = Threshold(c.CHARS, "min", self.min_chars, True)
        rules = [Rule("min_chars", bounded(c.CHARS, self.min_chars, None, inclusive=True), thresholds=(chars,))]
        if self.min_bytes is not None:
            size = Threshold(c.BYTES, "min", self.min_bytes, True)
            rules.append(Rule("min_bytes", bounded(c.BYTES, self.min_bytes, None, inclusive=True), thresholds=(size,)))
        score = Threshold(c.clip_score(self.model), "min", self.floor, True)
        return [
            *rules,
            Rule("repeated", compare=self._first, of="survivors"),
            Rule("min_score", self._agrees(), thresholds=(score,)),
        ]

    def reads(self) -> set[str]:
        found = {c.UID, c.URL, c.CHARS, c.clip_score(self.model)}
        found |= {c.CAPTION} if self.edition == "400m" else {c.LANGUAGE}
        found |= {c.BYTES} if self.min_bytes is not None else set()
        return found | {c.clip_score(name) for name in self.models()}

    def models(self) -> set[str]:
        other = self.multilingual_model if self.edition == "5b" else None
        return {self.model} | ({other} if other else set())

    def _agrees(self) -> pl.Expr:
        score = pl.col(c.clip_score(self.model)).fill_nan(None) >= self.floor
        if self.edition == "400m":
            return score
        other = pl.lit(False)
        if self.multilingual_model is not None:
            other = pl.col(c.clip_score(self.multilingual_model)).fill_nan(None) >= self.multilingual_min_score
        return pl.when((pl.col(c.LANGUAGE) == "en").fill_null(False)).then(score).otherwise(other)

    def _first(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        key = [c.URL, c.CAPTION] if self.edition == "400m" else [c.URL]
        return first_of_each(frame, key, c.UID, asked & frame[c.URL].is_not_null()) | frame[c.URL].is_null()
