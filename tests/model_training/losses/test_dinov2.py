"""DINOv2's total against RECIPES B10 and the published order of its sums."""

import math

import pytest

from model_training.libraries import torch
from model_training.losses.dino import cross_entropy
from model_training.losses.dinov2 import dinov2_loss
from model_training.losses.ibot import ibot_loss
from model_training.losses.koleo import koleo_loss


def random_batch(images=3, prototypes=5):
    views = [torch.randn(images, prototypes, dtype=torch.float64) for _ in range(10)]
    teacher = torch.softmax(torch.randn(2, images, prototypes, dtype=torch.float64) * 4, -1)
    mask = torch.rand(2 * images, 9) < 0.5
    patches = torch.randn(int(mask.sum()), prototypes, dtype=torch.float64)
    said = torch.softmax(torch.randn(len(patches), prototypes, dtype=torch.float64), -1)
    features = torch.randn(2, images, 4, dtype=torch.float64)
    return views, teacher, patches, said, mask, features


def test_golden_b10_uniform_dino_part():
    _, _, patches, said, mask, features = random_batch()
    parts = dinov2_loss(list(torch.zeros(10, 3, 5)), torch.full((2, 3, 5), 0.2), patches, said, mask, list(features))
    assert float(parts.dino) == pytest.approx((16 + 2) / 18 * math.log(5), abs=1e-6)


def test_total_is_the_published_sum():
    views, teacher, patches, said, mask, features = random_batch()
    found = dinov2_loss(views, teacher, patches, said, mask, list(features))
    local = sum(cross_entropy(v, t, 0.1).mean() for v in views[2:] for t in teacher) / 18
    # Both global crops in one, the teacher's in swapped order, times 2.
    swapped = 2 * cross_entropy(torch.cat(views[:2]), torch.cat([teacher[1], teacher[0]]), 0.1).mean() / 18
    ibot = 2 * 0.5 * ibot_loss(patches, said, mask)
    koleo = 0.1 * (koleo_loss(features[0]) + koleo_loss(features[1]))
    torch.testing.assert_close(found.total, local + swapped + ibot + koleo)
    torch.testing.assert_close(found.dino, local + swapped)


def test_koleo_of_the_paper_is_the_first_crop_s():
    views, teacher, patches, said, mask, features = random_batch()
    one = dinov2_loss(views, teacher, patches, said, mask, list(features), koleo_crops=1)
    torch.testing.assert_close(one.koleo, koleo_loss(features[0]))
