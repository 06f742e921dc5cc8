"""ALIGN's text rules (Jia et al. 2021, section 3).

3 to 20 words, both kept; an alt-text on exactly 10 images is kept, on 11 all eleven are dropped; every
unigram and bigram must be among the `keep_top_ngrams` most frequent of the raw corpus. N-grams of one count have
one rank, the best of theirs, so at the edge all of that count are in. What a word is: `curate.signals.text_stats`.

Presets, beside ALIGN's, which are the defaults:

    filip: {words: null, max_images_per_caption: 10, keep_top_ngrams: null}

FILIP (Yao et al. 2021, section 3.4) drops texts repeated more than 10 times, and what is not English: put
`language: {keep: [en]}` beside it.
"""

from typing import ClassVar

from pydantic import Field, model_validator

from curate import schema as c
from curate.filters.rule import Filter, Rule, Threshold, bounded


class AlignText(Filter):
    type: ClassVar[str] = "align_text"
    paper: ClassVar[str] = "ALIGN, arXiv 2102.05918"
    words: tuple[int, int] | None = Field((3, 20), description="fewest and most words; null: no rule")
    max_images_per_caption: int = Field(10, ge=1, description="distinct images with one alt-text")
    keep_top_ngrams: int | None = Field(
        100_000_000, ge=1, description="size of the vocabulary of uni- and bigrams; null: no rule"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "AlignText":
        if self.words is not None and self.words[0] > self.words[1]:
            raise ValueError(f"words: the fewest ({self.words[0]}) is above the most ({self.words[1]})")
        return self

    def rules(self) -> list[Rule]:
        found = [at_most("max_images_per_caption", c.CAPTION_IMAGES, self.max_images_per_caption)]
        if self.words is not None:
            found.insert(0, word_rule(*self.words))
        if self.keep_top_ngrams is not None:
            found.append(at_most("keep_top_ngrams", c.RAREST_NGRAM_RANK, self.keep_top_ngrams))
        return found

    def reads(self) -> set[str]:
        words = set() if self.words is None else {c.WORDS}
        ranks = set() if self.keep_top_ngrams is None else {c.RAREST_NGRAM_RANK}
        return {c.CAPTION_IMAGES} | words | ranks


def word_rule(fewest: int, most: int) -> Rule:
    """`words`: that many, both ends kept."""
    bounds = (Threshold(c.WORDS, "min", fewest, True), Threshold(c.WORDS, "max", most, True))
    return Rule("words", bounded(c.WORDS, fewest, most, inclusive=True), thresholds=bounds)


def at_most(name: str, column: str, most: float) -> Rule:
    """A column's largest value that is kept."""
    return Rule(name, bounded(column, None, most, inclusive=True), thresholds=(Threshold(column, "max", most, True),))
