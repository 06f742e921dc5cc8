"""BLIP's contrast: golden numbers, NumPy in float64, numeric gradients, and open_clip's where they meet."""

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.blip_itc import (
    clamp_temperature,
    itc_loss,
    ramp_alpha,
    same_image,
    soft_cross_entropy,
    soft_targets,
)
from model_training.losses.blip_queue import FeatureQueue

import open_clip  # isort: skip


def features(seed, batch=4, dim=5):
    rows = np.random.default_rng(seed).normal(size=(4, batch, dim))
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return [torch.tensor(one, requires_grad=True) for one in rows]


def softmax(x):
    powers = np.exp(x - x.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def by_hand(made, queue, temperature, alpha, ids=None):
    image, text, image_m, text_m = (one.detach().numpy() for one in made)
    total = 0.0
    for own, own_m, other_m, queued in ((image, image_m, text_m, queue.texts), (text, text_m, image_m, queue.images)):
        candidates = np.concatenate([other_m, queued.numpy().astype(np.float64)])
        for row in range(len(own)):
            hard = np.zeros(len(candidates))
            if ids is None:
                hard[row] = 1
            else:
                all_ids = [*ids, *queue.ids.tolist()]
                hard[[i for i, one in enumerate(all_ids) if one == ids[row]]] = 1
                hard /= hard.sum()
            target = alpha * softmax((own_m[row] @ candidates.T / temperature)[None])[0] + (1 - alpha) * hard
            total -= (target * np.log(softmax((own[row] @ candidates.T / temperature)[None])[0])).sum()
    return total / len(image) / 2


def test_golden_b6_soft_targets():
    momentum = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    hard, student = torch.tensor([[1.0, 0, 0]]), torch.tensor([[2.0, 1, 0]], dtype=torch.float64)
    targets = soft_targets(momentum, hard, 0.4)
    torch.testing.assert_close(targets, torch.tensor([[0.88, 0.08, 0.04]], dtype=torch.float64))
    assert soft_cross_entropy(student, targets).item() == pytest.approx(0.567606, abs=1e-6)
    assert soft_cross_entropy(student, soft_targets(momentum, hard, 0)).item() == pytest.approx(0.407606, abs=1e-6)


def test_golden_b6_alpha_ramp():
    found = [ramp_alpha(step, 100) for step in (0, 50, 100, 150, 200, 1000)]
    assert found == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4])


@pytest.mark.parametrize("ids", [None, [7, 3, 7, 5]])
def test_is_the_formula_with_numeric_gradients(ids):
    made, queue, temperature = features(1), FeatureQueue(0, 8, 5), torch.tensor(0.2, dtype=torch.float64)
    queue.push(*(one.detach() for one in features(2)[:2]), torch.tensor([7, 5, 5, 1]))
    numbers = None if ids is None else torch.tensor(ids)
    loss = itc_loss(*made, queue, temperature, 0.3, numbers).loss
    assert loss.item() == pytest.approx(by_hand(made, queue, 0.2, 0.3, ids), rel=1e-10)

    # The teacher's side of the temperature is a constant, so its numeric gradient is the student's alone.
    def student(image, text):
        return itc_loss(image, text, *made[2:], queue, temperature, 0.3, numbers).loss

    assert torch.autograd.gradcheck(student, made[:2])


def test_only_the_student_learns_the_temperature():
    made, queue = features(3), FeatureQueue(0, 4, 5)
    temperature = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    itc_loss(*made, queue, temperature, 0.4).loss.backward()
    assert made[0].grad.any() and made[1].grad.any()
    assert made[2].grad is None and made[3].grad is None
    step = 1e-6
    image, text, image_m, text_m = (one.detach() for one in made)
    texts, images = torch.cat([text_m, queue.texts.double()]), torch.cat([image_m, queue.images.double()])
    hard = torch.eye(4, 8, dtype=torch.float64)
    to_texts = soft_targets(image_m @ texts.T / 0.2, hard, 0.4)
    to_images = soft_targets(text_m @ images.T / 0.2, hard, 0.4)

    def at(value):
        return (
            soft_cross_entropy(image @ texts.T / value, to_texts)
            + soft_cross_entropy(text @ images.T / value, to_images)
        ) / 2

    assert temperature.grad.item() == pytest.approx(((at(0.2 + step) - at(0.2 - step)) / 2 / step).item(), rel=1e-6)


def test_hard_targets_without_a_queue_are_clips_loss():
    image, text = features(4)[:2]
    empty = FeatureQueue(0, 0, 5)
    ours = itc_loss(image, text, image, text, empty, torch.tensor(0.07), 0.0).loss
    torch.testing.assert_close(ours, open_clip.ClipLoss()(image, text, 1 / torch.tensor(0.07)), check_dtype=False)


def test_same_image_is_uniform_and_nobody_is_never_one():
    targets = same_image(torch.tensor([4, 9]), torch.tensor([4, 9, 4, -1, 4, 2]))
    torch.testing.assert_close(targets, torch.tensor([[1 / 3, 0, 1 / 3, 0, 1 / 3, 0], [0, 1, 0, 0, 0, 0]]))


def test_gives_the_batchs_logits_and_leaves_the_queue():
    made, queue = features(5), FeatureQueue(0, 8, 5)
    before = queue.images.clone()
    out = itc_loss(*made, queue, torch.tensor(0.1), 0.4)
    assert torch.equal(queue.images, before) and int(queue.pointer) == 0
    torch.testing.assert_close(out.image_to_text, (made[0] @ made[3].T / 0.1).detach(), check_dtype=False)
    torch.testing.assert_close(out.text_to_image, (made[1] @ made[2].T / 0.1).detach(), check_dtype=False)
    assert not out.image_to_text.requires_grad


def test_16_bits_are_summed_in_32():
    made = [one.detach().bfloat16() for one in features(6)]
    loss = itc_loss(*made, FeatureQueue(0, 4, 5), torch.tensor(0.07), 0.4).loss
    wide = itc_loss(*(one.float() for one in made), FeatureQueue(0, 4, 5), torch.tensor(0.07), 0.4).loss
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, wide)


@pytest.mark.parametrize(("before", "after"), [(-1.0, 0.001), (0.07, 0.07), (3.0, 0.5)])
def test_golden_b6_temperature_range(before, after):
    temperature = torch.nn.Parameter(torch.tensor(before))
    clamp_temperature(temperature)
    assert temperature.item() == pytest.approx(after)


@pytest.mark.parametrize("ids", [None, [7, 3, 7, 5]])
def test_workers_halves_are_the_whole(ids):
    made, queue, temperature = features(7), FeatureQueue(0, 8, 5), torch.tensor(0.2)
    numbers = None if ids is None else torch.tensor(ids)
    whole = itc_loss(*made, queue, temperature, 0.3, numbers)
    halves = [
        itc_loss(made[0][at : at + 2], made[1][at : at + 2], *made[2:], queue, temperature, 0.3, numbers, at)
        for at in (0, 2)
    ]
    torch.testing.assert_close((halves[0].loss + halves[1].loss) / 2, whole.loss)
    for name in ("image_to_text", "text_to_image"):
        torch.testing.assert_close(torch.cat([getattr(half, name) for half in halves]), getattr(whole, name))
