"""FILIP: golden similarities, loops in numpy, padding, and the tokens that are sent."""

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.clip import clip_loss
from model_training.losses.filip import filip_loss, strongest_tokens, token_similarities
from tests.model_training.losses.vectors import EYE, gradients, number, unit

TOKENS = torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]]], dtype=torch.float64)


def real(*lengths, of):
    return torch.arange(of)[None] < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize(("length", "to_text", "to_image"), [(3, 0.9, 0.6), (2, 0.9, 0.9)])
def test_golden_b12_similarities(length, to_text, to_image):
    found = token_similarities(EYE[None], TOKENS, real(length, of=3))
    assert [float(part) for part in found] == pytest.approx([to_text, to_image], abs=1e-12)


def test_golden_b12_one_token_each_is_the_cosine():
    inputs = images, texts, scale = unit(5, 4, seed=1), unit(5, 4, seed=2), number(6.0)
    ours, theirs = filip_loss(images[:, None], texts[:, None], real(*[1] * 5, of=1), scale), clip_loss(*inputs)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12)
    for a, b in zip(gradients(ours, *inputs), gradients(theirs, *inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def by_loops(images, texts, lengths):
    to_text, to_image = np.zeros((len(images), len(texts))), np.zeros((len(texts), len(images)))
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            cells = image @ text[: lengths[j]].T
            to_text[i, j], to_image[j, i] = cells.max(1).mean(), cells.max(0).mean()
    return to_text, to_image


def test_similarities_and_loss_are_those_of_loops_in_numpy():
    images, texts, lengths = unit(4, 6, 5, seed=3), unit(4, 7, 5, seed=4), (7, 1, 4, 2)
    expected = by_loops(images.detach().numpy(), texts.detach().numpy(), lengths)
    mask = real(*lengths, of=7)
    for found, wanted in zip(token_similarities(images, texts, mask), expected, strict=True):
        np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-12)
    losses = [-np.diag(8 * m - np.log(np.exp(8 * m).sum(1, keepdims=True))).mean() for m in expected]
    assert float(filip_loss(images, texts, mask, 8.0)) == pytest.approx(np.mean(losses), rel=1e-12)


def test_gradients_are_numeric_and_padding_has_none():
    images, texts, mask = unit(2, 3, 4, seed=5), unit(2, 4, 4, seed=6), real(4, 2, of=4)
    assert torch.autograd.gradcheck(lambda a, b, s: filip_loss(a, b, mask, s), (images, texts, number(3.0)))
    (slope,) = gradients(filip_loss(images, texts, mask, 3.0), texts)
    assert float(slope[1, 2:].abs().max()) == 0 and float(slope[1, :2].abs().max()) > 0


def test_a_text_of_nothing_but_padding_is_finite_and_like_nothing():
    images, texts, mask = unit(2, 3, 4, seed=7), unit(2, 4, 4, seed=8), real(4, 0, of=4)
    to_text, to_image = token_similarities(images, texts, mask)
    assert to_text[:, 1].tolist() == [0, 0] and to_image[1].tolist() == [0, 0]
    slopes = gradients(filip_loss(images, texts, mask, 3.0), images, texts)
    assert all(torch.isfinite(slope).all() for slope in slopes) and float(slopes[1][1].abs().max()) == 0


def test_the_quarter_of_tokens_nearest_to_any_other_is_kept():
    images, texts = unit(3, 8, 4, seed=9), unit(3, 5, 4, seed=10)
    image_real, text_real = torch.ones(3, 8, dtype=torch.bool), real(5, 1, 3, of=5)
    kept, kept_real = strongest_tokens(images, image_real, texts, text_real)
    every = np.concatenate([texts[j, : (5, 1, 3)[j]].detach().numpy() for j in range(3)])
    for row in range(3):
        nearest = (images[row].detach().numpy() @ every.T).max(1)
        expected = images[row].detach().numpy()[np.argsort(-nearest)[:2]]
        np.testing.assert_array_equal(kept[row].detach().numpy(), expected)
    assert kept.shape == (3, 2, 4) and kept_real.all()
    assert kept.requires_grad
    found, found_real = strongest_tokens(texts, text_real, images, image_real, share=0.4)
    assert found.shape == (3, 2, 4) and found_real.tolist() == [[True, True], [True, False], [True, True]]
    torch.testing.assert_close(found[1, 0], texts[1, 0])
