"""iBOT's patch loss against RECIPES B8 and float64 numpy."""

import math

import numpy as np
import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.dino import cross_entropy
from model_training.losses.ibot import ibot_loss


def test_golden_b8_uniform_student():
    mask = torch.tensor([[True, False, True], [False, True, False]])
    teacher = torch.softmax(torch.randn(3, 5), -1)
    assert float(ibot_loss(torch.zeros(3, 5), teacher, mask)) == pytest.approx(math.log(5), abs=1e-6)


def test_golden_b8_two_one_hot_teachers():
    loss = ibot_loss(torch.tensor([[0.1, 0.0]] * 2), torch.eye(2), torch.tensor([[True, True, False]]))
    assert float(loss) == pytest.approx(0.813262, abs=1e-6)


def test_golden_b8_images_weigh_alike():
    mask = torch.tensor([[False, True, False, False], [True, False, True, True]])
    student, said = torch.tensor([[0.3, 0.0], *[[-0.1, 0.2]] * 3]), torch.tensor([[1.0, 0.0]] * 4)
    a, *b = cross_entropy(student, said, 0.1).tolist()
    assert b == [b[0]] * 3
    assert float(ibot_loss(student, said, mask)) == pytest.approx((a + b[0]) / 2)
    assert (a + b[0]) / 2 != pytest.approx((a + 3 * b[0]) / 4)


def test_golden_b8_no_mask():
    student = torch.zeros(0, 5, requires_grad=True)
    loss = ibot_loss(student, torch.zeros(0, 5), torch.zeros(2, 4, dtype=torch.bool))
    assert loss.item() == 0
    loss.backward()
    assert student.grad.shape == (0, 5)


def test_loss_and_gradient_are_the_reference_s():
    source = np.random.default_rng(3)
    mask = source.random((4, 9)) < 0.4
    mask[2] = False  # an image without a mask is 0 in the mean over four
    logits, raw = source.normal(size=(4, 9, 6)), np.exp(source.normal(size=(4, 9, 6)) * 3)
    teacher = raw / raw.sum(-1, keepdims=True)
    q = np.exp(logits / 0.1)
    q /= q.sum(-1, keepdims=True)
    expected, gradient = 0.0, np.zeros_like(logits)
    for image in range(4):
        for patch in np.flatnonzero(mask[image]):
            weight = 1 / mask[image].sum() / 4
            expected -= weight * (teacher[image, patch] * np.log(q[image, patch])).sum()
            gradient[image, patch] = weight * (q[image, patch] - teacher[image, patch]) / 0.1
    student, chosen = torch.tensor(logits, requires_grad=True), torch.tensor(mask)
    loss = ibot_loss(student[chosen], torch.tensor(teacher)[chosen], chosen)
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(student.grad.numpy(), gradient, atol=1e-13)


def test_other_patches_than_masked_are_refused():
    with pytest.raises(InputError, match="1 masked patches"):
        ibot_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.tensor([[True, False]]))
    with pytest.raises(InputError):
        ibot_loss(torch.zeros(1, 3), torch.zeros(1, 4), torch.tensor([[True, False]]))
