"""RECIPES C4: the recipes of CLIP_benchmark and DataComp."""

import inspect

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.adamw_probe import (
    CLIP_BENCHMARK,
    DATACOMP,
    DECAYS,
    Budget,
    adamw,
    clip_benchmark_probe,
    datacomp_probe,
    drawn,
)
from model_training.evaluation.linear_probe import held_out
from model_training.evaluation.logistic_regression import Linear
from model_training.libraries import torch
from tests.model_training.evaluation.made_features import separable, shuffled

pytestmark = pytest.mark.usefixtures("one_thread")


def test_golden_c4_the_published_budgets_and_the_grid_of_decays():
    assert (Budget(0.1, 64, 10), Budget(1e-3, 256, 40)) == (CLIP_BENCHMARK, DATACOMP)
    assert len(DECAYS) == 97 and (DECAYS[0], DECAYS[-1]) == pytest.approx((1e-6, 1e2))


def directions(classes):
    angles = 2 * np.pi * np.arange(classes) / classes
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def test_golden_c4_separable_data_is_read_without_error():
    features, labels = separable()
    test = separable(210, seed=1)
    for probe in (
        clip_benchmark_probe(features, labels, held_out(90, 0, 0.5), 3),
        datacomp_probe(features, labels, directions(3)),
        datacomp_probe(features, labels, np.roll(directions(3), 1, axis=0) / 100, Budget(0.1, 32, 40)),  # a wrong start
    ):
        assert [m.value for m in probe.metrics(*test)] == [1.0, 1.0]


def test_golden_c4_shuffled_labels_are_read_at_chance():
    features, labels = shuffled(2000)
    half = slice(0, 1000), slice(1000, 2000)
    for probe in (
        clip_benchmark_probe(features[half[0]], labels[half[0]], held_out(1000, 0, 0.3), 4, Budget(0.1, 256, 4)),
        datacomp_probe(features[half[0]], labels[half[0]], directions(4)),
    ):
        assert probe.metrics(features[half[1]], labels[half[1]])[0].value == pytest.approx(0.25, abs=0.05)


def test_golden_c4_the_decay_is_chosen_by_the_validation_images_alone():
    given = ["features", "labels", "validation", "classes", "budget", "seed"]
    assert list(inspect.signature(clip_benchmark_probe).parameters) == given
    features, labels = separable()
    out, budget = np.arange(90) < 30, Budget(0.1, 64, 3)
    assert clip_benchmark_probe(features, labels, out, 3, budget).c < DECAYS[-1]  # the strongest decay reads nothing
    # Where the validation images say the contrary, the probe that learns nothing is the better one.
    wrong = np.where(out, (labels + 1) % 3, labels)
    assert clip_benchmark_probe(features, wrong, out, 3, budget).c > 1
    with pytest.raises(InputError, match="both needed"):
        clip_benchmark_probe(features, labels, np.zeros(90, bool), 3)


def test_a_decay_that_lets_the_weights_grow_without_end_is_not_chosen():
    features, labels = separable(640)
    probe = clip_benchmark_probe(features, labels, held_out(640, 0), 3)  # 90 steps, by -9 each at a decay of 100
    assert not np.isfinite(adamw(features, labels, drawn(2, 3, 0), CLIP_BENCHMARK, 100.0).weights).all()
    assert probe.c < DECAYS[-1] and probe.metrics(features, labels)[0].value == 1.0


def test_one_step_is_adamws():
    """The first step of Adam is the rate in the direction of each gradient's sign, after the decay."""
    features, labels = np.array([[1.0, 0.0], [0.0, -2.0]]), np.array([0, 1])
    start = Linear(np.ones((2, 2)), np.array([0.5, 0.5]))
    found = adamw(features, labels, start, Budget(0.1, 2, 1), decay=0.2)
    gradient = np.array([[-0.5, 0.5], [-1.0, 1.0]]) / 2  # features.T @ (p - truth) / 2; the rates are equal at first
    np.testing.assert_allclose(found.weights, 1 - 0.1 * 0.2 - 0.1 * np.sign(gradient), atol=1e-5)


def test_it_is_torchs_adamw_with_torchs_cosine():
    features, labels = separable(60)
    start, budget = drawn(2, 3, 0), Budget(0.1, 64, 25)  # 60 rows are one batch
    layer = torch.nn.Linear(2, 3)
    layer.weight.data = torch.tensor(start.weights.T.astype(np.float32))
    layer.bias.data = torch.tensor(start.bias.astype(np.float32))
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 25, eta_min=0)
    for _ in range(25):
        optimiser.zero_grad()
        logits = layer(torch.tensor(features.astype(np.float32)))
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
        optimiser.step()
        schedule.step()
    found = adamw(features, labels, start, budget, decay=0.3)
    np.testing.assert_allclose(found.weights, layer.weight.detach().numpy().T, atol=1e-4)
    np.testing.assert_allclose(found.bias, layer.bias.detach().numpy(), atol=1e-4)


def test_the_seed_decides_and_datacomp_begins_at_the_class_vectors():
    a, b, c = (drawn(5, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.weights, b.weights)
    assert (a.weights != c.weights).any() and np.abs(a.weights).max() <= 1 / np.sqrt(5)
    features, labels = separable()
    untrained = datacomp_probe(features, labels, directions(3), Budget(1e-12, 256, 1)).linear
    np.testing.assert_allclose(untrained.weights, 100 * directions(3).T, rtol=1e-5, atol=1e-5)
