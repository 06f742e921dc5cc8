"""RECIPES C4."""

import inspect

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.linear_probe import (
    CLIP_LAMBDAS,
    DINOV2_CS,
    Probe,
    clip_search,
    dinov2_search,
    held_out,
    linear_probe,
)
from tests.model_training.evaluation.made_features import separable, shuffled

pytestmark = pytest.mark.usefixtures("one_thread")
BOTH = pytest.mark.parametrize("search", [clip_search, dinov2_search])


@BOTH
def test_golden_c4_separable_data_is_read_without_error(search):
    features, labels = separable()
    probe = linear_probe(features, labels, held_out(90, 0, 0.5), 3, search, iterations=12)
    assert [m.value for m in probe.metrics(*separable(210))] == [1.0, 1.0]


@BOTH
def test_golden_c4_shuffled_labels_are_read_at_chance(search):
    features, labels = shuffled()
    probe = linear_probe(features[:200], labels[:200], held_out(200, 0, 0.3), 4, search, iterations=12)
    assert probe.metrics(features[200:], labels[200:])[0].value == pytest.approx(0.25, abs=0.08)


def test_golden_c4_test_labels_never_touch_selection():
    given = ["features", "labels", "validation", "classes", "search", "iterations"]
    assert list(inspect.signature(linear_probe).parameters) == given
    features, labels = separable()
    asked = []

    def search(accuracy):
        asked.append(accuracy(1.0))
        return 1.0

    out = np.arange(90) < 30
    wrong = np.where(out, (labels + 1) % 3, labels)  # accuracy is that of the validation images alone
    linear_probe(features, labels, out, 3, search)
    linear_probe(features, wrong, out, 3, search)
    assert asked == [1.0, 0.0]


def test_golden_c4_top_5_asks_for_five_classes_not_for_a_label_of_five():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(50, 2)), np.arange(50) % 5
    probe = linear_probe(features, labels, held_out(50, 0), 5, lambda accuracy: 1.0)
    assert isinstance(probe, Probe) and probe.c == 1.0
    top5 = probe.metrics(features, labels)[1]
    assert (top5.name, top5.value) == ("top5", 1.0)


def test_clip_asks_seven_and_then_halves_the_step_around_the_peak():
    assert len(CLIP_LAMBDAS) == 97 and len(DINOV2_CS) == 45
    for peak in range(97):
        asked = []

        def accuracy(c, asked=asked, peak=peak):
            asked.append(c)
            return -abs(np.log10(1 / c) - np.log10(CLIP_LAMBDAS[peak]))

        assert clip_search(accuracy) == pytest.approx(1 / CLIP_LAMBDAS[peak])
        assert len(asked) == len(set(asked)) <= 7 + 4 * 2
        np.testing.assert_allclose(np.log10(asked[:7]), [6, 4, 2, 0, -2, -4, -6], atol=1e-9)
    assert clip_search(lambda c: 0.5) == pytest.approx(1e-6)  # all alike: the simplest
    assert dinov2_search(lambda c: 0.5) == pytest.approx(1e-6)
    assert dinov2_search(lambda c: -abs(np.log10(c) - 5)) == pytest.approx(1e5)


def test_a_tenth_is_held_out_by_the_seed():
    out = held_out(200, 1)
    assert out.sum() == 20 and (out == held_out(200, 1)).all() and (out != held_out(200, 2)).any()
    assert held_out(2, 0).sum() == 1
    with pytest.raises(InputError, match="cannot be split"):
        held_out(1, 0)
    with pytest.raises(InputError, match="both needed"):
        linear_probe(*separable(), np.zeros(90, bool), 3)
