"""LiT: the image tower stays as it was, bit for bit, and its kept embeddings give the same loss."""

import json
from dataclasses import replace

import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.clip import clip_loss
from model_training.losses.lit import unlocked
from model_training.models.weights import Weights
from model_training.trainers import lit
from model_training.trainers.clip import Clip
from model_training.trainers.lit import Lit
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import SMALL, job

import timm  # isort: skip

TRUNK = {  # with batch normalisation, whose statistics move in every forward pass of a training
    "timm_model_name": "test_efficientnet", "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear",
    "image_size": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lit")
    (folder / "norm.json").write_text(json.dumps({**SMALL, "vision_cfg": TRUNK}))
    job(folder)
    return folder


def given(place, arch="small", part="image", trunk=False, **plan):
    """A job from a file of another seed's weights."""
    path, file = str(place / f"{arch}.json"), place / f"{arch}-{trunk}.safetensors"
    if trunk:
        torch.manual_seed(5)
        tensors = timm.create_model(TRUNK["timm_model_name"], pretrained=False).state_dict()
    else:
        tensors = Clip(Plan(path, 8, 8), 5, held.CPU).weights()
    safetensors.torch.save_file(tensors, str(file))
    init = Weights("train.init", path, str(file))
    given = {"objective": "lit", "lr": 1e-2, "weight_decay": 0.1, "flip": False, **plan}
    return job(place, f"train/{arch}", arch=path, init=init, init_part=part, **given)


def written(given):
    return safetensors.torch.load(given.folder.read(f"{given.under}/checkpoint.safetensors"))


@pytest.mark.parametrize("arch", ["small", "norm"])
def test_golden_b4_after_training_the_tower_is_bit_identical_batch_norm_included(place, arch):
    started = given(place, arch)
    first = held.learned(started, "train/one", 1).loss
    trained = held.learned(started, f"train/{arch}", 100)
    assert trained.loss < 0.9 * first
    before, after = Clip(started.plan, 0, held.CPU).weights(), written(started)
    assert any("running_mean" in name for name in before) == (arch == "norm")
    for name in before:
        if not name.endswith("attn_mask"):
            assert torch.equal(before[name], after[name]) == name.startswith("visual."), name


def test_nothing_of_the_tower_can_move(place):
    objective = Lit(given(place, "norm").plan, 0, held.CPU).train()
    assert unlocked(objective.model.visual) == []
    assert objective.model.transformer.training
    trained = {id(p) for group in objective.groups() for p in group.parameters}
    assert not trained & {id(p) for p in objective.model.visual.parameters()}


def test_a_step_is_the_golden_loss_and_kept_embeddings_are_computed_ones(place):
    started = given(place)
    objective = Lit(started.plan, 0, held.CPU).train()
    plain = Lit(replace(started.plan, options=(("keep_embeddings", False),)), 0, held.CPU).train()
    inputs = held.inputs_of(objective)
    with torch.no_grad():
        out = objective.model.eval()(objective.pixels(inputs.views[0]), inputs.tokens)
        expected = clip_loss(*(out[name] for name in ("image_features", "text_features", "logit_scale"))).item()
        assert objective.loss(*objective.encode(inputs)).item() == pytest.approx(expected, rel=1e-5)
        assert len(objective._kept) == 8
        again, computed = objective.encode(inputs), plain.encode(inputs)
    assert objective.loss(*again).item() == pytest.approx(plain.loss(*computed).item(), rel=1e-6)
    torch.testing.assert_close(again[0], computed[0], rtol=1e-5, atol=1e-6)
    assert not plain._kept


def test_a_kept_embedding_does_not_depend_on_its_neighbours_nor_on_what_was_kept(place, monkeypatch):
    objective = Lit(given(place, "norm").plan, 0, held.CPU).train()
    inputs = held.inputs_of(objective, 12)
    whole = objective.embedded(inputs.views[0])
    objective._kept.clear()
    parts = torch.cat([objective.embedded(inputs.part(range(at, at + 3)).views[0]) for at in (9, 6, 3, 0)][::-1])
    assert torch.equal(whole, parts)
    objective._kept.clear()
    monkeypatch.setattr(lit, "KEPT_BYTES", 100)
    assert torch.equal(objective.embedded(inputs.views[0]), whole) and len(objective._kept) < 12


def test_crops_are_not_kept(place):
    objective = Lit(given(place, crop_area=0.8).plan, 0, held.CPU).train()
    objective.encode(held.inputs_of(objective))
    assert not objective._kept


def test_a_projection_is_learned_on_request_or_where_the_file_has_none(place):
    asked = given(place, options=(("learn_projection", True),))
    alone = given(place, "norm", trunk=True)
    for started, learned in ((asked, {"visual.proj"}), (alone, {"visual.head.proj.weight"})):
        held.learned(started, started.under, 3)
        before, after = Lit(started.plan, 0, held.CPU).weights(), written(started)
        moved = {name for name in before if name.startswith("visual.") and not torch.equal(before[name], after[name])}
        assert moved == learned
        objective = Lit(started.plan, 0, held.CPU).eval()
        inputs = held.inputs_of(objective)
        with torch.no_grad():
            out = objective.model(objective.pixels(inputs.views[0]), inputs.tokens)
            torch.testing.assert_close(objective.encode(inputs)[0], out["image_features"], rtol=1e-5, atol=1e-5)


def test_without_an_image_tower_to_lock_it_is_refused(place):
    plan = given(place).plan
    for change in ({"init": None}, {"init_part": "text"}):
        with pytest.raises(InputError, match="locks an image tower"):
            Lit(replace(plan, **change), 0, held.CPU)


@pytest.mark.parametrize("learns", [False, True])
def test_resumed_and_in_parts(place, tmp_path, learns):
    started = given(place, part="all", options=(("learn_projection", learns),))
    held.resumed_it_is_the_unbroken(started, tmp_path)
    held.in_parts_it_is_the_same(started)
