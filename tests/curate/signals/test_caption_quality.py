from itertools import groupby

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curate import schema as c
from curate.signals import Batch
from curate.signals.boilerplate import PHRASES, UNSPACED
from curate.signals.caption_quality import CaptionQuality, caption_quality, char_runs


def value(column, *texts):
    found = caption_quality(pl.Series(texts, dtype=pl.String))[column].to_list()
    return [one if one is None or isinstance(one, int) else round(one, 4) for one in found]


def test_file_names():
    files = [
        "IMG_2041.JPG",
        "dsc01234",
        "my_red_dog",
        "photo-12",
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "Screenshot_20150304",
    ]
    assert value(c.FILE_NAME_SHARE, *files) == [1] * len(files)
    assert value(c.FILE_NAME_SHARE, "a cat", "photo 12", "image of a cat", "e.g. this", "the deadbeef cafe") == [0] * 5
    assert value(c.FILE_NAME_SHARE, "a cat.jpg", "cat (a.png)") == [round(7 / 8, 4), round(5 / 10, 4)]


def test_addresses():
    whole = ["http://a.example/b?c=d", "www.cats.org", "cats.co.uk/x", "me@cats.org", "Cats.COM"]
    assert value(c.URL_SHARE, *whole) == [1] * len(whole)
    assert value(c.URL_SHARE, "a cat", "Mr. Cat", "end.Start", "3.5 m", "node.js") == [0] * 5
    assert value(c.URL_SHARE, "ab cats.com") == [0.8]


def test_numbers_and_dates():
    assert value(c.NUMBER_SHARE, "12", "12 May 2015", "1st août 1999", "800x600", "3.5", "6am") == [1] * 6
    assert value(c.NUMBER_SHARE, "a cat", "12 cats", "march of the cats", "", "!!") == [0, 0.5, 0.25, None, None]


def test_every_phrase_is_found():
    phrases = [phrase for some in PHRASES.values() for phrase in some] + list(UNSPACED)
    assert all(phrase == phrase.lower() for phrase in phrases)
    found = value(c.BOILERPLATE, *(f"Cat {phrase.title()}." for phrase in phrases))
    assert [phrase for phrase, count in zip(phrases, found, strict=True) if not count] == []


def test_phrases_are_whole_words_and_counted():
    assert value(c.BOILERPLATE, "no imagery", "Read  more! Click here", "livestock photography") == [0, 2, 0]


def test_repeated_words():
    assert value(c.REPEATED_WORD_SHARE, "dog dog dog", "Bora bora", "a b a c", "a b", "", None) == [
        round(2 / 3, 4), 0.5, 0.25, 0, None, None]  # fmt: skip


@given(st.lists(st.none() | st.text("ab .\u2003é😀", max_size=12), max_size=8))
def test_runs_are_those_of_a_loop(texts):
    def longest(text):
        return max((len(list(run)) for char, run in groupby(text) if not char.isspace()), default=0)

    found = char_runs(pl.Series(texts, dtype=pl.String)).to_list()
    assert found == [None if text is None else longest(text) for text in texts]


def test_capitals():
    assert value(c.UPPER_SHARE, "NASA", "a Cat", "猫", "", None) == [1, 0.25, 0, 0, None]


def test_markup():
    marked = ["<br>", "&amp;", "&#8217;", "[b]x[/b]", "a%20b", "{{title}}", "</a >", "&#x2019;"]
    assert value(c.MARKUP, *marked) == [1, 1, 1, 2, 1, 1, 1, 1]
    assert value(c.MARKUP, "a < b > c", "R&B; soul", "50% off", "[bold] move", "<3", "A & B") == [0] * 6


def test_symbols():
    assert value(c.SYMBOL_SHARE, "★★", "👍🏽", "❤️ it", "a|b", "plain, text!", "", None) == [
        1, 1, 0.5, round(1 / 3, 4), 0, None, None]  # fmt: skip


def test_rows_do_not_depend_on_one_another():
    texts = ["IMG_2041.JPG", None, "", "a cat cat", "http://x.org aaa", "★"]
    whole = CaptionQuality().measure(Batch([""] * len(texts), texts))
    assert whole.schema == c.CAPTION_QUALITY
    assert whole.to_pylist() == [CaptionQuality().measure(Batch([""], [text])).to_pylist()[0] for text in texts]
    assert set(whole.to_pylist()[1].values()) == {None}
    assert CaptionQuality().measure(Batch([], [])).num_rows == 0
