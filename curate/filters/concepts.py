"""Query balancing with a list of concepts: CLIP's (Radford et al. 2021, arXiv 2103.00020, section 2.2) and
MetaCLIP's (Xu et al. 2023, arXiv 2309.16671; MetaCLIP 2: Chuang et al. 2025, arXiv 2507.22062).

A text without any entry is dropped. With n texts that hold an entry and a cap t, `balance` lets each of them
succeed for it with probability t / max(n, t), independently; `hard_cap`, which is CLIP's "up to 20,000 per
query" to the letter, takes the t with the smallest draws. A text that succeeds for any of its entries is kept,
once. n is counted among what earlier rules left (`of: survivors`, the default: it is meant to come last) or among
all downloaded (`of: pool`). Draws are keyed by (seed, uid, entry): the place of an entry in the file, the
order of rows and the shards change nothing.

`one_text_per_image` as MetaCLIP 2 does it: n counts all texts, then one text of each image is chosen at random
among those with an entry, and it is kept by one draw with probability 1 - product of (1 - t / max(n, t)).

Per language (`per_language` or `match_tail`), n counts the texts of the row's own language only, and a text whose
language was not told is unmeasured. `match_tail: en` gives English `cap` and every other language the t that
leaves its tail the same share: of its counts in ascending order, the one at which their running share of all
matches is nearest to the share of English counts below `cap`; the smaller of two that are as near.
"""

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.concept_coverage import ENTRIES, cap_of_tail, tail_share
from curate.corpus.concept_matches import ConceptMatches
from curate.errors import RecipeError
from curate.filters.memberships import (
    Memberships,
    bernoulli_limits,
    keep_probability,
    kept_rows,
    make_draws,
    smallest_limits,
    sure_rows,
)
from curate.filters.rule import Filter, Of, Rule
from curate.uid import draws

PURPOSE = "concepts"


class Concepts(Filter):
    type: ClassVar[str] = "concepts"
    paper: ClassVar[str] = "MetaCLIP, arXiv 2309.16671; CLIP, arXiv 2103.00020"
    paths: ClassVar[tuple[str, ...]] = ("entries",)
    entries: str = Field(description="one entry per line, or MetaCLIP's .json")
    cap: int = Field(20_000, ge=1, description="t: texts that an entry gives; 20,000 for 400M, 170,000 for 2.5B")
    mode: Literal["balance", "hard_cap"] = "balance"
    seed: int = 0
    of: Of = "survivors"
    unspaced: bool = Field(False, description="MetaCLIP 2: entries of scripts without spaces match inside words")
    one_text_per_image: bool = False
    per_language: dict[str, int] | None = Field(None, description="caps of languages; others have `cap`")
    match_tail: str | None = Field(None, description="the language whose share of tail the others get")

    @model_validator(mode="after")
    def _possible(self) -> "Concepts":
        if self.per_language is not None and self.match_tail is not None:
            raise ValueError("give per_language or match_tail, not both")
        if self.per_language and min(self.per_language.values()) < 1:
            raise ValueError("per_language: a cap is at least 1")
        if self.one_text_per_image and self.mode == "hard_cap":
            raise ValueError("one_text_per_image goes with mode: balance")
        return self

    @property
    def by_language(self) -> bool:
        return self.per_language is not None or self.match_tail is not None

    def rules(self) -> list[Rule]:
        matched = pl.col(self._matches().column).list.len() > 0
        return [Rule("matched", matched), Rule("cap", compare=self._balanced, of=self.of)]

    def reads(self) -> set[str]:
        return {c.UID, c.IMAGE_UID, self._matches().column} | ({c.LANGUAGE} if self.by_language else set())

    def passes(self) -> list[CorpusPass]:
        return [self._matches()]

    def identity(self) -> tuple[object, ...]:
        """sha256 of the entries. Raises InputError where there are none."""
        return self._matches().identity()

    def _matches(self) -> ConceptMatches:
        return ConceptMatches(self.entries, self.unspaced)

    def _balanced(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        work = self._matches()
        entries = tables[work.name][ENTRIES][c.ENTRY]
        place = "place of the row"
        wanted = [c.UID, c.IMAGE_UID, work.column, *([c.LANGUAGE] if self.by_language else [])]
        rows = frame.select(wanted).with_row_index(place).filter(asked & frame[work.column].is_not_null())
        keep = np.zeros(len(frame), bool)
        known = frame[work.column].is_not_null().to_numpy().copy()
        if not self.by_language:
            keep[rows[place].to_numpy()] = self._kept(rows, work.column, entries, self.cap)
        else:
            known &= frame[c.LANGUAGE].is_not_null().to_numpy()
            groups = rows.drop_nulls(c.LANGUAGE).partition_by(c.LANGUAGE, as_dict=True)
            languages = {str(key[0]): group for key, group in groups.items()}
            for language, cap in self._caps(languages, work.column, len(entries)).items():
                group = languages[language]
                keep[group[place].to_numpy()] = self._kept(group, work.column, entries, cap)
        answer = pl.Series(keep)
        return pl.select(pl.when(pl.Series(known)).then(answer)).to_series()

    def _caps(self, languages: dict[str, pl.DataFrame], column: str, size: int) -> dict[str, int]:
        """t of each language that there is. Raises RecipeError where none is in the language to be matched."""
        if self.match_tail is None:
            return {language: (self.per_language or {}).get(language, self.cap) for language in languages}
        counts = {language: Memberships.of(group[column]).counts(size) for language, group in languages.items()}
        if not languages.keys() & {self.match_tail} or not counts[self.match_tail].any():
            raise RecipeError(
                f"{self.stage}: no text in {self.match_tail!r} holds an entry, so its tail has no share",
                f"match_tail: one of {', '.join(sorted(languages)) or 'the languages of the pool'}",
            )
        share = tail_share(counts[self.match_tail], self.cap)
        caps = {language: cap_of_tail(found, share) for language, found in counts.items()}
        return caps | {self.match_tail: self.cap}

    def _kept(self, rows: pl.DataFrame, column: str, entries: pl.Series, cap: int) -> np.ndarray:
        """bool[rows]: the answer for rows that are counted together."""
        members = Memberships.of(rows[column])
        counts = members.counts(len(entries))
        if self.one_text_per_image:
            return self._one_text(rows, members, counts, cap)
        head = counts > cap
        sure = sure_rows(members, ~head)
        contested = members.lengths > 0 if self.mode == "hard_cap" else ~sure & (members.lengths > 0)
        drawn = make_draws(self.seed, PURPOSE, rows[c.UID], contested, entries.gather, head)
        if self.mode == "hard_cap":
            limits = smallest_limits(members, counts, cap, drawn)
        else:
            limits = bernoulli_limits(counts, cap)
        return kept_rows(members, limits, drawn, sure)

    def _one_text(self, rows: pl.DataFrame, members: Memberships, counts: np.ndarray, cap: int) -> np.ndarray:
        choice, row = pl.Series("choice", draws(self.seed, rows[c.UID], f"{PURPOSE}.text")), "row"
        held = rows.select(c.UID, c.IMAGE_UID).with_columns(choice).with_row_index(row)
        held = held.filter(pl.Series(members.lengths > 0)).sort("choice", c.UID)
        chosen = held.unique(c.IMAGE_UID, keep="first", maintain_order=True)[row].to_numpy()
        keep = np.zeros(len(rows), bool)
        drawn = draws(self.seed, rows[c.UID].gather(chosen), PURPOSE) / 2.0**64
        keep[chosen] = drawn < keep_probability(members, counts, cap)[chosen]
        return keep
