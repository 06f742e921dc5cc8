"""FILIP trains with its golden loss on open_clip's own tokens."""

import json
from dataclasses import replace

import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.data.batches import Batches
from model_training.data.order import Order, Position
from model_training.data.pixels import Pixels
from model_training.libraries import torch
from model_training.losses import filip as losses
from model_training.losses.clip import clip_loss
from model_training.losses.filip import filip_loss, strongest_tokens
from model_training.models.sizes import SIZES
from model_training.trainers.contrastive_options import FilipOptions
from model_training.trainers.filip import Filip
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import SMALL, job


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
        image, text, images, texts, real = objective.encode(inputs)
    torch.testing.assert_close(image, out["image_features"])
    torch.testing.assert_close(text, out["text_features"])
    assert images.shape == (8, 5, 16) and texts.shape == (8, 8, 16)
    torch.testing.assert_close(images[:, 0], out["image_features"])
    ends = inputs.tokens.argmax(1)
    torch.testing.assert_close(texts[torch.arange(8), ends], out["text_features"])
    start = inputs.tokens == inputs.tokens[0, 0]
    assert torch.equal(real, (inputs.tokens != 0) & ~start)


def test_the_end_token_ends_a_text_and_not_the_first_of_the_vocabulary(given):
    """Token 0 is an exclamation mark inside of a word, and padding."""
    objective = Filip(given.plan, 0, held.CPU)
    tokens = objective.tokenize(["oh !;% no"])
    assert tokens[0, 2] == 0
    inputs = replace(held.inputs_of(objective, 1), tokens=tokens)
    assert objective.encode(inputs)[4].tolist() == [[False, *[True] * 6, False]]


def test_a_timm_trunks_tokens_are_pooled_or_it_is_refused(place):
    path = place / "timm.json"
    path.write_text(json.dumps(timm("test_vit", "avg", 160)))
    objective = Filip(Plan(str(path), 8, 8), 0, held.CPU).eval()
    inputs = held.inputs_of(objective, 2)
    with torch.no_grad():
        trunk = objective.model.visual.trunk
        image, _, images, _, _ = objective.encode(inputs)
        features = trunk.forward_features(objective.pixels(inputs.views[0]))
        expected = torch.nn.functional.normalize(objective.model.visual.head(features[:, 3]), dim=-1)
        pooled = torch.nn.functional.normalize(objective.model.visual(objective.pixels(inputs.views[0])), dim=-1)
    torch.testing.assert_close(images[:, 3], expected)
    torch.testing.assert_close(image, pooled)
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


@pytest.mark.parametrize(("share", "pooled"), [(1.0, 0.0), (0.25, 0.0), (0.25, 1.0), (0.25, 0.5)])
def test_a_step_is_the_golden_loss_of_the_kept_tokens_and_clips_of_the_features(given, share, pooled):
    options = (("kept_share", share), ("chosen_among", 4), ("pooled_weight", pooled))
    plan = Plan(given.plan.arch, 8, 8, options=options)
    objective = Filip(plan, 0, held.CPU).eval()
    with torch.no_grad():
        image, text, images, texts, real = encoded = objective.encode(held.inputs_of(objective))
        found = objective.loss(*encoded).item()
        if share < 1:
            every, kept = torch.ones(8, 5, dtype=torch.bool), []
            for rows in (slice(0, 4), slice(4, 8)):
                best, _ = strongest_tokens(images[rows], every[rows], texts[rows], real[rows])
                kept.append((best, *strongest_tokens(texts[rows], real[rows], images[rows], every[rows])))
            images, texts, real = (torch.cat(parts) for parts in zip(*kept, strict=True))
            assert images.shape[1] == texts.shape[1] == 2
        scale = objective.model.logit_scale.exp()
        expected = (filip_loss(images, texts, real, scale) + pooled * clip_loss(image, text, scale)).item()
    assert found == pytest.approx(expected, rel=1e-5)
    assert FilipOptions().kept_share == losses.KEPT_SHARE


def test_it_learns_and_its_features_can_be_compared(given):
    """All pairs of the small data set in one batch: the nearest text by the features that open_clip gives."""
    given = replace(given, plan=replace(given.plan, flip=False, options=(("kept_share", 1.0),)))
    assert held.learned(given, "train/learns", 400).loss < 0.5
    objective = Filip(given.plan, 0, held.CPU).eval()
    objective.model.load_state_dict(safetensors.torch.load(given.folder.read("train/learns/checkpoint.safetensors")))
    batch = next(Batches(Order(given.shards, 0), Pixels(objective.views), objective.tokenize, 24)(Position()))
    with torch.no_grad():
        out = objective.model(objective.pixels(torch.from_numpy(batch.views[0])), torch.from_numpy(batch.tokens))
    nearest = (out["image_features"] @ out["text_features"].T).argmax(1)
    assert int((nearest == torch.arange(24)).sum()) > 12  # without the loss on them, 1


def test_the_size_for_minutes_can_be_trained():
    Filip(Plan(SIZES["open_clip"]["tiny"], 8, 8), 0, held.CPU)


def test_resumed_and_in_parts(given, tmp_path):
    held.resumed_it_is_the_unbroken(given, tmp_path)
    held.in_parts_it_is_the_same(given)
