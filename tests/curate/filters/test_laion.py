import polars as pl
import pytest

from curate import schema as c
from curate.filters.laion import Laion
from curate.filters.laion2b import Laion2B
from curate.subset import decide
from tests.conftest import samples


def frame(rows, **changed):
    good = {c.URL: [f"http://a/{i}" for i in range(rows)], c.CAPTION: ["cat's"] * rows, c.CHARS: [5] * rows,
            c.BYTES: [5000] * rows, c.LANGUAGE: ["en"] * rows, "clip_score_b": [0.3] * rows}  # fmt: skip
    return samples(rows, **{**good, **changed})


def reasons(table, item):
    return decide(table, [item], {}).table.column(c.REASON).to_pylist()


def test_golden_a5_characters_bytes_and_score():
    table = frame(2, **{c.CAPTION: ["cats", "cat's"], c.CHARS: [4, 5]})
    assert reasons(table, Laion(model="b")) == ["laion.min_chars", None]
    table = frame(3, **{c.BYTES: [4999, 5000, None]})
    assert reasons(table, Laion(model="b")) == ["laion.min_bytes", None, "laion.min_bytes:null"]
    table = frame(2, clip_score_b=[0.28, 0.2799])
    assert reasons(table, Laion(model="b", edition="5b")) == [None, "laion.min_score"]
    assert reasons(table, Laion2B(model="b")) == [None, "laion2b.min"]
    assert reasons(frame(2, clip_score_b=[0.3, 0.2999]), Laion(model="b")) == [None, "laion.min_score"]


@pytest.mark.parametrize(("edition", "kept"), [("400m", 2), ("5b", 1)])
def test_golden_a5_the_same_url_and_text_twice_is_one_row_and_another_text_one_more_in_400m(edition, kept):
    table = frame(3, **{c.URL: ["http://a/1"] * 3, c.CAPTION: ["a text", "a text", "other text"]})
    assert decide(table, [Laion(model="b", edition=edition)], {}).kept == kept
    shuffled = table[[2, 1, 0]]
    item = Laion(model="b", edition=edition)
    one, other = (t.filter(pl.Series(decide(t, [item], {}).keep))[c.UID].sort() for t in (table, shuffled))
    assert one.equals(other)


def test_a_row_without_a_url_repeats_nothing():
    table = frame(2, **{c.URL: pl.Series([None, None], dtype=pl.String)})
    assert reasons(table, Laion(model="b")) == [None, None]


def test_other_languages_have_their_own_model():
    table = frame(4, **{c.LANGUAGE: ["en", "de", "de", None]}, clip_score_m=[0.1, 0.26, 0.25, 0.3])
    item = Laion(model="b", edition="5b", multilingual_model="m")
    assert reasons(table, item) == [None, None, "laion.min_score", None]
    assert item.models() == {"b", "m"} and "clip_score_m" in item.reads()
    assert reasons(table, Laion(model="b", edition="5b"))[1] == "laion.min_score"


def test_laion2b_is_english_only():
    assert reasons(frame(3, **{c.LANGUAGE: ["en", "de", None]}), Laion2B(model="b")) == [
        None, "laion2b.language", "laion2b.language:null"]  # fmt: skip
