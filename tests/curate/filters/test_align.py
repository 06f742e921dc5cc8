"""RECIPES' boundary tables of ALIGN, DataComp's basic filter and FILIP."""

import re

import polars as pl
import pytest
import yaml

from curate import schema as c
from curate.filters import align_image, align_text
from curate.filters.align_image import AlignImage
from curate.filters.align_text import AlignText
from curate.filters.language import LanguageFilter
from curate.subset import decide
from tests.conftest import samples

SIZES = [  # width x height; ALIGN, DataComp's basic, FILIP
    ((200, 200), False, True, True),
    ((600, 200), False, True, True),
    ((601, 200), False, False, False),
    ((201, 602), True, True, True),
    ((201, 603), False, True, True),
    ((199, 300), False, False, False),
]


def preset(module, name):
    """The parameters that the docstring gives for a published set."""
    (found,) = re.findall(rf"^    {name}: (\{{.*\}})$", module.__doc__, re.MULTILINE)
    return yaml.safe_load(found)


@pytest.mark.parametrize(
    ("image", "column"),
    [
        (AlignImage(), 1),
        (AlignImage(inclusive=True), 2),
        (AlignImage(**preset(align_image, "filip")), 3),
    ],
    ids=["align", "datacomp_basic", "filip"],
)
def test_golden_a4_sizes_at_the_boundaries(image, column):
    for turned in (False, True):
        first, second = (c.ORIGINAL_HEIGHT, c.ORIGINAL_WIDTH) if turned else (c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT)
        frame = samples(len(SIZES), image_captions=[1] * len(SIZES)).with_columns(
            pl.Series(first, [row[0][0] for row in SIZES]), pl.Series(second, [row[0][1] for row in SIZES])
        )
        kept = decide(frame, [image], {}).table.column(c.KEEP).to_pylist()
        assert kept == [row[column] for row in SIZES]


def test_an_unknown_size_is_a_null():
    frame = samples(1, image_captions=[1]).with_columns(pl.lit(None, pl.Int32).alias(c.ORIGINAL_WIDTH))
    reasons = decide(frame, [AlignImage()], {}).table.column(c.REASON).to_pylist()
    assert reasons == ["align_image.min_short_side:null"]


def test_golden_a4_an_image_with_1000_alt_texts_is_kept_and_one_with_1001_is_not():
    kept = decide(samples(2, image_captions=[1000, 1001]), [AlignImage()], {}).table
    assert kept.column(c.REASON).to_pylist() == [None, "align_image.max_captions_per_image"]


def test_golden_a4_words_and_shared_texts_at_the_boundaries():
    frame = samples(6, words=[2, 3, 20, 21, 5, 5], caption_images=[1, 1, 1, 1, 10, 11], rarest_ngram_rank=[1] * 6)
    reasons = decide(frame, [AlignText()], {}).table.column(c.REASON).to_pylist()
    words, shared = "align_text.words", "align_text.max_images_per_caption"
    assert reasons == [words, None, None, words, None, shared]


def test_a_rare_ngram_drops():
    frame = samples(2, words=[5, 5], caption_images=[1, 1], rarest_ngram_rank=[100, 101])
    assert decide(frame, [AlignText(keep_top_ngrams=100)], {}).table.column(c.KEEP).to_pylist() == [True, False]


def test_golden_a4_filip_asks_for_english_and_ten_repeats_and_for_nothing_else():
    text, image = AlignText(**preset(align_text, "filip")), AlignImage(**preset(align_image, "filip"))
    assert text.reads() | image.reads() == {c.CAPTION_IMAGES, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT}
    frame = samples(4, caption_images=[10, 11, 1, 1], language=["en", "en", "de", None], language_score=[0.1] * 4)
    reasons = decide(frame, [text, image, LanguageFilter()], {}).table.column(c.REASON).to_pylist()
    assert reasons == [None, "align_text.max_images_per_caption", "language.keep", "language.keep:null"]


def test_the_fewest_words_are_not_above_the_most():
    with pytest.raises(ValueError, match="the fewest"):
        AlignText(words=(4, 3))
