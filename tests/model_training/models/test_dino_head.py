"""The head's logits are cosines with prototypes: neither features nor prototypes can grow."""

import pytest

from model_training.libraries import torch
from model_training.models.dino_head import DinoHead


def test_logits_are_cosines_of_the_bottleneck_with_prototypes():
    torch.manual_seed(0)
    head = DinoHead(6, 40, hidden=10, bottleneck=4)
    assert [tuple(p.shape) for p in head.parameters() if p.ndim == 2] == [(40, 4), (10, 6), (10, 10), (4, 10)]
    features = torch.randn(5, 3, 6)
    logits = head(features)
    inner = head.mlp(features)
    expected = torch.nn.functional.cosine_similarity(inner[..., None, :], head.prototypes, dim=-1)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        head.prototypes.mul_(7)
    torch.testing.assert_close(head(features), logits)


def test_prototypes_point_everywhere():
    torch.manual_seed(0)
    directions = torch.nn.functional.normalize(DinoHead(6, 4000, bottleneck=3).prototypes, dim=1)
    assert directions.mean(0).abs().max() < 0.05
    torch.testing.assert_close(directions.T @ directions / 4000, torch.eye(3) / 3, atol=0.02, rtol=0)


def test_a_narrow_head_starts_as_lively_as_the_published_one():
    torch.manual_seed(0)
    published, narrow = DinoHead(64, 8).mlp, DinoHead(64, 8, hidden=128).mlp
    assert published[0].weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert published[2].weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert narrow[2].weight.std().item() == pytest.approx(0.08, rel=0.03)
    ours, theirs = (net[3](net[2](torch.randn(400, net[2].in_features))) for net in (narrow, published))
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.1)
