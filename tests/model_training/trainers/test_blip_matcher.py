"""BLIP's matcher: golden losses of the model's own features, in which texts of one image are no negatives."""

from dataclasses import replace

import pytest

from curate.errors import InputError
from curate.uid import draw
from model_training.libraries import torch
from model_training.losses.blip_itc import itc_loss
from model_training.losses.blip_itm import retrieval_weights
from model_training.losses.blip_lm import with_first_token
from model_training.trainers.blip_matcher import BlipMatcher, ids_of
from tests.model_training.trainers import held
from tests.model_training.trainers.small_blip import blip_job

TWINS = {3: 0, 5: 0, 6: 2}  # rows of an image that another row shows too


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    torch.set_num_threads(1)
    return blip_job(tmp_path_factory.mktemp("matcher"), "blip_matcher")


@pytest.fixture
def fresh(given):
    objective = BlipMatcher(given.plan, 0, held.CPU).eval()
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        objective.model.temperature.fill_(0.2)
        for parameter in objective.model.itm_head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=drawn))
    objective.step = 1
    return objective


def with_twins(inputs):
    views = tuple(view.clone() for view in inputs.views)
    for row, other in TWINS.items():
        for view in views:
            view[row] = view[other]
    return replace(inputs, views=views)


def test_an_image_has_one_id_and_another_has_another(fresh):
    ids = ids_of(with_twins(held.inputs_of(fresh)).views[1])
    assert ids.dtype == torch.int64 and (ids >= 0).all() and len(set(ids.tolist())) == 8 - len(TWINS)
    assert all(ids[row] == ids[other] for row, other in TWINS.items())
    assert ids_of(torch.full((1, 2, 2, 3), 255)).item() == 2**62 - 1


@torch.no_grad()
def test_golden_b6_a_step_is_itc_and_itm_of_distinct_images(fresh):
    inputs = with_twins(held.inputs_of(fresh))
    model, own, ids = fresh.model, fresh.model.tokens, ids_of(inputs.views[1])
    fresh.queue.push(torch.eye(8), torch.eye(8), ids.flip(0))
    found = float(fresh.loss(*fresh.encode(inputs)))
    numbers = fresh.numbers()
    states = model.image_states(fresh.pixels(inputs))
    images, texts = model.image_vectors(states), model.text_vectors(inputs.tokens)
    assert numbers["alpha"] == pytest.approx(0.4 / 2)
    contrast = itc_loss(images, texts, images, texts, fresh.queue, model.temperature, 0.2, ids)
    assert numbers["itc_loss"] == pytest.approx(float(contrast.loss), rel=1e-5)
    asked = [(i, i, 1) for i in range(8)]
    for i, name in enumerate(inputs.names):
        for what, row in (("image", texts[i] @ images.T), ("text", images[i] @ texts.T)):
            weights = retrieval_weights(row[None] / 0.2, ids[i : i + 1], ids)[0].double()
            point = draw(0, name, f"negative {what}") * weights.sum()
            other = int((weights.cumsum(0) <= point).sum())
            assert ids[other] != ids[i]
            asked.append((other, i, 0) if what == "image" else (i, other, 0))
    losses = []
    for image, text, label in asked:
        tokens = with_first_token(inputs.tokens[text : text + 1], own.encode)
        logits = model.matching_logits(tokens, states[image : image + 1])[0]
        losses.append(logits.logsumexp(0) - logits[label])
    matching = float(torch.stack(losses).mean())
    assert numbers["itm_loss"] == pytest.approx(matching, rel=1e-4)
    assert found == pytest.approx(float(contrast.loss) + matching, rel=1e-5)


def test_the_queue_remembers_whose_features_it_holds(fresh):
    inputs = with_twins(held.inputs_of(fresh))
    fresh.loss(*fresh.encode(inputs))
    assert fresh.queue.ids.tolist() == [-1] * 16
    fresh.after_update(1)
    assert fresh.queue.ids.tolist() == [*ids_of(inputs.views[1]).tolist(), *[-1] * 8]


def test_a_batch_of_one_image_is_refused(fresh):
    inputs = held.inputs_of(fresh)
    views = tuple(view[:1].expand_as(view) for view in inputs.views)
    with pytest.raises(InputError, match="of images with different ids"):
        fresh.loss(*fresh.encode(replace(inputs, views=views)))


def test_it_learns(given):
    first = held.learned(given, "train/first", 1, warmup=1).loss
    assert held.learned(given, "train/learns", 200, warmup=20, lr=1e-2).loss < 0.8 * first
