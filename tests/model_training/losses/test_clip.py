"""CLIP's loss: golden numbers of ours and of open_clip's, and the two equal, gradients too."""

import math

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.clip import LOGIT_SCALE, clip_local_loss, clip_loss, cosines, directions
from tests.model_training.losses.vectors import EYE, TEXTS, gradients, number, unit

import open_clip  # isort: skip

LOSSES = pytest.mark.parametrize("loss", [clip_loss, open_clip.ClipLoss()], ids=["ours", "open_clip"])


@LOSSES
def test_golden_b1_identity_and_equal_embeddings(loss):
    assert math.exp(LOGIT_SCALE) == pytest.approx(14.2857, abs=1e-4) and pytest.approx(2.6593, abs=1e-4) == LOGIT_SCALE
    assert float(loss(EYE, EYE, 1.0)) == pytest.approx(0.313262, abs=1e-6)
    assert float(loss(EYE, EYE, 1 / 0.07)) == pytest.approx(6.25e-7, rel=1e-3)
    same = EYE[[0, 0, 0, 0]]
    assert float(loss(same, same, 10.0)) == pytest.approx(1.386294, abs=1e-6)


@LOSSES
@pytest.mark.parametrize(("scale", "mean"), [(1.0, 0.448879), (10.0, 0.036365)])
def test_golden_b1_matrix(loss, scale, mean):
    assert float(loss(EYE, TEXTS, scale)) == pytest.approx(mean, abs=1e-6)


def test_golden_b1_directions():
    for scale, (to_text, to_image) in {1: (0.442058, 0.455700), 10: (0.009243, 0.063487)}.items():
        logits = scale * cosines(EYE, TEXTS)
        found = [float(part) for part in directions(logits, logits.T)]
        assert found == pytest.approx([to_text, to_image], abs=1e-6)


@LOSSES
def test_golden_b1_symmetries(loss):
    images, texts, order = unit(7, 5, seed=1), unit(7, 5, seed=2), torch.randperm(7)
    value = float(loss(images, texts, 9.0).detach())
    assert float(loss(texts, images, 9.0).detach()) == pytest.approx(value, rel=1e-12)
    assert float(loss(images[order], texts[order], 9.0).detach()) == pytest.approx(value, rel=1e-12)
    assert float(loss(images[order], texts, 9.0).detach()) != pytest.approx(value, rel=1e-3)


def test_golden_b1_gradient_of_a_direction_sums_to_zero_along_its_softmax():
    logits = unit(6, 6, seed=3)
    for number_, axis in ((0, 1), (1, 0)):
        (slope,) = gradients(directions(logits, logits.T)[number_], logits)
        np.testing.assert_allclose(slope.sum(axis), 0, atol=1e-15)
        assert float(slope.abs().sum()) > 0.1 and float(slope.sum(1 - axis).abs().max()) > 1e-3


def test_value_and_gradients_are_open_clips():
    inputs = unit(9, 6, seed=4), unit(9, 6, seed=5), number(7.5)
    ours, theirs = clip_loss(*inputs), open_clip.ClipLoss()(*inputs)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12)
    for a, b in zip(gradients(ours, *inputs), gradients(theirs, *inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_the_mean_of_local_losses_is_the_full_loss_gradients_too(devices):
    inputs = images, texts, scale = unit(8, 5, seed=6), unit(8, 5, seed=7), number(11.0)
    rows = 8 // devices
    local = sum(
        clip_local_loss(images[at : at + rows], texts[at : at + rows], images, texts, scale, first=at)
        for at in range(0, 8, rows)
    )
    full = clip_loss(*inputs)
    assert float(local) / devices == pytest.approx(float(full), rel=1e-12)
    for a, b in zip(gradients(local / devices, *inputs), gradients(full, *inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_narrow_embeddings_are_compared_in_float32():
    images, texts = (unit(16, 8, seed=s).detach().bfloat16() for s in (8, 9))
    found = clip_loss(images, texts, 100.0)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(float(clip_loss(images.double(), texts.double(), 100.0)), rel=1e-5)


def test_golden_d4_loss_at_init():
    # ln B + s**2 / (2 d). The pairs' own cosines are 0 give or take s / sqrt(d B) = .04: taken out, little is chance.
    pairs, width, scale = 256, 512, math.exp(LOGIT_SCALE)
    expected = math.log(pairs) + scale**2 / (2 * width)
    assert expected == pytest.approx(5.744, abs=1e-3)
    for seed in range(4):
        images, texts = unit(pairs, width, seed=20 + seed).detach(), unit(pairs, width, seed=40 + seed).detach()
        loss, luck = float(clip_loss(images, texts, scale)), float((images * texts).sum(1).mean()) * scale
        assert loss == pytest.approx(expected, abs=0.16)
        assert loss + luck == pytest.approx(expected, abs=0.01)
