"""SigLIP trains with its golden loss and its published start; a pre-trained image tower is spared."""

import math

import numpy as np
import pytest
import safetensors.torch

from model_training.libraries import torch
from model_training.losses.siglip import LOGIT_BIAS, LOGIT_SCALE, siglip_loss
from model_training.models.weights import Weights
from model_training.trainers.clip import Clip
from model_training.trainers.plan import Plan
from model_training.trainers.siglip import Siglip
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return job(tmp_path_factory.mktemp("siglip"), objective="siglip", lr=1e-2, weight_decay=0.0)


@pytest.fixture(scope="module")
def fresh(given):
    return Siglip(given.plan, 0, held.CPU)


def test_a_step_is_the_golden_loss_of_open_clips_features(fresh):
    inputs = held.inputs_of(fresh.eval())
    with torch.no_grad():
        out = fresh.model(fresh.pixels(inputs.views[0]), inputs.tokens)
        found = fresh.loss(*fresh.encode(inputs)).item()
        expected = siglip_loss(out["image_features"], out["text_features"], math.exp(LOGIT_SCALE), LOGIT_BIAS)
    assert found == pytest.approx(expected.item(), rel=1e-5)
    numbers = fresh.numbers()
    assert numbers == {"logit_scale": pytest.approx(10), "logit_bias": -10}


def test_golden_d4_the_first_loss_is_near_its_closed_form(fresh):
    """Of independent random embeddings: 10 + (B - 1) e^-10 e^(50 / d)."""
    batch, wide = 256, 512
    drawn, losses = torch.Generator().manual_seed(0), []
    with torch.no_grad():
        for _ in range(20):
            u, v = (torch.nn.functional.normalize(torch.randn(batch, wide, generator=drawn), dim=1) for _ in range(2))
            losses.append(fresh.loss(u, v).item())
    assert np.mean(losses) == pytest.approx(10 + 255 * math.exp(-10 + 50 / wide), abs=0.02)


@pytest.mark.parametrize("part", ["image", "all", "text", None])
def test_a_pretrained_image_tower_learns_slowly_and_does_not_decay(given, tmp_path, part):
    clip = Clip(Plan(given.plan.arch, 8, 8), 5, held.CPU)
    file = tmp_path / "clip.safetensors"
    safetensors.torch.save_file(clip.weights(), str(file))
    init = Weights("init", given.plan.arch, str(file)) if part else None
    objective = Siglip(Plan(given.plan.arch, 8, 8, init=init, init_part=part or "all"), 0, held.CPU)
    spared = {id(p) for p in objective.model.visual.parameters()} if part in ("image", "all") else set()
    groups = objective.groups()
    assert sum(len(group.parameters) for group in groups) == len(list(objective.parameters()))
    for group in groups:
        for parameter in group.parameters:
            assert group.scale == (0.1 if id(parameter) in spared else 1.0)
            assert group.decays == (parameter.ndim >= 2 and id(parameter) not in spared)
    # A softmax loss's scale without a bias is not this loss's.
    assert objective.model.logit_bias.item() == -10
    assert objective.model.logit_scale.item() == pytest.approx(math.log(10))


def test_it_learns(given):
    # 10 is the loss of knowing nothing but that most are no.
    assert held.learned(given, "train/learns", 150).loss < 2.5


def test_resumed_and_in_parts(given, tmp_path):
    held.resumed_it_is_the_unbroken(given, tmp_path)
    held.in_parts_it_is_the_same(given)
