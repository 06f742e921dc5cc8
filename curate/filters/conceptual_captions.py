"""The text and image rules of Conceptual Captions and of Conceptual 12M, as far as signals carry them.

Defaults are Conceptual 12M's (Changpinyo et al. 2021): JPEG; both sides > 400 px, strict; longer / shorter <= 2.5;
3 to 256 words, both kept; of the words, at most 0.2 repeat an earlier one; no word that the corpus has fewer than 20
times; a determiner. Preset, of Conceptual Captions (Sharma et al. 2018; from a summary, not read in the paper):

    cc3m: {max_aspect_ratio: 2, min_word_count: 5}

What differs from the papers, which had part-of-speech taggers, classifiers and Wikipedia:
a word is rare in the raw corpus of captions, where the papers count in Wikipedia. The determiner is one of the Penn
Treebank's closed class (English) anywhere in the text. The noun has no such list: `noun_column` names a Boolean
column that says whether a tagger found one, and without it there is no such rule. Not here: pornography (use
`score` on a classifier), profanity, sentiment, labels that the text must name, hypernyms in place of names.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.filters.align_image import size_rules
from curate.filters.align_text import word_rule
from curate.filters.rule import Filter, Rule, Threshold, bounded, ratio_at_most

DETERMINERS = (
    "a an the this that these those some any no every each either neither both all another".split()  # noqa: SIM905
)


class ConceptualCaptions(Filter):
    type: ClassVar[str] = "conceptual_captions"
    paper: ClassVar[str] = "Conceptual 12M, arXiv 2102.08981"
    formats: tuple[str, ...] | None = Field(("jpeg",), description="of the image as downloaded; null: any")
    min_side: int = Field(400, ge=0, description="px; the shorter side must be above it")
    max_aspect_ratio: float = Field(2.5, ge=1, description="longer / shorter; what equals it is kept")
    words: tuple[int, int] = Field((3, 256), description="fewest and most words")
    max_repetition: float = Field(0.2, ge=0, le=1, description="share of words that repeat an earlier one")
    min_word_count: int = Field(20, ge=0, description="how often the corpus must have the text's rarest word")
    determiner: bool = Field(True, description="ask for an English determiner")
    noun_column: str | None = Field(None, description="a Boolean column: the text has a noun")

    def rules(self) -> list[Rule]:
        repeated, repetition = pl.col(c.WORDS) - pl.col(c.DISTINCT_WORDS), self.max_repetition
        rare = self.min_word_count
        found = size_rules(self.min_side, self.max_aspect_ratio, False, True)
        if self.formats is not None:
            kind = pl.col(c.FORMAT)
            found.insert(0, Rule("formats", pl.when(kind.is_not_null()).then(kind.is_in(list(self.formats)))))
        found += [
            word_rule(*self.words),
            Rule(
                "max_repetition",
                ratio_at_most(repeated, pl.col(c.WORDS), repetition, inclusive=True),
                thresholds=(Threshold("word_repetition", "max", repetition, True),),
            ),
            Rule(
                "min_word_count",
                bounded(c.RAREST_WORD_COUNT, rare, None, inclusive=True),
                thresholds=(Threshold(c.RAREST_WORD_COUNT, "min", rare, True),),
            ),
        ]
        if self.determiner:
            pattern = rf"(?i)\b(?:{'|'.join(DETERMINERS)})\b"
            found.append(Rule("determiner", pl.col(c.CAPTION).str.contains(pattern)))
        if self.noun_column is not None:
            found.append(Rule("noun", pl.col(self.noun_column)))
        return found

    def reads(self) -> set[str]:
        columns = {c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, c.WORDS, c.DISTINCT_WORDS, c.RAREST_WORD_COUNT}
        columns |= set() if self.formats is None else {c.FORMAT}
        columns |= {c.CAPTION} if self.determiner else set()
        return columns | ({self.noun_column} if self.noun_column else set())
