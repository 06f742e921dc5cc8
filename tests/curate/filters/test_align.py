"""RECIPES' boundary tables of ALIGN, DataComp's basic filter and FILIP."""

import polars as pl
import pytest

from curate import schema as c
from curate.filters.align_image import AlignImage
from curate.filters.align_text import AlignText
from curate.subset import decide
from tests.conftest import samples

SIZES = [
    ((200, 200), False, True),
    ((600, 200), False, True),
    ((601, 200), False, False),
    ((201, 602), True, True),
    ((201, 603), False, True),
    ((199, 300), False, False),
]


@pytest.mark.parametrize("inclusive", [False, True])
def test_sizes_at_the_boundaries(inclusive):
    frame = samples(len(SIZES), image_captions=[1] * len(SIZES)).with_columns(
        pl.Series(c.ORIGINAL_WIDTH, [s[0][0] for s in SIZES]), pl.Series(c.ORIGINAL_HEIGHT, [s[0][1] for s in SIZES])
    )
    kept = decide(frame, [AlignImage(inclusive=inclusive)], {}).table.column(c.KEEP).to_pylist()
    assert kept == [row[2 if inclusive else 1] for row in SIZES]


def test_an_image_with_1000_alt_texts_is_kept_and_one_with_1001_is_not():
    kept = decide(samples(2, image_captions=[1000, 1001]), [AlignImage()], {}).table
    assert kept.column(c.REASON).to_pylist() == [None, "align_image.max_captions_per_image"]


def test_words_and_shared_texts_at_the_boundaries():
    frame = samples(6, words=[2, 3, 20, 21, 5, 5], caption_images=[1, 1, 1, 1, 10, 11], rarest_ngram_rank=[1] * 6)
    reasons = decide(frame, [AlignText()], {}).table.column(c.REASON).to_pylist()
    words, shared = "align_text.words", "align_text.max_images_per_caption"
    assert reasons == [words, None, None, words, None, shared]


def test_a_rare_ngram_drops():
    frame = samples(2, words=[5, 5], caption_images=[1, 1], rarest_ngram_rank=[100, 101])
    assert decide(frame, [AlignText(keep_top_ngrams=100)], {}).table.column(c.KEEP).to_pylist() == [True, False]
