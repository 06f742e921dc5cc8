"""The mean over words: against NumPy in float64, torch's own mean and numeric gradients."""

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.token_cross_entropy import token_cross_entropy

PAD = 0


def made(seed, batch=3, length=4, vocabulary=6):
    random = np.random.default_rng(seed)
    logits = torch.tensor(random.normal(size=(batch, length, vocabulary)), requires_grad=True)
    targets = torch.tensor(random.integers(1, vocabulary, (batch, length)))
    targets[0, 2:] = PAD
    return logits, targets


def by_hand(logits, targets, smoothing):
    losses = []
    for row, answer in zip(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), strict=True):
        if answer != PAD:
            minus_log = np.log(np.exp(row).sum()) - row
            losses.append((1 - smoothing) * minus_log[answer] + smoothing * minus_log.mean())
    return np.mean(losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_is_the_mean_over_words(smoothing):
    logits, targets = made(1)
    loss = token_cross_entropy(logits, targets, pad=PAD, smoothing=smoothing)
    assert loss.item() == pytest.approx(by_hand(logits.detach().numpy(), targets.numpy(), smoothing), rel=1e-12)
    flat = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 6), targets.reshape(-1), ignore_index=PAD, label_smoothing=smoothing
    )
    ours, theirs = (torch.autograd.grad(one, logits)[0] for one in (loss, flat))
    torch.testing.assert_close(ours, theirs)
    assert not ours[0, 2:].any()
    assert torch.autograd.gradcheck(lambda x: token_cross_entropy(x, targets, pad=PAD, smoothing=smoothing), logits)


def test_only_padding_is_0_and_so_are_its_gradients():
    logits, targets = made(2)
    loss = token_cross_entropy(logits, torch.zeros_like(targets), pad=PAD, smoothing=0.1)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_with_the_whole_count_two_workers_are_one():
    logits, targets = made(3)
    whole = token_cross_entropy(logits, targets, pad=PAD, smoothing=0.1)
    count = (targets != PAD).sum() / 2
    parts = [token_cross_entropy(logits[at], targets[at], pad=PAD, smoothing=0.1, count=count) for at in ([0], [1, 2])]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
    alone = [token_cross_entropy(logits[at], targets[at], pad=PAD, smoothing=0.1) for at in ([0], [1, 2])]
    assert abs(torch.stack(alone).mean() - whole) > 1e-3


def test_16_bits_are_summed_in_32():
    logits, targets = made(4)
    loss = token_cross_entropy(logits.bfloat16(), targets, pad=PAD)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, token_cross_entropy(logits.bfloat16().float(), targets, pad=PAD))
