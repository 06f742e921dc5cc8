import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.mean_average_precision import mean_average_precision


def test_by_hand_and_a_class_that_no_image_shows_is_left_out():
    scores = np.array([[0.9, 0.1, 0.5], [0.8, 0.7, 0.5], [0.7, 0.3, 0.5]])
    shown = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]], bool)
    # class 0: right at ranks 1 and 3: (1 + 2/3) / 2; class 1: at 1 and 2: 1
    assert mean_average_precision(scores, shown) == pytest.approx((5 / 6 + 1) / 2)


def test_it_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    scores, shown = rng.normal(size=(50, 7)), rng.random((50, 7)) < 0.3
    expected = metrics.average_precision_score(shown, scores, average="macro")
    assert mean_average_precision(scores, shown) == pytest.approx(expected)


def test_no_label_and_scores_that_are_not_finite_are_refused():
    for scores, shown in ((np.ones((2, 2)), np.zeros((2, 2), bool)), (np.full((2, 2), np.nan), np.ones((2, 2), bool))):
        with pytest.raises(InputError, match="no image with a label"):
            mean_average_precision(scores, shown)
