"""What claims make of their data, without a model: copies, shuffles and filters on made-up embeddings."""

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from curate import schema as c
from curate.filters.cluster_balance import ClusterBalance
from curate.filters.retrieve import Retrieve
from curate.filters.semdedup import SemDeDupFilter
from tests.claims import embeddings
from tests.claims.papers import blip, dinov2, semdedup, siglip


@pytest.fixture(scope="module")
def jpg():
    sink = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 200, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(sink, "JPEG", quality=95)
    return sink.getvalue()


def frame_of(vectors):
    vectors = np.asarray(vectors, np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    column = pl.Series(c.embedding(embeddings.MODEL), vectors, dtype=pl.Array(pl.Float16, vectors.shape[1]))
    uids = [f"{row:032x}" for row in range(len(vectors))]
    return pl.DataFrame({"uid": uids, "caption": ["a"] * len(uids)}).with_columns(column)


def test_a_share_of_the_captions_is_dealt_out_anew_and_none_is_lost():
    frame = pl.DataFrame({"jpg": [b""] * 100, "caption": [f"c{row}" for row in range(100)]})
    noisy = siglip._shuffled(frame, 0.4, 3)
    assert sorted(noisy["caption"]) == sorted(frame["caption"])
    assert (noisy["caption"] != frame["caption"]).sum() == 40
    assert not noisy.equals(siglip._shuffled(frame, 0.4, 4))


def test_altered_copies_are_other_bytes_of_the_same_picture(jpg):
    frame = pl.DataFrame({"row": [1, 2], "jpg": [jpg, jpg], "uid": ["a", "b"]})
    made = semdedup._altered(frame, 0, 0)
    assert made["jpg"].n_unique() == 2 and jpg not in made["jpg"].to_list()
    assert made["uid"].n_unique() == 2 and set(made["uid"]).isdisjoint(frame["uid"])
    assert not made.equals(semdedup._altered(frame, 0, 1))
    brighter = np.asarray(Image.open(io.BytesIO(dinov2._altered(jpg, "1"))), float)
    assert brighter.shape == (28, 28, 3)
    assert brighter.mean() == pytest.approx(1.2 * np.asarray(Image.open(io.BytesIO(jpg)), float).mean(), rel=0.05)


def test_filters_read_the_embedding_and_the_queries():
    around = np.random.default_rng(0).normal(size=(60, 8))
    frame = frame_of(around)
    queries = frame.head(2).with_columns(pl.Series("uid", ["f" * 32, "e" * 32]))
    found = embeddings.kept_by(Retrieve(model=embeddings.MODEL, queries="q", k=1), frame, queries)
    assert found["uid"].to_list() == frame["uid"].head(2).to_list()
    half = SemDeDupFilter(model=embeddings.MODEL, clusters=1, keep_fraction=0.5, floor=0.0)
    assert len(embeddings.kept_by(half, frame_of(np.repeat(around, 2, axis=0)))) == 60
    assert len(embeddings.kept_by(ClusterBalance(model=embeddings.MODEL, levels=(6, 2), keep=20), frame)) == 20


def test_each_arm_of_capfilt_keeps_what_it_says():
    texts = pl.DataFrame(
        {
            "uid": [f"{row:032x}" for row in range(4)],
            "image_uid": ["i", "j", "i", "j"],
            "origin": ["web", "web", "synthetic", "synthetic"],
            c.match(blip.JUDGE): [0.9, 0.1, 0.2, 0.8],
        }
    )

    def rows(arm):
        return np.flatnonzero(blip.chosen(arm, texts, 0.5)).tolist()

    assert rows("none") == [0, 1]
    assert rows("filter") == [0]
    assert rows("captioner") == [0, 1, 2, 3]
    assert rows(blip.BOTH) == [0, 3]
