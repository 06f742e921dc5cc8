"""LAION-400M's safety rule (Schuhmann et al. 2021, "Filtering"), over zero-shot categories.

An image whose two nearest categories are both in `unsafe` is tagged NSFW, with one of them UNSURE, with none
UNLIKELY. Of the NSFW and UNSURE, a text with one of the `keywords` (whole words, whatever their case) drops the
pair, and so does an image that has one of `worse` among its two nearest categories. With `drop` the tags named
are dropped as they are. Which categories, prompts and keywords there are is the user's: none is shipped.
"""

from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.errors import InputError
from curate.files import file_sha256
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
    keywords: str | None = Field(None, description="a text file, one word a line")
    drop: list[Tag] = Field(["NSFW"], description="tags that are dropped as they are")

    def rules(self) -> list[Rule]:
        first, second = pl.col(f"{self.model}_first"), pl.col(f"{self.model}_second")
        found = first.is_in(self.unsafe).cast(pl.Int8) + second.is_in(self.unsafe).cast(pl.Int8)
        known = found.is_not_null()
        tags = {"UNLIKELY": 0, "UNSURE": 1, "NSFW": 2}
        rules = [Rule("tag", ~found.is_in([tags[tag] for tag in self.drop]))] if self.drop else []
        if self.keywords is not None:
            forbidden = pl.Series(read_words(self.keywords), dtype=pl.String)
            said = words(pl.col(c.CAPTION)).list.eval(pl.element().is_in(forbidden.implode())).list.any()
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
        return (file_sha256(self.keywords, f"check `keywords` of the filter {self.stage}"),) if self.keywords else ()


def read_words(path: str) -> list[str]:
    """The words of a list, lower-cased: one a line, empty lines left out. Raises InputError."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 text ({error})", "write one word a line") from error
    return sorted({line.strip().lower() for line in lines if line.strip()})
