"""Signals made of a model's image vectors: the vectors themselves, linear heads, zero-shot categories."""

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors.numpy import save_file

from curate.errors import InputError
from curate.filters.laion_safety import LaionSafety
from curate.signals import Batch
from curate.signals.embedding import Embedding
from curate.signals.linear_head import LinearHead, read_head
from curate.signals.zero_shot import ZeroShot


class Colours:
    """An encoder whose vector of an image is its colour, and of a text the colour of that name."""

    identity, width, calls = "colours", 3, 0

    def encode_images(self, images):
        self.calls += 1
        return unit([np.asarray(image, np.float32)[0, 0] for image in images]).reshape(-1, 3)

    def encode_texts(self, texts):
        names = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "sea": (0, 1, 1)}
        return unit([names[text] for text in texts])


def unit(rows):
    rows = np.array(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def batch_of(*colours):
    images = [None if colour is None else Image.new("RGB", (2, 2), colour) for colour in colours]
    return Batch([str(i) for i in range(len(colours))], [None] * len(colours), images)


def test_a_batch_is_encoded_once_for_all_that_read_its_vectors():
    encoder, batch = Colours(), batch_of((9, 0, 0), None, (3, 4, 0))
    vectors = Embedding("m", encoder, 3).measure(batch)
    head = LinearHead("warm", encoder, np.array([1, 0, -1], np.float32), 0.5, "none", "d").measure(batch)
    assert encoder.calls == 1
    assert vectors.column("embedding_m").to_pylist() == [[1, 0, 0], None, pytest.approx([0.6, 0.8, 0], abs=1e-3)]
    assert head.column("warm").to_pylist() == [1.5, None, pytest.approx(1.1)]


def test_an_embedding_has_its_schema_also_where_nothing_came():
    signal = Embedding("m", Colours(), 3)
    for batch in (batch_of(), batch_of(None, None)):
        table = signal.measure(batch)
        assert table.schema == signal.schema and table.column(0).null_count == len(batch)


def test_a_sigmoid_head_gives_a_probability():
    signal = LinearHead("p", Colours(), np.array([2, 0, 0], np.float32), -2.0, "sigmoid", "d")
    found = signal.measure(batch_of((9, 0, 0), (0, 9, 0))).column(0).to_pylist()
    assert found == pytest.approx([0.5, 1 / (1 + np.exp(2))])


def test_a_heads_file_is_read_and_a_wrong_one_is_named(tmp_path):
    good, bad = tmp_path / "h.safetensors", tmp_path / "bad.safetensors"
    save_file({"weight": np.arange(3, dtype=np.float32)[None], "bias": np.array([2], np.float32)}, good)
    weight, bias = read_head("aesthetic", str(good))
    assert weight.tolist() == [0, 1, 2] and bias == 2
    save_file({"weight": np.zeros((2, 3), np.float32)}, bad)
    with pytest.raises(InputError, match=r"model 'aesthetic': .*\(2, 3\).*not `weight` of shape"):
        read_head("aesthetic", str(bad))
    bad.write_bytes(b"no safetensors")
    with pytest.raises(InputError, match="not readable as safetensors"):
        read_head("aesthetic", str(bad))
    with pytest.raises(InputError, match="weights for vectors of 2, the encoder gives 3"):
        LinearHead("x", Colours(), np.zeros(2, np.float32), 0, "none", "d").measure(batch_of((1, 1, 1)))


def test_zero_shot_names_the_two_nearest_categories_first_listed_first():
    signal = ZeroShot("look", Colours(), {"hot": ["red"], "cold": ["sea"], "wet": ["sea"]})
    table = signal.measure(batch_of((9, 0, 0), (0, 5, 5), None))
    assert table.schema == signal.schema
    first, second, score, _ = (column.to_pylist() for column in table.columns)
    assert first == ["hot", "cold", None]  # a tie goes to the first listed
    assert second == ["cold", "wet", None]
    assert score[:2] == pytest.approx([1, 1]) and score[2] is None


def test_a_category_is_the_mean_of_its_prompts_made_unit_length():
    signal = ZeroShot("look", Colours(), {"cold": ["green", "blue"], "hot": ["red"]})
    assert signal.measure(batch_of((0, 5, 0))).column("look_first_score").to_pylist() == pytest.approx([2**-0.5])


ROWS = pl.DataFrame(
    {
        "look_first": ["hot", "hot", "cold", "cold", None],
        "look_second": ["bad", "cold", "bad", "wet", None],
        "caption": ["a Child's game", "small CHILD", "nice", "child", "x"],
    }
)


def answers(item):
    return {rule.name: ROWS.select(rule.keep.alias("k"))["k"].to_list() for rule in item.rules()}


def test_laions_tags():
    item = LaionSafety(model="look", unsafe=["hot", "bad"], drop=["NSFW"])
    assert answers(item) == {"tag": [False, True, True, True, None]}
    unsure = LaionSafety(model="look", unsafe=["hot", "bad"], drop=["NSFW", "UNSURE"])
    assert answers(unsure)["tag"] == [False, False, False, True, None]


def test_laions_keywords_and_worse_categories_count_only_where_an_image_is_not_unlikely(tmp_path):
    (tmp_path / "words.txt").write_text("child\n\n")
    item = LaionSafety(model="look", unsafe=["hot", "bad"], keywords=str(tmp_path / "words.txt"), worse=["cold"])
    assert answers(item) == {"keywords": [True, False, True, True, None], "worse": [True, False, False, True, None]}
    assert item.reads() == {"look_first", "look_second", "caption"}
    before = item.identity()
    (tmp_path / "words.txt").write_text("other")
    assert item.identity() != before


def said(tmp_path, listed, *captions):
    (tmp_path / "words.txt").write_bytes(listed)
    item = LaionSafety(model="look", unsafe=["hot"], keywords=str(tmp_path / "words.txt"))
    hot = pl.Series(["hot"] * len(captions))
    rows = pl.DataFrame({"look_first": hot, "look_second": hot, "caption": pl.Series(captions, dtype=pl.String)})
    (rule,) = item.rules()
    return [not keep for keep in rows.select(rule.keep.alias("k"))["k"].to_list()]


def test_a_list_with_a_mark_of_its_encoding_is_read_as_without(tmp_path):
    assert said(tmp_path, b"\xef\xbb\xbfchild # a comment\n", "a child", "a cat") == [True, False]


def test_a_keyword_of_several_words_is_found_where_they_follow_one_another(tmp_path):
    captions = [
        "so Under  AGE.",
        "under-age",
        "of age, under",
        "thunder age",
        "under aged",
        "UNDER, age!",
        None,
        "",
        "ORT",
    ]
    expected = [True, False, False, False, False, True, False, False, True]
    assert said(tmp_path, b"under age\nOrt\n", *captions) == expected


def test_a_list_of_none_finds_none_and_a_line_without_a_word_is_named(tmp_path):
    assert said(tmp_path, b"# none yet\n", "a", "") == [False, False]
    with pytest.raises(InputError, match=r"words\.txt:2: no word: '!!'"):
        said(tmp_path, b"a\n!!\n", "a")


def test_laion_drops_none_for_its_tag_alone_and_something_must_be_asked():
    assert LaionSafety(model="look", unsafe=["hot"], worse=["cold"]).drop == []
    with pytest.raises(ValueError, match="at least one of drop, keywords, worse"):
        LaionSafety(model="look", unsafe=["hot"])
