"""MaMMUT's focal contrastive loss: golden numbers, numpy, SigLIP at gamma 0, and gradients at certainty."""

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.mammut import focal_contrastive_loss
from model_training.losses.siglip import siglip_loss
from tests.model_training.losses.vectors import EYE, gradients, number, unit


@pytest.mark.parametrize(("gamma", "loss"), [(0, 1.006409), (1, 0.430823), (2, 0.195945)])
def test_golden_b11_identity(gamma, loss):
    assert float(focal_contrastive_loss(EYE, EYE, 1.0, gamma=gamma)) == pytest.approx(loss, abs=1e-6)
    if gamma == 1:
        assert float(focal_contrastive_loss(EYE, EYE, 1.0)) == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize(("gamma", "loss"), [(0, 0.693147), (1, 0.346574), (2, 0.173287)])
def test_golden_b11_single_logit_of_zero(gamma, loss):
    assert float(focal_contrastive_loss(EYE[:1], EYE[1:], 1.0, gamma=gamma)) == pytest.approx(loss, abs=1e-6)


def test_golden_b11_gamma_zero_is_siglip_without_bias():
    images, texts, temperature = inputs = unit(6, 4, seed=1), unit(6, 4, seed=2), number(0.3)
    ours, theirs = focal_contrastive_loss(*inputs, gamma=0), siglip_loss(images, texts, 1 / temperature, 0.0)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12)
    for a, b in zip(gradients(ours, *inputs), gradients(theirs, *inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_value_is_numpys_and_gradients_are_numeric(gamma):
    inputs = unit(4, 3, seed=3), unit(4, 3, seed=4), number(0.5)
    sigmoid = 1 / (1 + np.exp(-(inputs[0] @ inputs[1].T).detach().numpy() / 0.5))
    p = np.where(np.eye(4, dtype=bool), sigmoid, 1 - sigmoid)
    expected = -((1 - p) ** gamma * np.log(p)).sum() / 4
    assert float(focal_contrastive_loss(*inputs, gamma=gamma)) == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda *given: focal_contrastive_loss(*given, gamma=gamma), inputs)


def test_gradients_stay_finite_where_the_answer_is_certain():
    images, texts, temperature = inputs = EYE.float().requires_grad_(), -EYE.float(), number(0.01).float()
    for these in (inputs, (images, -texts, temperature)):
        loss = focal_contrastive_loss(*these, gamma=0.5)
        assert torch.isfinite(loss) and torch.isfinite(gradients(loss, images)[0]).all()
