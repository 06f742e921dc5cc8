"""BLIP's pre-training: its losses are the golden ones of the model's own features; it learns all three."""

import math
from dataclasses import replace

import numpy as np
import pytest

from curate.errors import InputError
from curate.uid import draw
from model_training.libraries import torch
from model_training.losses import blip_itc, blip_queue
from model_training.losses.blip_itc import itc_loss
from model_training.losses.blip_lm import lm_loss, with_first_token
from model_training.trainers.backward import Backward
from model_training.trainers.blip import Blip
from model_training.trainers.blip_options import BlipOptions
from tests.model_training.trainers import held
from tests.model_training.trainers.small_blip import blip_job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    torch.set_num_threads(1)
    return blip_job(tmp_path_factory.mktemp("blip"), "blip")


@pytest.fixture
def fresh(given):
    """At a step where targets are soft, with momentum encoders of their own and sharp similarities."""
    objective = Blip(given.plan, 0, held.CPU).eval()
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=drawn) / 3)
        objective.model.temperature.fill_(0.1)
    objective.step = 2
    return objective


@torch.no_grad()
def test_golden_b6_a_step_is_the_sum_of_the_three_losses(fresh):
    inputs = held.inputs_of(fresh)
    model, own = fresh.model, fresh.model.tokens
    found = float(fresh.loss(*fresh.encode(inputs)))
    numbers = fresh.numbers()
    # The whole width of the texts, one pair at a time where that is possible.
    states = model.image_states(fresh.pixels(inputs))
    images, texts = model.image_vectors(states), model.text_vectors(inputs.tokens)
    copies = replaced(fresh)
    images_m = copies.image_vectors(copies.image_states(fresh.pixels(inputs)))
    texts_m = copies.text_vectors(inputs.tokens)
    alpha = 0.4 * 2 / (2 * 3)
    contrast = itc_loss(images, texts, images_m, texts_m, fresh.queue, model.temperature, alpha)
    assert numbers["alpha"] == pytest.approx(alpha)
    assert numbers["itc_loss"] == pytest.approx(float(contrast.loss), rel=1e-5)
    captions = with_first_token(inputs.tokens, own.decode)
    said = float(lm_loss(model.writing_logits(captions, states), captions, pad=own.pad))
    assert numbers["lm_loss"] == pytest.approx(said, rel=1e-5)
    matching = by_hand(fresh, inputs, states, contrast)
    assert numbers["itm_loss"] == pytest.approx(matching, rel=1e-4)
    assert found == pytest.approx(float(contrast.loss) + said + matching, rel=1e-5)


def replaced(objective):
    """The model with the momentum encoders in the place of its own."""
    copies = Blip(objective.plan, 1, held.CPU).eval().model
    for name, copy in objective.momentum.items():
        getattr(copies, name).load_state_dict(copy.state_dict())
    return copies


def by_hand(objective, inputs, states, contrast):
    """ITM's mean over 3 B pairs, each asked alone."""
    own = objective.model.tokens
    asked = [(i, i, 1) for i in range(8)]
    for i, name in enumerate(inputs.names):
        for what, similarity in (("image", contrast.text_to_image), ("text", contrast.image_to_text)):
            weights = similarity[i].double().softmax(0).numpy() + 1e-4
            weights[i] = 0
            point = draw(0, name, f"negative {what}") * weights.sum()
            other = int(np.searchsorted(weights.cumsum(), point, side="right"))
            assert other != i
            asked.append((other, i, 0) if what == "image" else (i, other, 0))
    losses = []
    for image, text, label in asked:
        ids = with_first_token(inputs.tokens[text : text + 1], own.encode)
        logits = objective.model.matching_logits(ids, states[image : image + 1])[0].double()
        losses.append(float(logits.logsumexp(0) - logits[label]))
    assert len(losses) == 24 and np.std(losses) > 0.1
    return float(np.mean(losses))


def test_golden_b6_published_options():
    said = BlipOptions()
    assert (said.queue, said.momentum, said.alpha, said.ramp_epochs) == (57_600, 0.995, 0.4, 2)
    assert (said.epochs, said.lr_decay, said.lr_start, said.lr_end) == (20, 0.9, 1e-6, 1e-6)
    assert (said.label_smoothing, said.augment, said.crop_scale, said.max_tokens) == (
        0.1,
        "rand_augment",
        (0.2, 1.0),
        30,
    )
    assert (blip_queue.SIZE, blip_itc.ALPHA, blip_itc.TEMPERATURE) == (57_600, 0.4, 0.07)


def test_golden_b6_alpha_ramp_of_100_steps_an_epoch(given):
    plan = replace(given.plan, samples_seen=8 * 100 * 20, options=(("queue", 0), ("epochs", 20)))
    objective = Blip(plan, 0, held.CPU)
    for step, alpha in ((0, 0), (50, 0.1), (100, 0.2), (150, 0.3), (200, 0.4), (1000, 0.4)):
        objective.step = step
        assert objective.alpha == pytest.approx(alpha)


def test_golden_b6_learning_rate(given):
    plan = replace(given.plan, samples_seen=8 * 100 * 20, lr=3e-4, warmup=50)
    published = Blip(replace(plan, options=(("queue", 0),)), 0, held.CPU)
    paper = Blip(replace(plan, options=(("queue", 0), ("lr_decay", 0.85))), 0, held.CPU)
    for step in (200, 299):
        assert published.rates(step) == (pytest.approx(2.43e-4), 0.05)
        assert paper.rates(step)[0] == pytest.approx(2.1675e-4)
    assert published.rates(0)[0] == pytest.approx(1e-6)
    assert published.rates(25)[0] == pytest.approx((1e-6 + 3e-4) / 2)
    assert [published.rates(step)[0] for step in (50, 99, 100)] == pytest.approx([3e-4, 3e-4, 2.7e-4])


def test_golden_b6_the_queue_is_a_multiple_of_the_global_batch(given):
    for batch in (2880, 2400):
        Blip(replace(given.plan, batch=batch, options=(("queue", 57_600),)), 0, held.CPU)
    with pytest.raises(InputError, match="no multiple of a batch of 2881"):
        Blip(replace(given.plan, batch=2881, options=(("queue", 57_600),)), 0, held.CPU)


def test_golden_b6_momentum_queue_and_temperature_in_their_order(given):
    plan = replace(given.plan, options=(("queue", 16),))
    objective = Blip(plan, 0, held.CPU).train()
    before = {name: tensor.clone() for name, tensor in objective.momentum.named_parameters()}
    with torch.no_grad():
        objective.model.temperature.fill_(0.9)
        for name in before:
            objective.model.get_parameter(name).add_(1)
    objective.before_step(0)
    assert objective.model.temperature.item() == 0.5
    for name, copy in objective.momentum.named_parameters():
        torch.testing.assert_close(copy, before[name] + 0.005, atol=1e-5, rtol=0)
        assert not copy.requires_grad
    rows = objective.queue.images.clone()
    inputs = held.inputs_of(objective)
    Backward(objective, plan, held.CPU)(inputs)
    assert torch.equal(objective.queue.images, rows) and int(objective.queue.pointer) == 0
    objective.after_update(0)
    assert int(objective.queue.pointer) == 8 and torch.equal(objective.queue.images[8:], rows[8:])
    with torch.no_grad():
        torch.testing.assert_close(objective.queue.images[:8], objective.encode(inputs)[3])
        torch.testing.assert_close(objective.queue.texts[:8], objective.encode(inputs)[4])


@torch.no_grad()
def test_golden_b6_itm_of_a_head_that_does_not_know_is_ln_2(fresh):
    for parameter in fresh.model.itm_head.parameters():
        parameter.zero_()
    fresh.loss(*fresh.encode(held.inputs_of(fresh)))
    assert fresh.numbers()["itm_loss"] == pytest.approx(math.log(2))
    assert fresh.numbers()["itm_accuracy"] == pytest.approx(2 / 3)  # "no" to everything


def test_golden_b6_a_batch_of_one_raises(given):
    objective = Blip(replace(given.plan, batch=1, options=(("queue", 4),)), 0, held.CPU)
    with pytest.raises(InputError, match="no negative in its batch"):
        objective.loss(*objective.encode(held.inputs_of(objective, 1)))


def test_every_weight_gets_a_gradient_and_shared_ones_are_updated_once(given):
    objective = Blip(given.plan, 0, held.CPU).train()
    Backward(objective, given.plan, held.CPU)(held.inputs_of(objective))
    learned = [p for p in objective.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learned)
    grouped = [p for group in objective.groups() for p in group.parameters]
    assert len({id(p) for p in grouped}) == len(grouped) == len(learned) == len(objective.weights())


def test_it_learns(given):
    first = held.learned(given, "train/first", 1, warmup=1).loss
    assert held.learned(given, "train/learns", 150, warmup=20, lr=1e-2).loss < 0.6 * first
