"""ALIGN's loss: golden numbers, and numpy's own smoothed cross-entropy."""

import math

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.align import align_loss
from model_training.losses.clip import clip_loss, cosines, directions
from tests.model_training.losses.vectors import EYE, TEXTS, number, unit


def test_golden_b2_sum_is_twice_clip():
    found = float(align_loss(EYE, TEXTS, 1 / 10, label_smoothing=0.0))
    assert found == pytest.approx(0.072729, abs=1e-6)
    assert found == pytest.approx(2 * float(clip_loss(EYE, TEXTS, 10.0)), rel=1e-12)


def test_golden_b2_smoothing_makes_sharp_logits_costly():
    assert float(align_loss(EYE, EYE, 1 / 10)) / 2 == pytest.approx(0.500045, abs=1e-6)
    assert float(align_loss(EYE, EYE, 1 / 10)) / 2 == pytest.approx(math.log1p(math.exp(-10)) + 0.5, rel=1e-12)
    assert float(align_loss(EYE, EYE, 1 / 64)) / 2 == pytest.approx(3.2, abs=1e-6)


def test_golden_b2_is_standard_smoothed_cross_entropy():
    images, texts = unit(6, 4, seed=1), unit(6, 4, seed=2)
    logits = (images @ texts.T / 0.2).detach().numpy()
    wanted = 0.9 * np.eye(6) + 0.1 / 6
    log_rows = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    log_columns = logits - np.log(np.exp(logits).sum(0, keepdims=True))
    expected = -(wanted * log_rows).sum(1).mean() - (wanted * log_columns).sum(0).mean()
    assert float(align_loss(images, texts, 0.2)) == pytest.approx(expected, rel=1e-12)
    parts = directions(cosines(images, texts) / 0.2, cosines(texts, images) / 0.2, label_smoothing=0.1)
    assert float(sum(parts)) == pytest.approx(expected, rel=1e-12)


def test_gradients_are_numeric_gradients():
    assert torch.autograd.gradcheck(align_loss, (unit(4, 3, seed=3), unit(4, 3, seed=4), number(0.5)))
