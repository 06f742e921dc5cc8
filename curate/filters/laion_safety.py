"""LAION-400M's safety rule (Schuhmann et al. 2021, "Filtering"), over zero-shot categories.

An image whose two nearest categories are both in `unsafe` is tagged NSFW, with one of them UNSURE, with none
UNLIKELY. Of the NSFW and UNSURE, a text with one of the `keywords` drops the pair, and so does an image that has
one of `worse` among its two nearest categories. A keyword is a whole word, or several that must follow one another
(`under age`), whatever their case and what stands between them. With `drop` the tags named are dropped as they are;
LAION-400M drops none for its tag alone, nor does the default. Which categories, prompts and keywords there are is the
user's: none is shipped, and at least one of `keywords`, `worse` and `drop` must be given.
"""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.errors import InputError
from curate.files import file_sha256
from curate.filters.line_file import lines
from curate.filters.rule import Filter, Rule
from curate.signals.text_stats import words

Tag = Literal["NSFW", "UNSURE", "UNLIKELY"]


class LaionSafety(Filter):
    type: ClassVar[str] = "laion_safety"
    paper: ClassVar[str] = "LAION-400M, arXiv 2111.02114"
    paths: ClassVar[tuple[str, ...]] = ("keywords",)
    model: str = Field(description="a model of kind zero_shot")
    unsafe: list[str] = Field(min_length=1, description="categories that make an image NSFW")
    worse: list[str] = Field([], description="categories that drop an image that is NSFW or UNSURE")
    worse_model: str | None = Field(None, description="the kind zero_shot model that `worse` is asked of; else `model`")
    keywords: str | None = Field(None, description="a text file, a word or phrase per line; # begins a comment")
    drop: list[Tag] = Field([], description="tags that are dropped as they are, such as NSFW")

    @model_validator(mode="after")
    def _some(self) -> "LaionSafety":
        if not self.drop and not self.worse and self.keywords is None:
            raise ValueError("give at least one of drop, keywords, worse: without any of them nothing is dropped")
        return self

    def rules(self) -> list[Rule]:
        first, second = pl.col(f"{self.model}_first"), pl.col(f"{self.model}_second")
        found = first.is_in(self.unsafe).cast(pl.Int8) + second.is_in(self.unsafe).cast(pl.Int8)
        known = found.is_not_null()
        tags = {"UNLIKELY": 0, "UNSURE": 1, "NSFW": 2}
        rules = [Rule("tag", ~found.is_in([tags[tag] for tag in self.drop]))] if self.drop else []
        if self.keywords is not None:
            forbidden = pl.Series(read_phrases(self.keywords, self._hint), dtype=pl.String)
            said = _between_spaces(pl.col(c.CAPTION)).str.contains_any(forbidden.implode())
            rules.append(Rule("keywords", pl.when(known).then((found == 0) | ~said.fill_null(False))))
        if self.worse:
            asked = self.worse_model or self.model
            worse = pl.col(f"{asked}_first").is_in(self.worse) | pl.col(f"{asked}_second").is_in(self.worse)
            rules.append(Rule("worse", pl.when(known).then((found == 0) | ~worse)))
        return rules

    def reads(self) -> set[str]:
        read = {f"{self.model}_first", f"{self.model}_second"}
        if self.keywords is not None:
            read.add(c.CAPTION)
        if self.worse and self.worse_model:
            read |= {f"{self.worse_model}_first", f"{self.worse_model}_second"}
        return read

    def models(self) -> set[str]:
        return {self.model} | ({self.worse_model} if self.worse_model else set())

    def identity(self) -> tuple[object, ...]:
        return (file_sha256(self.keywords, self._hint),) if self.keywords else ()

    @property
    def _hint(self) -> str:
        return f"check `keywords` of the filter {self.stage}"


def read_phrases(path: str, hint: str) -> list[str]:
    """The entries of a list as `_between_spaces` makes them of texts, sorted. Raises InputError."""
    entries = list(lines(path, hint))
    phrases = pl.Series([entry for _, entry in entries], dtype=pl.String).to_frame("entry")
    found = phrases.select(_between_spaces(pl.col("entry"))).to_series().to_list()
    for (number, entry), phrase in zip(entries, found, strict=True):
        if not phrase.strip():
            raise InputError(f"{path}:{number}: no word: {entry[:80]!r}", hint)
    return sorted(set(found))


def _between_spaces(text: pl.Expr) -> pl.Expr:
    """The words of a text, lower-cased, each with a space on both sides; a word has none in it."""
    return pl.lit(" ") + words(text).list.join(" ") + pl.lit(" ")
