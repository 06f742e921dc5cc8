"""ALIGN's text rules (Jia et al. 2021, section 3).

3 to 20 words, both kept; an alt-text on exactly 10 images is kept, on 11 all eleven are dropped; every
unigram and bigram must be among the `keep_top_ngrams` most frequent of the raw corpus, ties at the edge by
alphabet. What a word is: `curate.signals.text_stats`.
"""

from typing import ClassVar

from pydantic import Field, model_validator

from curate import schema as c
from curate.filters.rule import Filter, Rule, Threshold, bounded


class AlignText(Filter):
    type: ClassVar[str] = "align_text"
    paper: ClassVar[str] = "ALIGN, arXiv 2102.05918"
    words: tuple[int, int] = Field((3, 20), description="fewest and most words")
    max_images_per_caption: int = Field(10, ge=1, description="distinct images with one alt-text")
    keep_top_ngrams: int = Field(100_000_000, ge=1, description="size of the vocabulary of uni- and bigrams")

    @model_validator(mode="after")
    def _ordered(self) -> "AlignText":
        if self.words[0] > self.words[1]:
            raise ValueError(f"words: the fewest ({self.words[0]}) is above the most ({self.words[1]})")
        return self

    def rules(self) -> list[Rule]:
        low, high = self.words
        return [
            Rule(
                "words",
                bounded(c.WORDS, low, high, inclusive=True),
                thresholds=(Threshold(c.WORDS, "min", low, True), Threshold(c.WORDS, "max", high, True)),
            ),
            Rule(
                "max_images_per_caption",
                bounded(c.CAPTION_IMAGES, None, self.max_images_per_caption, inclusive=True),
                thresholds=(Threshold(c.CAPTION_IMAGES, "max", self.max_images_per_caption, True),),
            ),
            Rule(
                "keep_top_ngrams",
                bounded(c.RAREST_NGRAM_RANK, None, self.keep_top_ngrams, inclusive=True),
                thresholds=(Threshold(c.RAREST_NGRAM_RANK, "max", self.keep_top_ngrams, True),),
            ),
        ]

    def reads(self) -> set[str]:
        return {c.WORDS, c.CAPTION_IMAGES, c.RAREST_NGRAM_RANK}
