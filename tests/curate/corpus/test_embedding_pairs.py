from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.corpus import ROWS, inverted_file
from curate.corpus.embedding_pairs import EmbeddingPairs
from tests.curate.corpus.test_inverted_file import clustered
from tests.curate.corpus.test_neighbours import unit

COLUMN = c.embedding("dino")


def embedded(vectors, uids=None):
    """A shard's rows: image_uid and the embedding, as they are stored."""
    vectors = np.asarray(vectors, np.float16)
    uids = [f"{i:032x}" for i in range(len(vectors))] if uids is None else uids
    return pl.DataFrame(
        {c.IMAGE_UID: uids, COLUMN: pl.Series(vectors, dtype=pl.Array(pl.Float16, vectors.shape[1]))},
        schema_overrides={c.IMAGE_UID: pl.String},
    )


def turned(*degrees):
    """Unit vectors in the plane."""
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def merged(work, frame, shards=1, outside=None):
    """As the engine does: partials per shard, in the shards' order."""
    cuts = np.linspace(0, len(frame), shards + 1).astype(int)
    frames = [frame[a:b] for a, b in pairwise(cuts)]
    return work.merge([{ROWS: f} if work.gathers else work.partial(f) for f in frames], outside)


def law(work, frame, outside=None):
    """1, 3 and 16 shards and shuffled rows give the same tables."""
    whole = merged(work, frame, 1, outside)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=5)
    for rows, shards in ((frame, 3), (frame, 16), (shuffled, 1), (shuffled, 16)):
        again = merged(work, rows, shards, outside)
        assert list(again) == list(whole)
        assert all(again[name].equals(whole[name]) for name in whole)
    return whole


def named(tables):
    uids = tables["points"][c.IMAGE_UID]
    return {(uids[a], uids[b]) for a, b, _ in tables["pairs"].rows()}


@pytest.mark.parametrize("k", [5, None])
def test_law_any_shards_and_any_order(k):
    vectors = np.concatenate([unit(150), unit(30), unit(1, seed=7).repeat(20, axis=0)])
    frame = embedded(vectors)
    repeated = pl.concat([frame, frame[40:90]])  # rows of one image
    tables = law(EmbeddingPairs("dino", k, 0.3), repeated)
    assert len(tables["points"]) == 200 and len(tables["pairs"]) > 100
    assert tables["search"].row(0, named=True)["images"] == 200


def test_law_the_inverted_file_too(monkeypatch):
    monkeypatch.setattr(inverted_file, "EXACT_WORK", 0)
    tables = law(EmbeddingPairs("dino", 5, 0.3), embedded(clustered(1_500)))
    search = tables["search"].row(0, named=True)
    assert search["method"] == "inverted file" and search["recall"] >= inverted_file.RECALL


def test_all_pairs_are_all_and_k_keeps_the_nearest():
    tables = merged(EmbeddingPairs("dino", None, 0.9), embedded(turned(0, 10, 20, 90, 95)))
    assert [(a, b) for a, b, _ in tables["pairs"].rows()] == [(0, 1), (0, 2), (1, 2), (3, 4)]
    assert tables["pairs"]["cosine"].to_list() == pytest.approx([0.9848, 0.9397, 0.9848, 0.9962], abs=1e-3)
    nearest = merged(EmbeddingPairs("dino", 1, 0.9), embedded(turned(0, 9, 20, 90, 95)))
    assert [(a, b) for a, b, _ in nearest["pairs"].rows()] == [(0, 1), (1, 2), (3, 4)]
    assert nearest["search"]["full"].to_list() == [5] and tables["search"]["full"].to_list() == [0]


def test_the_floor_is_strict_and_rows_without_a_vector_are_no_points():
    frame = pl.concat([embedded([[1, 0], [0.5, 0.5], [0, 1]]), embedded([[1, 0]], ["x"])])
    frame = frame.with_columns(pl.when(pl.col(c.IMAGE_UID) != "x").then(COLUMN).alias(COLUMN))
    tables = merged(EmbeddingPairs("dino", None, 0.5), frame)
    assert len(tables["points"]) == 3 and len(tables["pairs"]) == 0
    assert len(merged(EmbeddingPairs("dino", None, 0.49), frame)["pairs"]) == 2


def test_an_empty_pool():
    tables = merged(EmbeddingPairs("dino", 4), embedded(np.zeros((0, 8))))
    assert len(tables["points"]) == len(tables["pairs"]) == 0


def test_of_two_passes_of_one_name_the_deeper_is_the_larger():
    assert EmbeddingPairs("dino", 64, 0.4).identity() > EmbeddingPairs("dino", 64, 0.5).identity()
    assert EmbeddingPairs("dino", 64).name == "embedding_pairs_dino_k64"
    assert len({EmbeddingPairs(m).name for m in ("Dino", "dino", "di-no", "di_no")}) == 4


@pytest.mark.parametrize("k", [3, None])
def test_copies_have_a_cosine_of_1_whatever_rounding_made_of_their_length(k):
    vectors = unit(200, 24).astype(np.float16)
    assert np.square(vectors, dtype=np.float64).sum(axis=1).min() < 0.9999
    pairs = merged(EmbeddingPairs("dino", k, -0.5), embedded(np.concatenate([vectors, vectors])))["pairs"]
    copies = pairs.filter(pl.col("b") - pl.col("a") == 200)
    assert copies[c.COSINE].to_list() == [1.0] * 200
    nothing = merged(EmbeddingPairs("dino", k, -0.5), embedded(np.zeros((2, 24))))["pairs"]
    assert nothing[c.COSINE].to_list() == [0.0], "of length 0 there is no direction"
