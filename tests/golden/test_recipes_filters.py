"""RECIPES A4 from captions on: what is counted over the pool decides, not a column that a test made up."""

import polars as pl
import pytest

from curate import schema as c
from curate.ask import ask
from curate.filters.align_image import AlignImage
from curate.filters.align_text import AlignText
from curate.filters.datacomp_basic import DataCompBasic
from tests.conftest import samples
from tests.curate.filters.test_align import SIZES


def kept(frame, item):
    return frame.with_columns(kept=pl.Series(ask(frame, [item]).keep))


def test_golden_a4_an_alt_text_on_10_images_is_kept_and_on_11_all_eleven_are_dropped():
    captions = ["ten of a thing"] * 10 + ["eleven of a thing"] * 11 + ["ten of a thing"]
    # The last row is a tenth image once more: images are counted, not rows.
    shas = [f"{i:064x}" for i in range(21)] + [f"{9:064x}"]
    frame = samples(22, words=[4] * 22).with_columns(pl.Series(c.CAPTION, captions), pl.Series(c.SHA256, shas))
    found = kept(frame, AlignText())
    assert found["kept"].to_list() == [True] * 10 + [False] * 11 + [True]


@pytest.mark.parametrize(("texts", "stays"), [(1000, True), (1001, False)])
def test_golden_a4_an_image_with_1000_alt_texts_is_kept_and_with_1001_it_is_gone(texts, stays):
    captions = [f"the text number {i}" for i in range(texts)] + ["a text of another"]
    images = ["a" * 32] * texts + ["b" * 32]
    columns = {c.IMAGE_UID: images, c.CAPTION: captions}
    frame = samples(texts + 1, **columns).with_columns(pl.Series(c.SHA256, [name * 2 for name in images]))
    found = kept(frame, AlignImage())["kept"].to_list()
    assert found == [stays] * texts + [True]


def test_golden_a4_datacomps_column_of_the_table_of_sizes_by_its_own_filter():
    columns = {c.LANGUAGE: "en", c.WHITESPACE_WORDS: 3, c.CHARS: 6}
    frame = samples(len(SIZES), **{name: [value] * len(SIZES) for name, value in columns.items()})
    for wide, high in ((0, 1), (1, 0)):
        turned = frame.with_columns(
            pl.Series(c.ORIGINAL_WIDTH, [row[0][wide] for row in SIZES]),
            pl.Series(c.ORIGINAL_HEIGHT, [row[0][high] for row in SIZES]),
        )
        assert kept(turned, DataCompBasic())["kept"].to_list() == [row[2] for row in SIZES]
