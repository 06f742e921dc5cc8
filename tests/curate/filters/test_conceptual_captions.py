import polars as pl

from curate import schema as c
from curate.filters import conceptual_captions
from curate.filters.conceptual_captions import ConceptualCaptions
from curate.subset import decide
from tests.conftest import samples
from tests.curate.filters.test_align import preset

GOOD = {
    c.FORMAT: "jpeg",
    c.ORIGINAL_WIDTH: 401,
    c.ORIGINAL_HEIGHT: 500,
    c.WORDS: 10,
    c.DISTINCT_WORDS: 10,
    c.RAREST_WORD_COUNT: 20,
    c.CAPTION: "a cat",
}


def reasons(rows, **parameters):
    frame = samples(len(rows)).with_columns(
        pl.Series(name, [(GOOD | row).get(name) for row in rows])
        for name in {**GOOD, **{k: 0 for r in rows for k in r}}
    )
    found = decide(frame, [ConceptualCaptions(**parameters)], {}).table.column(c.REASON).to_pylist()
    return [why and why.removeprefix("conceptual_captions.") for why in found]


def test_golden_a4_conceptual_12m_at_the_boundaries():
    rows = [
        {},
        {c.FORMAT: "png"},
        {c.ORIGINAL_WIDTH: 400},
        {c.ORIGINAL_WIDTH: 1250},
        {c.ORIGINAL_WIDTH: 1251},
        {c.WORDS: 3, c.DISTINCT_WORDS: 3},
        {c.WORDS: 2, c.DISTINCT_WORDS: 2},
        {c.WORDS: 256, c.DISTINCT_WORDS: 205},
        {c.WORDS: 257, c.DISTINCT_WORDS: 257},
        {c.DISTINCT_WORDS: 8},
        {c.DISTINCT_WORDS: 7},
        {c.RAREST_WORD_COUNT: 19},
        {c.CAPTION: "The cat"},
        {c.CAPTION: "cats at anchor"},
    ]
    assert reasons(rows) == [
        None, "formats", "min_short_side", None, "max_aspect_ratio", None, "words", None, "words",
        None, "max_repetition", "min_word_count", None, "determiner",
    ]  # fmt: skip


def test_golden_a4_conceptual_captions_had_a_ratio_of_2_and_counts_of_5():
    cc3m = preset(conceptual_captions, "cc3m")
    rows = [{c.ORIGINAL_WIDTH: 1000, c.RAREST_WORD_COUNT: 5}, {c.ORIGINAL_WIDTH: 1001}, {c.RAREST_WORD_COUNT: 4}]
    assert reasons(rows, **cc3m) == [None, "max_aspect_ratio", "min_word_count"]


def test_the_share_of_repeated_words_is_exact_at_the_bound():
    rows = [{c.WORDS: n, c.DISTINCT_WORDS: n - n // 5} for n in range(5, 256, 5)]
    assert reasons(rows) == [None] * len(rows)


def test_a_noun_is_asked_for_where_a_tagger_says():
    rows = [{"noun": True}, {"noun": False}, {"noun": None}]
    assert reasons(rows, noun_column="noun") == [None, "noun", "noun:null"]
    assert "noun" not in ConceptualCaptions().reads() and "noun" in ConceptualCaptions(noun_column="noun").reads()


def test_a_bound_on_repeated_words_is_the_decimal_that_is_written():
    assert 0.29 * 100 < 29
    rows = [{c.WORDS: 100, c.DISTINCT_WORDS: 71}, {c.WORDS: 100, c.DISTINCT_WORDS: 70}]
    assert reasons(rows, max_repetition=0.29, min_word_count=20) == [None, "max_repetition"]
