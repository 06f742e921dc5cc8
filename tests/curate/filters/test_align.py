"""RECIPES' boundary tables of ALIGN, DataComp's basic filter and FILIP."""

import re
from fractions import Fraction

import polars as pl
import pytest
import yaml

from curate import schema as c
from curate.filters import align_image, align_text
from curate.filters.align_image import AlignImage
from curate.filters.align_text import AlignText
from curate.filters.datacomp_basic import DataCompBasic
from curate.filters.language import LanguageFilter
from curate.filters.rule import ratio_at_most
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


RATIOS = [
    1.0,
    1.1,
    1.15,
    1.29,
    2.3,
    3.0,
    3.14159,
    1.1000000000000001,
    3.3333333333333335,
    0.2,
    0.29,
    0.0,
    1e-300,
    1e300,
]


@pytest.mark.parametrize("ratio", [*RATIOS, float("inf")])
@pytest.mark.parametrize("inclusive", [True, False])
def test_a_ratio_is_exactly_the_decimal_that_is_written(ratio, inclusive):
    sides = [1, 2, 3, 10, 20, 29, 100, 110, 115, 129, 200, 230, 1000, 2**31 - 1]
    frame = pl.DataFrame([(a, b) for a in [0, *sides] for b in sides], ["part", "whole"], orient="row")
    found = frame.select(ratio_at_most(pl.col("part"), pl.col("whole"), ratio, inclusive=inclusive))
    bound = 2**40 if ratio == float("inf") else Fraction(str(ratio))
    exact = [Fraction(a, b) for a, b in frame.rows()]
    assert found.to_series().to_list() == [one <= bound if inclusive else one < bound for one in exact]


def test_a_ratio_of_two_digits_does_not_round():
    frame = samples(3, image_captions=[1] * 3, language=["en"] * 3, whitespace_words=[9] * 3, chars=[99] * 3)
    frame = frame.with_columns(pl.Series(c.ORIGINAL_WIDTH, [230, 231, 229]), pl.lit(200).alias(c.ORIGINAL_HEIGHT))
    assert 1.15 * 200 < 230
    for item, kept in (
        (AlignImage(max_aspect_ratio=1.15, inclusive=True), [True, False, True]),
        (AlignImage(max_aspect_ratio=1.15, min_short_side=100), [False, False, True]),
        (DataCompBasic(max_aspect_ratio=1.15), [True, False, True]),
    ):
        assert decide(frame, [item], {}).keep.tolist() == kept
