import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.corpus.phrases import Phrases, candidates
from curate.errors import InputError


def frame(captions, outcomes=None, **columns):
    base = {c.CAPTION: pl.Series(captions, dtype=pl.String), c.OUTCOME: outcomes or ["ok"] * len(captions)}
    return pl.DataFrame({**base, **columns})


def said(text):
    found = pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(candidates(pl.col("text")))
    return found["text"].to_list()[0]


def test_a_phrase_is_a_run_between_stop_words_and_punctuation():
    assert sorted(said("A red dog on the beach, with a ball.")) == ["ball", "beach", "red dog"]
    assert sorted(said("state-of-the-art | Café in Zürich (old town)")) == [
        "café",
        "old town",
        "state-of-the-art",
        "zürich",
    ]
    assert said("dog, Dog; DOG") == ["dog"]
    assert said("the of and") == [] and said("") == [] and said(None) is None


def test_counts_are_of_captions_and_lists_are_places_in_the_table():
    work = Phrases()
    captions = ["a dog and a dog", "dog on the beach", "zebra on dog beach", None, "a lion"]
    rows = frame([*captions, "dog, beach", "zebra"], ["ok", "ok", "ok", "ok", "dns", "ok", "dns"])
    tables = work.merge([work.partial(rows)])
    # Neither zebra nor lion: those are of one caption, or of none that came.
    assert tables["phrases"].rows() == [("beach", 2), ("dog", 3)]
    assert work.per_sample(tables, rows).column("phrases").to_pylist() == [[1], [0, 1], [], None, [], [0, 1], []]
    assert work.shown(tables)["phrases in most captions"][c.PHRASE].to_list() == ["dog", "beach"]


def test_phrases_of_a_column_are_taken_as_they_are():
    work = Phrases("nouns.chunks")
    rows = frame(["x", "y", "z", "w"], chunks=[["The Dog", "The Dog", None], [], None, ["The Dog", "dog"]])
    tables = work.merge([work.partial(rows)])
    assert tables["phrases"].rows() == [("The Dog", 2)]
    assert work.per_sample(tables, rows).column(0).to_pylist() == [[0], [], None, [0]]
    assert work.reads == {"pool": [c.OUTCOME], "signals/nouns": ["chunks"]} and work.name != Phrases().name
    assert set(work.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_other_stop_words_make_another_pass(tmp_path):
    path = tmp_path / "german.txt"
    path.write_text("der\nDie\nund\n")
    work = Phrases(stop_words=str(path))
    rows = frame(["Der Hund und die Katze"] * 2)
    assert work.merge([work.partial(rows)])["phrases"][c.PHRASE].to_list() == ["hund", "katze"]
    assert work.name != Phrases().name
    with pytest.raises(InputError):
        Phrases(stop_words=str(tmp_path / "none"))


@pytest.mark.parametrize("shards", [1, 3, 16])
def test_law_shards_and_order_do_not_matter(shards):
    work, rng = Phrases(), np.random.default_rng(shards)
    words = ["dog", "red", "the", "beach", ",", "ball"]
    rows = frame([" ".join(rng.choice(words, 4)) for _ in range(80)], rng.choice(["ok", "dns"], 80).tolist())
    whole = work.merge([work.partial(rows)])
    lists = work.per_sample(whole, rows).column(0).to_pylist()
    places = rng.permutation(80)
    parts = [places[i::shards] for i in range(shards)]
    tables = work.merge(iter([work.partial(rows[part]) for part in parts]))
    assert tables["phrases"].equals(whole["phrases"])
    for part in parts:
        assert work.per_sample(tables, rows[part]).column(0).to_pylist() == [lists[p] for p in part]
