import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import ROWS
from curate.corpus.cluster_names import Captions, named


def test_a_word_of_one_cluster_names_it_and_a_word_of_all_weighs_nothing():
    counts = pl.DataFrame(
        [(0, "photo", 10), (0, "dog", 6), (0, "small", 2), (1, "photo", 10), (1, "cat", 5), (1, "ant", 5)],
        schema={c.CLUSTER: pl.Int32, "word": pl.String, "count": pl.Int64},
        orient="row",
    )
    assert named(counts, 20).rows() == [(0, ["dog", "small", "photo"]), (1, ["ant", "cat", "photo"])]


def test_at_most_ten_words():
    counts = pl.DataFrame({c.CLUSTER: [0] * 30, "word": [f"w{i:02d}" for i in range(30)], "count": [1] * 30})
    assert named(counts, 30)[c.CLUSTER_WORDS][0].to_list() == [f"w{i:02d}" for i in range(10)]


def test_a_caption_counts_a_word_once_and_only_words_with_letters_count():
    texts = ["dog 7 42", "dog", "dog", "cat", "Cat ant ant", None, "no image"]
    whole = pl.DataFrame({c.IMAGE_UID: ["a", "a", "a", "b", "b", "b", "z"], c.CAPTION: texts})
    with Captions([{ROWS: whole[:2]}, {ROWS: whole[2:]}]) as captions:
        assert sum(len(part[ROWS]) for part in captions) == 7
        names = captions.names(pl.Series(["a", "b"]), np.array([0, 1]))
    # Of five captions: cat 2 ln(5/2) = 1.83, ant ln 5 = 1.61; were it counted twice, both would weigh the same.
    assert names.rows() == [(0, ["dog"]), (1, ["cat", "ant"])]
