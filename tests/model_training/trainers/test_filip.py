"""FILIP trains with its golden loss on open_clip's own tokens."""

import json

import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses import filip as losses
from model_training.losses.filip import filip_loss, strongest_tokens
from model_training.models.sizes import SIZES
from model_training.trainers.contrastive_options import FilipOptions
from model_training.trainers.filip import Filip
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import SMALL, job

EVERY = (("kept_share", 1.0),)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("filip")


@pytest.fixture(scope="module")
def given(place):
    return job(place, objective="filip", lr=1e-2, weight_decay=0.0)


def arch(place, name, **change):
    config = {**SMALL, **{key: {**SMALL[key], **value} for key, value in change.items() if isinstance(value, dict)}}
    config |= {key: value for key, value in change.items() if not isinstance(value, dict)}
    (place / f"{name}.json").write_text(json.dumps(config))
    return str(place / f"{name}.json")


def timm(name, pool, side=224):
    about = {"timm_model_name": name, "timm_model_pretrained": False, "timm_pool": pool, "timm_proj": "linear"}
    return {**SMALL, "vision_cfg": {**about, "image_size": side}}


@pytest.mark.parametrize("custom", [False, True])
def test_tokens_are_those_that_open_clip_pools(place, custom):
    objective = Filip(Plan(arch(place, f"custom{custom}", custom_text=custom), 8, 8), 0, held.CPU).eval()
    inputs = held.inputs_of(objective)
    with torch.no_grad():
        out = objective.model(objective.pixels(inputs.views[0]), inputs.tokens)
        images, texts, real = objective.encode(inputs)
    assert images.shape == (8, 5, 16) and texts.shape == (8, 8, 16)
    torch.testing.assert_close(images[:, 0], out["image_features"])
    ends = inputs.tokens.argmax(1)
    torch.testing.assert_close(texts[torch.arange(8), ends], out["text_features"])
    assert real.sum(1).tolist() == (ends + 1).tolist()
    assert torch.equal(real, inputs.tokens != 0)


def test_the_end_token_ends_a_text_and_not_the_first_of_the_vocabulary(place, given):
    """Token 0 is an exclamation mark, and padding."""
    objective = Filip(given.plan, 0, held.CPU)
    tokens = objective.tokenize(["oh ! no"])
    assert tokens[0, 2] == 0
    inputs = held.inputs_of(objective, 1)
    changed = type(inputs)(inputs.views, tokens, inputs.names, 0, 1, 0)
    assert objective.encode(changed)[2].tolist() == [[True] * 5 + [False] * 3]


def test_a_timm_trunks_tokens_are_pooled_or_it_is_refused(place):
    path = place / "timm.json"
    path.write_text(json.dumps(timm("test_vit", "avg", 160)))
    objective = Filip(Plan(str(path), 8, 8), 0, held.CPU).eval()
    inputs = held.inputs_of(objective, 2)
    with torch.no_grad():
        trunk = objective.model.visual.trunk
        images = objective.encode(inputs)[0]
        features = trunk.forward_features(objective.pixels(inputs.views[0]))
        expected = torch.nn.functional.normalize(objective.model.visual.head(features[:, 3]), dim=-1)
    torch.testing.assert_close(images[:, 3], expected)
    path.write_text(json.dumps(timm("test_convnext", "avg", 160)))
    with pytest.raises(InputError, match="does more to its tokens"):
        Filip(Plan(str(path), 8, 8), 0, held.CPU)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("pooled", {"vision_cfg": {"attentional_pool": True, "attn_pooler_heads": 2}}, "pools by attention"),
        ("last", {"custom_text": True, "text_cfg": {"pool_type": "last"}}, "does not end"),
        ("class", {"custom_text": True, "text_cfg": {"embed_cls": True}}, "class token"),
        ("resnet", {"vision_cfg": {"layers": [1, 1, 1, 1], "width": 16, "image_size": 32}}, "no projection"),
    ],
)
def test_towers_without_tokens_are_refused(place, name, change, reason):
    with pytest.raises(InputError, match=reason):
        Filip(Plan(arch(place, name, **change), 8, 8), 0, held.CPU)


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_step_is_the_golden_loss_of_the_kept_tokens(given, share):
    plan = Plan(given.plan.arch, 8, 8, options=(("kept_share", share), ("chosen_among", 4)))
    objective = Filip(plan, 0, held.CPU).eval()
    with torch.no_grad():
        images, texts, real = encoded = objective.encode(held.inputs_of(objective))
        found = objective.loss(*encoded).item()
        if share < 1:
            every, kept = torch.ones(8, 5, dtype=torch.bool), []
            for rows in (slice(0, 4), slice(4, 8)):
                best, _ = strongest_tokens(images[rows], every[rows], texts[rows], real[rows])
                kept.append((best, *strongest_tokens(texts[rows], real[rows], images[rows], every[rows])))
            images, texts, real = (torch.cat(parts) for parts in zip(*kept, strict=True))
            assert images.shape[1] == texts.shape[1] == 2
        expected = filip_loss(images, texts, real, objective.model.logit_scale.exp()).item()
    assert found == pytest.approx(expected, rel=1e-5)
    assert FilipOptions().kept_share == losses.KEPT_SHARE


def test_it_learns_and_so_do_the_pooled_features(given):
    assert held.learned(given, "train/learns", 150).loss < 0.8
    import safetensors.torch

    objective = Filip(given.plan, 0, held.CPU).eval()
    data = given.folder.read("train/learns/checkpoint.safetensors")
    objective.model.load_state_dict(safetensors.torch.load(data))


def test_the_size_for_minutes_can_be_trained():
    Filip(Plan(SIZES["open_clip"]["tiny"], 8, 8), 0, held.CPU)


def test_resumed_and_in_parts(given, tmp_path):
    held.resumed_it_is_the_unbroken(given, tmp_path)
    held.in_parts_it_is_the_same(given)
