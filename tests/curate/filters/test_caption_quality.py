import polars as pl

from curate import schema as c
from curate.filters.caption_quality import CaptionQualityFilter
from curate.signals.caption_quality import caption_quality
from curate.subset import decide
from tests.conftest import samples

BAD = {
    "IMG_2041.JPG": "max_file_name_share",
    "http://a.example/b.jpg": "max_url_share",
    "12 May 2015": "max_number_share",
    "Click to enlarge": "max_boilerplate",
    "dog dog dog": "max_repeated_word_share",
    "hmmmmmm what is this": "max_char_run",
    "<b>Bold</b> words here": "max_markup",
    "★★★ $$$ a cat": "max_symbol_share",
}


def test_every_default_bound_has_a_text_that_only_it_drops():
    frame = pl.concat([samples(len(BAD)), caption_quality(pl.Series(list(BAD)))], how="horizontal")
    found = decide(frame, [CaptionQualityFilter()], {}).table
    for text, failed in zip(BAD, found.column(c.FAILED).to_pylist(), strict=True):
        assert f"caption_quality.{BAD[text]}" in failed, text
        assert text == "http://a.example/b.jpg" or len(failed) == 1, (text, failed)


def test_captions_are_kept():
    texts = [
        "A red circle on grass",
        "Bora Bora",
        "NASA",
        "Pens & pencils, 50% off!",
        "猫",
        "Route 66 in May",
        "$5 mug",
    ]
    frame = pl.concat([samples(len(texts)), caption_quality(pl.Series(texts))], how="horizontal")
    assert decide(frame, [CaptionQualityFilter()], {}).table.column(c.REASON).to_pylist() == [None] * len(texts)


def test_a_bound_is_inclusive_and_null_is_none():
    frame = samples(2, upper_share=pl.Series([0.5, 0.75], dtype=pl.Float32))
    nothing = dict.fromkeys(f"max_{name}" for name in c.CAPTION_QUALITY.names)
    item = CaptionQualityFilter(**nothing | {"max_upper_share": 0.5})
    assert item.reads() == {c.UPPER_SHARE}
    assert decide(frame, [item], {}).table.column(c.KEEP).to_pylist() == [True, False]
