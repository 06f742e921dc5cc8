"""RECIPES C3, and scikit-learn's weighted neighbours."""

import tracemalloc

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.knn import class_scores, few_shot, knn, nearest, weights
from model_training.evaluation.vectors import cosines

SIMS, LABELS = np.array([[0.9, 0.85, 0.84]]), np.array([[0, 1, 1]])


def test_golden_c3_one_near_neighbour_outweighs_two():
    weight = weights(SIMS)
    np.testing.assert_allclose(weight, [[0.522489, 0.255780, 0.221730]], atol=1e-6)
    scores = class_scores(weight, LABELS, 2)
    np.testing.assert_allclose(scores, [[0.5225, 0.4775]], atol=5e-5)
    assert scores.argmax() == 0 and class_scores(np.ones((1, 3)), LABELS, 2).argmax() == 1


def test_golden_c3_a_high_temperature_is_the_majority_and_a_low_one_the_nearest():
    np.testing.assert_allclose(class_scores(weights(SIMS, np.inf), LABELS, 2), [[1 / 3, 2 / 3]])
    np.testing.assert_allclose(class_scores(weights(SIMS, 1e-6), LABELS, 2), [[1, 0]], atol=1e-12)


def test_the_nearest_are_those_of_a_stable_sort():
    similarity = np.random.default_rng(0).integers(0, 5, (40, 30)).astype(np.float32)
    expected = np.argsort(-similarity, axis=1, kind="stable")
    for k in (1, 7, 30):
        np.testing.assert_array_equal(nearest(similarity, k), expected[:, :k])
    with pytest.raises(InputError, match="not finite"):
        nearest(np.array([[np.nan, 1.0]]), 1)


def planted():
    rng = np.random.default_rng(1)
    labels, queries = rng.integers(0, 6, 300), rng.integers(0, 6, 80)
    centres = rng.normal(size=(6, 8))
    return centres[labels] + rng.normal(size=(300, 8)), labels, centres[queries] + rng.normal(size=(80, 8)), queries


def test_it_is_scikit_learns_with_these_weights(monkeypatch):
    neighbors = pytest.importorskip("sklearn.neighbors")
    train, labels, test, queries = planted()
    found = knn(train, labels, test, queries, 6, ks=(1, 10, 50, 301))
    assert set(found) == {1, 10, 50}
    for k, metrics in found.items():
        peer = neighbors.KNeighborsClassifier(
            k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07), algorithm="brute"
        )
        assert metrics[0].hits.tolist() == (peer.fit(train, labels).predict(test) == queries).tolist()
        assert [m.name for m in metrics] == ["top1", "top5", "mean_per_class_recall"]
    monkeypatch.setattr("model_training.evaluation.knn.BLOCK", 1000)
    monkeypatch.setattr("model_training.evaluation.knn.QUERIES", 1)
    again = knn(5 * train, labels, test / 3, queries, 6, ks=(10,))  # lengths and blocks bear on nothing
    assert again[10] == found[10]


def test_a_large_bank_is_converted_once_and_many_queries_are_asked_at_a_time(monkeypatch):
    train, labels, test, queries = planted()
    asked = []

    def seen(part, bank):
        asked.append((len(part), bank))
        return cosines(part, bank)

    monkeypatch.setattr("model_training.evaluation.knn.cosines", seen)
    monkeypatch.setattr("model_training.evaluation.knn.BLOCK", len(train))  # one query would be a block
    knn(train, labels, test, queries, 6, ks=(10,))
    assert [rows for rows, _ in asked] == [64, 16]
    tracemalloc.start()
    cosines(test[:1], asked[0][1])  # of the bank as it is given, nothing is copied
    assert asked[0][1] is asked[1][1] and tracemalloc.get_traced_memory()[1] < asked[0][1].nbytes
    tracemalloc.stop()


def test_what_cannot_be_asked():
    train, labels, test, queries = planted()
    with pytest.raises(InputError, match="within the 300"):
        knn(train, labels, test, queries, 6, ks=(301,))
    with pytest.raises(InputError, match="training features"):
        knn(0 * train, labels, test, queries, 6)


def test_few_shot_draws_as_many_of_each_class():
    labels = np.repeat([0, 3, 5], (4, 9, 6))
    drawn = few_shot(labels, 4, seed=1)
    assert np.bincount(labels[drawn]).tolist() == [4, 0, 0, 4, 0, 4] and len(set(drawn)) == 12
    assert drawn.tolist() == few_shot(labels, 4, seed=1).tolist() != few_shot(labels, 4, seed=2).tolist()
    with pytest.raises(InputError, match="class 0 has 4 of 5"):
        few_shot(labels, 5, seed=1)
