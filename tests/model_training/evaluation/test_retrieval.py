"""RECIPES C2: recall at k as CLIP reports it, against a ranking written as a list."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from model_training.evaluation.items import Item
from model_training.evaluation.retrieval import recall_hits, recall_ranks, retrieval, retrieval_metrics
from model_training.evaluation.vectors import cosines, unit
from tests.model_training.evaluation.made import Written, colour, png

SIMILARITY = np.array([(0.9, 0.4, 0.3, 0.2), (0.8, 0.5, 0.45, 0.1)])
TWO_EACH = np.array([0, 0, 1, 1])


def brute(similarity, image_of_text, k):
    """Sort every query's candidates, then look for a right one among the first k."""
    images, texts = range(len(similarity)), range(len(image_of_text))
    i2t = [any(image_of_text[t] == i for t in sorted(texts, key=lambda t: (-similarity[i][t], t))[:k]) for i in images]
    t2i = [image_of_text[t] in sorted(images, key=lambda i: (-similarity[i][t], i))[:k] for t in texts]
    return i2t, t2i


def test_golden_c2_two_images_with_two_captions_each():
    found = {k: tuple(hits.mean() for hits in recall_hits(SIMILARITY, TWO_EACH, k)) for k in (1, 2, 3)}
    assert [found[k][0] for k in (1, 2, 3)] == [0.5, 0.5, 1]
    assert [found[k][1] for k in (1, 2)] == [0.5, 1]
    assert all(hits.dtype == bool for hits in recall_hits(SIMILARITY, TWO_EACH, 1))


def test_golden_c2_true_recall_and_averaged_captions_are_other_metrics():
    places = np.argsort(-SIMILARITY, axis=1, kind="stable")
    true_recall = [np.mean([(TWO_EACH[p[:k]] == i).mean() * k / 2 for i, p in enumerate(places)]) for k in (1, 2, 3)]
    assert true_recall == [0.25, 0.5, 0.75]
    ours = [recall_hits(SIMILARITY, TWO_EACH, k)[0].mean() for k in (1, 2, 3)]
    assert ours == [0.5, 0.5, 1]
    averaged = SIMILARITY.reshape(2, 2, 2).mean(axis=2)  # 2 images, 2 mean captions: (.65, .25), (.65, .275)
    assert [(averaged.argsort(1)[:, ::-1][:, :k] == np.arange(2)[:, None]).any(1).mean() for k in (1, 2)] == [0.5, 1]


@st.composite
def similarities(draw, levels=4):
    images = draw(st.integers(1, 6))
    own = draw(st.permutations([*range(images), *draw(st.lists(st.integers(0, images - 1), max_size=8))]))
    values = st.lists(st.integers(0, levels), min_size=len(own), max_size=len(own))
    rows = draw(st.lists(values, min_size=images, max_size=images))
    return np.array(rows, np.float32) / 8, np.array(own)


@settings(max_examples=150, deadline=None)
@given(similarities(), st.integers(1, 12))
def test_hits_are_those_of_a_sorted_list_ties_included(case, k):
    i2t, t2i = recall_hits(*case, k)
    assert (i2t.tolist(), t2i.tolist()) == brute(*case, k)


@settings(max_examples=40, deadline=None)
@given(similarities(levels=10_000), st.randoms(use_true_random=False))
def test_without_ties_order_changes_nothing(case, random):
    similarity, own = case
    similarity = similarity + np.arange(similarity.size).reshape(similarity.shape) / 1e5
    images, texts = similarity.shape
    i, t = np.array(random.sample(range(images), images)), np.array(random.sample(range(texts), texts))
    for k in (1, 2, 5):
        before, after = recall_hits(similarity, own, k), recall_hits(similarity[i][:, t], np.argsort(i)[own[t]], k)
        np.testing.assert_array_equal(before[0][i], after[0])
        np.testing.assert_array_equal(before[1][t], after[1])


def test_a_model_that_finds_everything_equal_is_at_chance():
    i2t, t2i = recall_hits(np.ones((10, 10)), np.arange(10), 1)
    assert i2t.sum() == t2i.sum() == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 40))
def test_blocks_give_what_the_whole_matrix_gives(seed, images, block):
    rng = np.random.default_rng(seed)
    own = np.repeat(np.arange(images), rng.integers(1, 4, images))
    aside = np.array([0.25, 0, 0])  # no vector is zero; there are few directions, so there are ties
    vectors, captions = rng.integers(-1, 2, (images, 3)) + aside, rng.integers(-1, 2, (len(own), 3)) + aside
    vectors, captions = unit(vectors, "x"), unit(captions, "x")
    ranks = recall_ranks(vectors, captions, own, block)
    for k in (1, 2, 3):
        i2t, t2i = brute(cosines(vectors, captions), own, k)
        assert (ranks[0] < k).tolist() == i2t and (ranks[1] < k).tolist() == t2i


def test_metrics_and_what_each_item_contributes():
    ranks = (np.array([0, 1]), np.array([0, 0, 4]))
    found = {m.name: m for m in retrieval_metrics(*ranks, np.array([0, 1, 1]), (1, 2, 3))}
    assert list(found) == [
        "image_to_text_r1",
        "image_to_text_r2",
        "image_to_text_r3",
        "text_to_image_r1",
        "text_to_image_r2",
        "mean_r1",
    ]
    assert found["image_to_text_r1"].value == 0.5 and found["image_to_text_r1"].n == 2
    assert found["text_to_image_r1"].value == pytest.approx(2 / 3) and found["text_to_image_r1"].n == 3
    np.testing.assert_allclose(found["text_to_image_r1"].hits, [2 / 3, 2 / 3])
    assert found["mean_r1"].value == pytest.approx((0.5 + 2 / 3) / 2) and found["mean_r1"].n == 5
    np.testing.assert_allclose(found["mean_r1"].hits, [(1 + 2 / 3) / 2, 1 / 3], rtol=1e-6)
    for m in found.values():
        assert m.hits.shape == (2,) and m.hits.dtype == np.float32
        assert m.value == pytest.approx(m.hits.mean(dtype=np.float64), abs=1e-6)


def planted(images=40):
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(images, 8))
    items, texts = [], {}
    for i in range(images):
        own = tuple(f"text {i}/{j}" for j in range(1 + i % 3))
        texts |= {text: directions[i] + rng.normal(size=8) for text in own}
        items.append(Item(f"item {i}", png(i), own, None))
    return Written({colour(i): directions[i] * (1 + i) for i in range(images)}, texts), items


def test_any_batch_and_order_gives_the_same():
    encoder, items = planted()
    first = retrieval(encoder, items)
    assert [m.name for m in first][-1] == "mean_r1" and len(first) == 7
    assert 0.1 < first[-1].value < 1
    for batch in (1, 7):
        assert retrieval(encoder, iter(items), batch=batch) == first
    order = np.random.default_rng(0).permutation(len(items))
    for before, after in zip(first, retrieval(encoder, [items[i] for i in order]), strict=True):
        assert before == after
        np.testing.assert_array_equal(before.hits[order], after.hits)


def test_equal_to_the_hits_of_the_whole_matrix():
    encoder, items = planted()
    own = np.array([i for i, item in enumerate(items) for _ in item.texts])
    images = np.array([encoder.images[colour(i)] for i in range(len(items))])
    texts = np.array([encoder.texts[text] for item in items for text in item.texts])
    similarity = (images / np.linalg.norm(images, axis=1)[:, None]) @ (texts / np.linalg.norm(texts, axis=1)[:, None]).T
    found = {m.name: m.value for m in retrieval(encoder, items)}
    for k in (1, 5, 10):
        i2t, t2i = brute(similarity, own, k)
        assert found[f"image_to_text_r{k}"] == np.mean(i2t) and found[f"text_to_image_r{k}"] == np.mean(t2i)
    assert found["mean_r1"] == (found["image_to_text_r1"] + found["text_to_image_r1"]) / 2


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(InputError, match="not finite"):
        recall_hits(np.array([[np.nan]]), np.array([0]), 1)
    with pytest.raises(InputError, match="image 1 has no text"):
        recall_hits(np.ones((2, 2)), np.array([0, 0]), 1)
    for number in (-1, 2):
        with pytest.raises(InputError, match="not among the 2"):
            recall_hits(np.ones((2, 3)), np.array([0, 1, number]), 1)
    for texts in ((), ("a", " ")):
        with pytest.raises(InputError, match="set: row 3: has no caption or a blank one"):
            retrieval(Written(), [Item("set: row 3", png(0), texts, None)])
