"""BLIP's matching: whom the hard negatives are, and what the loss of them is."""

import math

import numpy as np
import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.blip_itm import (
    draw_negatives,
    itm_loss,
    matching_pairs,
    pick,
    pretraining_weights,
    retrieval_weights,
)

ROW = (9.0, 0.5, 0.2)


def similarity(batch, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(batch, batch)) * 3)


def drawn(weights, seed=0, purpose="image", keys=None):
    return draw_negatives(weights, keys or [str(i) for i in range(len(weights))], seed=seed, purpose=purpose)


def test_golden_b6_negative_draw_with_the_floor():
    weights = pretraining_weights(torch.tensor([ROW, ROW, ROW], dtype=torch.float64))
    assert (weights[0] / weights[0].sum()).tolist() == pytest.approx([0, 0.5476, 0.4524], abs=5e-5)
    assert not weights.diagonal().any()


def test_golden_b6_negative_draw_without_the_floor():
    ids = torch.tensor([0, 1, 2])
    weights = retrieval_weights(torch.tensor([ROW], dtype=torch.float64), ids[:1], ids)
    assert (weights[0] / weights[0].sum()).tolist() == pytest.approx([0, 0.5744, 0.4256], abs=5e-5)


def test_draws_follow_the_weights():
    count = 40_000
    weights = pretraining_weights(torch.tensor([ROW] * 3))[:1].expand(count, 3)
    shares = np.bincount(drawn(weights), minlength=3) / count
    assert shares == pytest.approx([0, 0.5476, 0.4524], abs=4 * math.sqrt(0.25 / count))


def test_golden_b6_never_draws_itself():
    weights = pretraining_weights(similarity(50) + 100 * torch.eye(50))
    for seed in range(20):
        assert (drawn(weights, seed) != torch.arange(50)).all()


def test_golden_b6_a_batch_of_one_raises():
    with pytest.raises(InputError, match="no negative"):
        drawn(pretraining_weights(torch.tensor([[3.0]])))
    same = torch.tensor([5, 5, 5])
    with pytest.raises(InputError, match="no negative"):
        drawn(retrieval_weights(similarity(3), same, same))
    with pytest.raises(InputError, match="no negative"):
        drawn(torch.tensor([[0.5, math.nan]]))


def test_the_same_image_is_no_negative_of_any_worker():
    ids, everyone = torch.tensor([4, 5]), torch.tensor([4, 5, 4, 6])
    weights = retrieval_weights(similarity(4)[:2], ids, everyone)
    assert (weights > 0).tolist() == [[False, True, False, True], [True, False, True, True]]
    published = similarity(4)[:2].softmax(1) * (ids[:, None] != everyone[None])
    torch.testing.assert_close(weights, published / published.sum(1, keepdim=True))


def test_a_sure_contrast_still_has_negatives():
    ids = torch.arange(3)
    weights = retrieval_weights(1000 * torch.eye(3), ids, ids)  # temperature .001
    torch.testing.assert_close(weights, (1 - torch.eye(3)) / 2)


def test_a_draw_is_its_keys_not_its_places():
    weights, keys = pretraining_weights(similarity(30)), [f"7/{i}" for i in range(30)]
    whole = drawn(weights, keys=keys)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn(weights[order], keys=[keys[i] for i in order]), whole[order])
    halves = [drawn(weights[at], keys=keys[at]) for at in (slice(0, 11), slice(11, 30))]
    assert torch.equal(torch.cat(halves), whole)
    assert not torch.equal(drawn(weights, keys=keys, purpose="text"), whole)
    assert not torch.equal(drawn(weights, keys=keys, seed=1), whole)
    assert not torch.equal(drawn(weights, keys=[f"8/{i}" for i in range(30)]), whole)
    with pytest.raises(ValueError, match="30 rows"):
        drawn(weights, keys=keys[:3])


@pytest.mark.parametrize(("point", "place"), [(0.0, 1), (0.4999, 1), (0.5, 3), (1.0, 3)])
def test_the_ends_of_the_draw(point, place):
    weights, points = torch.tensor([[0, 1.0, 0, 1.0, 0]]), torch.tensor([point], dtype=torch.float64)
    assert pick(weights, points).tolist() == [place]


def test_pairs_are_one_true_and_two_false_of_each():
    images, texts, labels = matching_pairs(torch.tensor([1, 2, 0]), torch.tensor([2, 0, 1]))
    assert images.tolist() == [0, 1, 2, 1, 2, 0, 0, 1, 2]
    assert texts.tolist() == [0, 1, 2, 0, 1, 2, 2, 0, 1]
    assert labels.tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert ((images == texts) == labels.bool()).all()


def test_golden_b6_itm():
    labels = matching_pairs(torch.tensor([1, 0]), torch.tensor([1, 0])).labels
    assert itm_loss(torch.zeros(6, 2), labels).item() == pytest.approx(math.log(2))
    best = torch.tensor([[2 / 3, 1 / 3]], dtype=torch.float64).log().expand(6, 2)
    assert itm_loss(best, labels).item() == pytest.approx(0.636514, abs=1e-6)
    for nudge in (-0.01, 0.01):
        assert itm_loss(best + torch.tensor([0, nudge]), labels) > itm_loss(best, labels)
    assert (torch.zeros(6, dtype=torch.int64) == labels).double().mean().item() == pytest.approx(2 / 3)


def test_itm_is_the_mean_over_3b_with_numeric_gradients():
    logits = torch.tensor(np.random.default_rng(3).normal(size=(6, 2)), requires_grad=True)
    labels = matching_pairs(torch.tensor([1, 0]), torch.tensor([1, 0])).labels
    rows = logits.detach().numpy()
    expected = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(rows, labels, strict=True)])
    assert itm_loss(logits, labels).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: itm_loss(x, labels), logits)
    assert itm_loss(logits.bfloat16(), labels).dtype == torch.float32


def test_workers_halves_are_the_whole():
    rows = similarity(6)
    halves = [pretraining_weights(rows[at : at + 3], at) for at in (0, 3)]
    assert torch.equal(torch.cat(halves), pretraining_weights(rows))
    images, texts = torch.tensor([1, 2, 3, 4, 5, 0]), torch.tensor([5, 0, 1, 2, 3, 4])
    parts = [matching_pairs(images[at : at + 3], texts[at : at + 3], at) for at in (0, 3)]
    whole = matching_pairs(images, texts)
    asked = [list(zip(*(one.tolist() for one in pairs), strict=True)) for pairs in (*parts, whole)]
    assert sorted(asked[0] + asked[1]) == sorted(asked[2])
