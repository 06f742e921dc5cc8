"""LLaVA's concept-balanced subset of captions (Liu et al. 2023, arXiv 2304.08485, appendix): CC3M to 595K.

A phrase in fewer than `min_captions` captions counts for nothing. The rest are visited from the rarest to the most
common; each adds all captions that hold it, or, if they are more than `max_captions_per_phrase`, that many of
them at random; the subset is the union. Since no visit looks at what was added before, the order of
visits does not matter. Frequencies are counted among what earlier rules left (`of: survivors`) or among all
downloaded. The random ones are those with the smallest draws keyed by (seed, uid, phrase).

What a phrase is: `curate.corpus.phrases`.
"""

from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.phrases import LEAST, PHRASES, Phrases
from curate.filters.memberships import Memberships, kept_rows, make_draws, smallest_limits, sure_rows
from curate.filters.rule import Filter, Of, Rule

PURPOSE = "phrase_balance"


class PhraseBalance(Filter):
    type: ClassVar[str] = "phrase_balance"
    paper: ClassVar[str] = "LLaVA, arXiv 2304.08485"
    paths: ClassVar[tuple[str, ...]] = ("stop_words",)
    min_captions: int = Field(3, ge=LEAST, description="a phrase in fewer captions is left out")
    max_captions_per_phrase: int = Field(100, ge=1)
    seed: int = 0
    of: Of = "survivors"
    column: str | None = Field(None, description="FAMILY.COLUMN of a signal: lists of noun phrases")
    stop_words: str | None = Field(None, description="one word per line, in place of the English ones")

    @field_validator("column")
    @classmethod
    def _names_a_family(cls, value: str | None) -> str | None:
        if value is not None and not all(value.partition(".")):
            raise ValueError(f"{value!r} is not FAMILY.COLUMN")
        return value

    def rules(self) -> list[Rule]:
        return [Rule("phrases", compare=self._frequent, of=self.of), Rule("cap", compare=self._union, of=self.of)]

    def reads(self) -> set[str]:
        return {c.UID, self._phrases().column}

    def passes(self) -> list[CorpusPass]:
        return [self._phrases()]

    def identity(self) -> tuple[object, ...]:
        return self._phrases().identity()

    def _phrases(self) -> Phrases:
        return Phrases(self.column, self.stop_words)

    def _members(self, frame: pl.DataFrame, asked: pl.Series, size: int) -> tuple[Memberships, np.ndarray]:
        """Rows of the whole frame, none of a row that is not asked, with phrases that are frequent enough."""
        places = frame[self._phrases().column]
        held = pl.select(pl.when(asked).then(places)).to_series()
        members = Memberships.of(held)
        counts = members.counts(size)
        frequent = counts >= self.min_captions
        return members.only(frequent), np.where(frequent, counts, 0)

    def _frequent(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        members, _ = self._members(frame, asked, len(tables[self._phrases().name][PHRASES]))
        return self._known(frame, members.lengths > 0)

    def _union(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        phrases = tables[self._phrases().name][PHRASES][c.PHRASE]
        members, counts = self._members(frame, asked, len(phrases))
        head = counts > self.max_captions_per_phrase
        sure = sure_rows(members, ~head)
        draws = make_draws(self.seed, PURPOSE, frame[c.UID], members.lengths > 0, phrases.gather, head)
        limits = smallest_limits(members, counts, self.max_captions_per_phrase, draws)
        return self._known(frame, kept_rows(members, limits, draws, sure))

    def _known(self, frame: pl.DataFrame, answer: np.ndarray) -> pl.Series:
        known = frame[self._phrases().column].is_not_null()
        return pl.select(pl.when(known).then(pl.Series(answer))).to_series()
