import sys

import polars as pl

from curate import schema as c
from curate.signals import Batch
from curate.signals.text_stats import TextStats


def test_golden_a6_whitespace_words_are_those_of_pythons_split():
    blanks = [chr(code) for code in range(sys.maxunicode) if chr(code).isspace()]
    texts = ["", "  ", "a cat, sitting", "IMG_2041.JPG", "a\u200bb", *(f"a{blank}b" for blank in blanks), *blanks, None]
    found = TextStats().measure(Batch([""] * len(texts), texts)).column(c.WHITESPACE_WORDS).to_pylist()
    assert found == [None if text is None else len(text.split()) for text in texts]


def test_they_are_other_words_than_ours():
    found = pl.from_arrow(TextStats().measure(Batch([""], ["a cat - 3.5 m & more"])))
    assert found.select(c.WORDS, c.WHITESPACE_WORDS).row(0) == (5, 7)
