"""KoLeo against RECIPES B10 and float64 numpy, with its gradient by differences."""

import math

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.koleo import koleo_loss


def reference(x):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    gaps = np.linalg.norm(x[:, None] - x[None] + 1e-8 * (1 - np.eye(len(x)))[..., None], axis=-1)
    np.fill_diagonal(gaps, np.inf)
    return -np.log(gaps.min(1) + 1e-8).mean()


def on_circle(*degrees):
    return torch.tensor([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees])


def test_golden_b10_two_orthogonal_vectors():
    assert float(koleo_loss(torch.eye(2))) == pytest.approx(-0.346574, abs=1e-6)


def test_golden_b10_three_on_a_circle():
    assert float(koleo_loss(on_circle(0, 60, 180))) == pytest.approx(-0.183102, abs=1e-6)


@pytest.mark.parametrize(("dimension", "loss"), [(2, 17.5393), (384, 15.3956)])
def test_golden_b10_two_identical_vectors(dimension, loss):
    assert float(koleo_loss(torch.ones(2, dimension))) == pytest.approx(loss, abs=1e-4)


def test_golden_b10_scale_of_the_inputs():
    x = torch.randn(6, 4, dtype=torch.float64)
    scaled = x * torch.tensor([0.01, 1, 5, 100, 3, 7], dtype=torch.float64)[:, None]
    assert float(koleo_loss(scaled)) == pytest.approx(float(koleo_loss(x)), rel=1e-12)


def test_golden_b10_antipodal_vectors_are_neighbours():
    assert float(koleo_loss(on_circle(0, 180))) == pytest.approx(-math.log(2), abs=1e-6)
    assert float(koleo_loss(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))) == pytest.approx(-0.693147, abs=1e-6)


def test_random_rows_and_their_gradient():
    x = np.random.default_rng(2).normal(size=(7, 3))
    features = torch.tensor(x, requires_grad=True)
    loss = koleo_loss(features)
    loss.backward()
    assert loss.item() == pytest.approx(reference(x), rel=1e-7)
    for i, j in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i, j] = 1e-6
        assert features.grad[i, j] == pytest.approx((reference(x + step) - reference(x - step)) / 2e-6, abs=1e-6)


def test_one_row_costs_nothing_and_half_precision_is_widened():
    single = torch.randn(1, 3, requires_grad=True)
    koleo_loss(single).backward()
    assert not single.grad.any()
    x = torch.ones(2, 384, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = koleo_loss(x.half())
    assert loss.dtype == torch.float32 and float(loss.detach()) == pytest.approx(15.3956, abs=1e-3)
