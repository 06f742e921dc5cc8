"""BLIP's language modelling: its golden number, what is asked for and what is not."""

import pytest

from model_training.libraries import torch
from model_training.losses.blip_lm import lm_loss, lm_sums, with_first_token

PAD = 0


@pytest.mark.parametrize(("smoothing", "loss"), [(0.1, 0.421612), (0.0, 0.181612)])
def test_golden_b6_lm_smoothing(smoothing, loss):
    # The golden label is 0, so padding is another number here.
    logits = torch.tensor([[[3.0, 0, 0, 0, 0], [9.0, 0, 0, 0, 9]]], dtype=torch.float64)
    assert lm_loss(logits, torch.tensor([[4, 0]]), pad=-100, smoothing=smoothing).item() == pytest.approx(
        loss, abs=1e-6
    )


def test_the_golden_smoothing_is_the_default():
    logits = torch.tensor([[[3.0, 0, 0, 0, 0], [9.0, 0, 0, 0, 9]]])
    assert lm_loss(logits, torch.tensor([[4, 0]]), pad=-100).item() == pytest.approx(0.421612, abs=1e-6)


def test_is_that_of_moved_labels_with_numeric_gradients():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64, requires_grad=True)
    tokens = torch.tensor([[6, 1, 2, 3, 4], [6, 5, 1, PAD, PAD]])
    for prompt in (0, 1, 3):
        labels = tokens.masked_fill(tokens == PAD, -100)
        labels[:, :prompt] = -100  # as models/blip.py does, before the move
        peer = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
        expected = peer(logits[:, :-1].reshape(-1, 7), labels[:, 1:].reshape(-1))
        loss = lm_loss(logits, tokens, pad=PAD, prompt=prompt)
        torch.testing.assert_close(loss, expected)
        ours, theirs = (torch.autograd.grad(one, logits)[0] for one in (loss, expected))
        torch.testing.assert_close(ours, theirs)
    assert torch.autograd.gradcheck(lambda x: lm_loss(x, tokens, pad=PAD), logits)


def test_only_padding_is_0():
    logits = torch.randn(2, 3, 7, requires_grad=True)
    loss = lm_loss(logits, torch.tensor([[6, PAD, PAD]] * 2), pad=PAD)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_the_first_token_is_replaced_in_a_copy():
    tokens = torch.tensor([[1, 2], [3, 4]])
    assert with_first_token(tokens, 9).tolist() == [[9, 2], [9, 4]]
    assert tokens.tolist() == [[1, 2], [3, 4]]


def test_captions_sums_share_out_the_loss():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 7, generator=generator)
    tokens = torch.tensor([[6, 1, 2, 3, 4], [6, 5, 1, PAD, PAD], [6, PAD, PAD, PAD, PAD]])
    for prompt in (0, 2):
        sums, counts = lm_sums(logits, tokens, pad=PAD, prompt=prompt)
        assert counts.tolist() == ([4, 2, 0] if prompt == 0 else [3, 1, 0]) and sums[2] == 0
        torch.testing.assert_close(sums.sum() / counts.sum(), lm_loss(logits, tokens, pad=PAD, prompt=prompt))
    assert lm_sums(logits.bfloat16(), tokens, pad=PAD)[0].dtype == torch.float32
