"""SigLIP's loss: golden numbers of ours and of open_clip's, whole or in blocks, and the sign of the bias."""

import math

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.siglip import (
    LOGIT_BIAS,
    LOGIT_SCALE,
    siglip_device_losses,
    siglip_foreign_loss,
    siglip_loss,
)
from tests.model_training.losses.vectors import EYE, TEXTS, gradients, number, unit

import open_clip  # isort: skip

THEIRS = open_clip.loss.SigLipLoss()
LOSSES = pytest.mark.parametrize("loss", [siglip_loss, THEIRS], ids=["ours", "open_clip"])
SCALE = math.exp(LOGIT_SCALE)


@LOSSES
def test_golden_b3_identity_at_init(loss):
    found = float(loss(EYE, EYE, SCALE, LOGIT_BIAS))
    assert found == pytest.approx(0.693193, abs=1e-6)
    assert found == pytest.approx(math.log(2) + math.log1p(math.exp(-10)), rel=1e-12)


@LOSSES
def test_golden_b3_zero_similarities(loss):
    for pairs, expected in {2: 10.000091, 4: 10.000182}.items():
        axes = torch.eye(2 * pairs, dtype=torch.float64)
        images, texts = axes[:pairs], axes[pairs:]
        assert float(loss(images, texts, SCALE, LOGIT_BIAS)) == pytest.approx(expected, abs=1e-6)
        if pairs == 2:
            assert float(loss(images, texts, 1.0, 0.0)) == pytest.approx(2 * math.log(2), abs=1e-12)


@LOSSES
def test_golden_b3_matrix(loss):
    assert float(loss(EYE, TEXTS, SCALE, LOGIT_BIAS)) == pytest.approx(1.419135, abs=1e-6)


def test_golden_b3_terms():
    terms = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            cell = siglip_loss if i == j else siglip_foreign_loss
            terms[i, j] = cell(EYE[[i]], TEXTS[[j]], SCALE, LOGIT_BIAS)
    np.testing.assert_allclose(terms, [[0.693147, 0.018150], [0.000045, 2.126928]], atol=1e-6)


def test_golden_b3_wrong_sign_guard():
    # As the paper displays it the bias would be subtracted: 10.000045, where the identity's loss is .693193.
    assert float(siglip_loss(EYE, EYE, SCALE, -LOGIT_BIAS)) == pytest.approx(10.000045, abs=1e-6)
    assert float(siglip_loss(EYE, EYE, SCALE, LOGIT_BIAS)) < 1


@pytest.mark.parametrize(("pairs", "devices"), [(4, 2), (4, 1), (12, 3), (12, 12)])
def test_golden_b3_chunked_over_devices(pairs, devices):
    inputs = unit(pairs, 5, seed=1), unit(pairs, 5, seed=2), number(SCALE), number(LOGIT_BIAS)
    parts = siglip_device_losses(*inputs, devices=devices)
    full, mean = siglip_loss(*inputs), sum(parts) / len(parts)
    assert len(parts) == devices and abs(float(mean) - float(full)) < 1e-12
    for a, b in zip(gradients(mean, *inputs), gradients(full, *inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_unequal_parts_are_refused():
    with pytest.raises(ValueError, match="5 pairs cannot be shared equally by 2"):
        siglip_device_losses(unit(5, 3, seed=1), unit(5, 3, seed=2), SCALE, LOGIT_BIAS, devices=2)


def test_values_and_gradients_are_open_clips():
    inputs = unit(6, 4, seed=3), unit(6, 4, seed=4), number(8.0), number(-3.0)
    for ours, theirs in (
        (siglip_loss(*inputs), THEIRS(*inputs)),
        (siglip_foreign_loss(*inputs), THEIRS._loss(*inputs, negative_only=True)),
    ):
        assert float(ours) == pytest.approx(float(theirs), rel=1e-12)
        for a, b in zip(gradients(ours, *inputs), gradients(theirs, *inputs), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_value_is_numpys_and_gradients_are_numeric():
    inputs = unit(4, 3, seed=5), unit(4, 3, seed=6), number(4.0), number(-2.0)
    logits = 4.0 * (inputs[0] @ inputs[1].T).detach().numpy() - 2.0
    right = np.where(np.eye(4, dtype=bool), logits, -logits)
    assert float(siglip_loss(*inputs)) == pytest.approx(np.log1p(np.exp(-right)).sum() / 4, rel=1e-12)
    assert torch.autograd.gradcheck(siglip_loss, inputs)


def test_golden_d4_loss_at_init():
    # 10 + (B - 1) exp(-10) exp(50 / d); the pairs' own cosines are taken out, as they are for CLIP.
    pairs, width = 256, 512
    expected = 10 + (pairs - 1) * math.exp(-10 + 50 / width)
    for seed in range(4):
        images, texts = unit(pairs, width, seed=20 + seed).detach(), unit(pairs, width, seed=40 + seed).detach()
        loss = float(siglip_loss(images, texts, SCALE, LOGIT_BIAS))
        luck = float((images * texts).sum(1).mean()) * SCALE
        assert loss == pytest.approx(expected, abs=0.12)
        assert loss + luck == pytest.approx(expected, abs=5e-4)
