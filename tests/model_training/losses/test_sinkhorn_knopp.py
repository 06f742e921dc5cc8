"""Sinkhorn-Knopp against RECIPES B9, the published loop in float64 numpy, and rows split over workers."""

import math
from functools import partial

import numpy as np
import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.sinkhorn_knopp import sinkhorn_knopp
from tests.model_training.losses.workers import meet


def published(logits, temperature, iterations=3):
    """As DINOv2 writes it: K x B, divided by its sum, by row sums K, by column sums B; times B at last."""
    q = np.exp(logits / temperature).T
    k, b = q.shape
    q = q / q.sum()
    for _ in range(iterations):
        q = q / (q.sum(1, keepdims=True) * k)
        q = q / (q.sum(0, keepdims=True) * b)
    return (q * b).T


def test_golden_b9_zero_logits():
    assert torch.equal(sinkhorn_knopp(torch.zeros(3, 4), 0.04), torch.full((3, 4), 0.25))


def test_golden_b9_log_four():
    logits = torch.tensor([[math.log(4), 0], [0, 0]], dtype=torch.float64)
    expected = [[0.666057, 0.333943], [0.332724, 0.667276]]
    np.testing.assert_allclose(sinkhorn_knopp(logits, 1.0), expected, atol=5e-7)
    np.testing.assert_allclose(sinkhorn_knopp(logits, 1.0, 60), [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], atol=1e-12)


@pytest.mark.parametrize("iterations", [1, 3, 9])
def test_golden_b9_identity_at_once(iterations):
    expected = [[0.880797, 0.119203], [0.119203, 0.880797]]
    np.testing.assert_allclose(sinkhorn_knopp(torch.eye(2), 0.5, iterations), expected, atol=5e-7)


def test_golden_b9_constants_of_a_prototype_and_of_a_sample():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(5, 3)))
    prototype, sample = torch.tensor([0.0, 2.0, 0.0]), torch.tensor([0.0, 0, 2, 0, 0])[:, None]
    for iterations in (1, 2, 3):
        plain = sinkhorn_knopp(logits, 1.0, iterations)
        torch.testing.assert_close(sinkhorn_knopp(logits + prototype, 1.0, iterations), plain, rtol=0, atol=1e-14)
    off = (sinkhorn_knopp(logits + sample, 1.0) - sinkhorn_knopp(logits, 1.0)).abs().max()
    assert 1e-4 < off < 0.1
    limit = [sinkhorn_knopp(each, 1.0, 500) for each in (logits + sample, logits)]
    torch.testing.assert_close(*limit, rtol=0, atol=1e-12)


def test_random_logits_are_shared_out_as_published():
    logits = np.random.default_rng(1).normal(size=(7, 5))
    found = sinkhorn_knopp(torch.tensor(logits), 0.2)
    np.testing.assert_allclose(found, published(logits, 0.2), rtol=1e-12)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-14)


def test_large_logits_and_a_prototype_far_below_are_finite():
    logits = torch.tensor([[40.0, 0.0, -400.0], [0.0, 40.0, -400.0], [0.0, 0.0, -400.0]])
    found = sinkhorn_knopp(logits, 0.04)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    assert found[2, 2] > 0.9  # the far prototype has its share of the mass, and this row is its nearest
    halved = sinkhorn_knopp(logits.half(), 0.04)
    assert halved.dtype == torch.float32 and not halved.requires_grad


def test_rows_split_unequally_over_workers_are_one_batch():
    rows = torch.randn(6, 4, dtype=torch.float64)
    whole = sinkhorn_knopp(rows, 0.3)
    parts = (rows[:1], rows[1:], rows[:0])
    found = meet([partial(lambda part, reduce: sinkhorn_knopp(part, 0.3, reduce=reduce), part) for part in parts])
    torch.testing.assert_close(torch.cat(found), whole)


def test_no_iteration_is_refused():
    with pytest.raises(InputError):
        sinkhorn_knopp(torch.zeros(2, 2), 0.04, 0)
