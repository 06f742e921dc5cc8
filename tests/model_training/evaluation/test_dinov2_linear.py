"""RECIPES C4: DINOv2's linear evaluation."""

import inspect

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.dinov2_linear import INPUTS, ITERATIONS, RATES, Input, dinov2_heads, dinov2_linear, sgd
from model_training.evaluation.linear_probe import held_out
from model_training.libraries import torch
from tests.model_training.evaluation.made_features import separable, shuffled

pytestmark = pytest.mark.usefixtures("one_thread")
ONE = Input(1, False)


def test_golden_c4_dinov2_has_52_heads_and_scales_the_rate_by_the_global_batch():
    heads = dinov2_heads(batch=128, devices=8)
    assert len(heads) == len(set(heads)) == 52 and len(RATES) == 13 and ITERATIONS == 12_500
    assert min(head.rate for head in heads) == pytest.approx(4e-5)
    assert {head.rate for head in dinov2_heads(32, 8)} >= {1e-5, 0.1}
    assert len(dinov2_heads(128, 8, (ONE,))) == 13


def test_golden_c4_separable_data_is_read_without_error():
    features, labels = separable()
    _, probe = dinov2_linear({ONE: features}, labels, held_out(90, 0, 0.5), 3, 400)
    assert [m.value for m in probe.metrics(*separable(210, seed=1))] == [1.0, 1.0]


def test_golden_c4_shuffled_labels_are_read_at_chance():
    features, labels = shuffled(2000)
    _, probe = dinov2_linear({ONE: features[:1000]}, labels[:1000], held_out(1000, 0, 0.3), 4, 200)
    assert probe.metrics(features[1000:], labels[1000:])[0].value == pytest.approx(0.25, abs=0.05)


def test_golden_c4_test_labels_never_touch_selection():
    given = ["features", "labels", "validation", "classes", "iterations", "seed"]
    assert list(inspect.signature(dinov2_linear).parameters) == given
    features, labels = separable()
    with pytest.raises(InputError, match="both needed"):
        dinov2_linear({ONE: features}, labels, np.ones(90, bool), 3)


def test_the_input_that_validation_images_read_best_is_taken():
    features, labels = separable()
    noise = np.random.default_rng(0).normal(size=features.shape)
    for best in INPUTS:
        given = {one: features if one == best else noise for one in INPUTS}
        assert dinov2_linear(given, labels, held_out(90, 0, 0.5), 3, 100)[0] == best


def test_what_is_learnt_by_heart_is_not_taken():
    features, labels = separable()
    by_heart = np.random.default_rng(0).normal(size=(90, 300))  # every training image has a direction of its own
    given = {ONE: by_heart, Input(1, True): features}
    assert dinov2_linear(given, labels, held_out(90, 0, 0.5), 3, 100)[0] == Input(1, True)


def test_the_heads_are_those_that_torchs_sgd_trains_one_by_one():
    features, labels = separable(60)
    rates, steps = [0.01, 0.3], 25
    start = sgd(features, labels, 3, [0.0, 0.0], 1, 5)
    found = sgd(features, labels, 3, rates, steps, 5)
    for rate, first, last in zip(rates, start, found, strict=True):
        layer = torch.nn.Linear(2, 3)
        layer.weight.data = torch.tensor(first.weights.T.astype(np.float32))
        layer.bias.data = torch.tensor(first.bias.astype(np.float32))
        optimiser = torch.optim.SGD(layer.parameters(), lr=rate, momentum=0.9, weight_decay=0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0)
        for _ in range(steps):  # 60 rows are one batch
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(
                layer(torch.tensor(features.astype(np.float32))), torch.tensor(labels)
            )
            loss.backward()
            optimiser.step()
            schedule.step()
        np.testing.assert_allclose(last.weights, layer.weight.detach().numpy().T, atol=1e-5)
        np.testing.assert_allclose(last.bias, layer.bias.detach().numpy(), atol=1e-5)
