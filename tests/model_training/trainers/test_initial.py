"""A model starts from a file's weights, strictly, whole or one tower, and is told which."""

import json
from dataclasses import replace

import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.weights import Weights
from model_training.trainers.clip import Clip
from model_training.trainers.loop import train
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import SMALL, job

import timm  # isort: skip

TIMM = {
    **SMALL,
    "vision_cfg": {
        "timm_model_name": "test_efficientnet_gn", "timm_model_pretrained": False, "timm_pool": "avg",
        "timm_proj": "linear", "image_size": 32,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("initial")


def arch(place, name="small", config=SMALL):
    path = place / f"{name}.json"
    path.write_text(json.dumps(config))
    return str(path)


@pytest.fixture(scope="module")
def saved(place):
    """A file of another seed's weights, and what is in it."""
    tensors = Clip(Plan(arch(place), 8, 8), 5, held.CPU).weights()
    tensors["logit_scale"].fill_(1.5)
    return file_of(place, "clip", tensors), tensors


def file_of(place, name, tensors):
    path = str(place / f"{name}.safetensors")
    safetensors.torch.save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)
    return path


def started(arch, file, part="all", **fields):
    return Clip(Plan(arch, 8, 8, init=Weights("train.init", arch, file, **fields), init_part=part), 0, held.CPU)


@pytest.mark.parametrize("part", ["all", "image", "text"])
def test_a_part_is_the_files_and_the_rest_the_seeds(place, saved, part):
    file, tensors = saved
    clip, drawn = started(arch(place), file, part), Clip(Plan(arch(place), 8, 8), 0, held.CPU).weights()
    for name, tensor in clip.weights().items():
        image = name.startswith("visual.")
        loaded = part == "all" or (name != "logit_scale" and image == (part == "image"))
        assert torch.equal(tensor, tensors[name] if loaded else drawn[name]), name
        assert (name in clip.loaded) == loaded


def test_the_towers_of_both_of_open_clips_kinds_of_models_fit(place, saved):
    file, tensors = saved
    custom = arch(place, "custom", {**SMALL, "custom_text": True})
    clip = started(custom, file)
    assert torch.equal(clip.weights()["text.ln_final.bias"], tensors["ln_final.bias"])
    again = started(arch(place), file_of(place, "custom", clip.weights()), "text")
    assert torch.equal(again.weights()["token_embedding.weight"], tensors["token_embedding.weight"])


def test_an_image_tower_may_come_from_a_file_with_another_text_tower_and_size(place, saved):
    wide = {**SMALL, "text_cfg": {**SMALL["text_cfg"], "width": 16}}
    wide["vision_cfg"] = {**SMALL["vision_cfg"], "image_size": 32}
    clip = started(arch(place, "wide", wide), saved[0], "image")
    assert torch.equal(clip.weights()["visual.proj"], saved[1]["visual.proj"])
    assert clip.weights()["visual.positional_embedding"].shape == (17, 16)
    with pytest.raises(InputError, match=r"clip\.safetensors: does not fit .*wide"):
        started(arch(place, "wide", wide), saved[0], "text")


def test_a_trunk_comes_from_a_timm_checkpoint_but_for_its_classifier(place):
    torch.manual_seed(3)
    trunk = timm.create_model("test_efficientnet_gn", pretrained=False)
    clip = started(arch(place, "timm", TIMM), file_of(place, "trunk", trunk.state_dict()), "image")
    found, wanted = clip.model.visual.trunk.state_dict(), trunk.state_dict()
    assert set(wanted) - set(found) == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(found[name], wanted[name]) for name in found)
    assert clip.loaded == {f"visual.trunk.{name}" for name in found}
    del wanted["conv_stem.weight"]
    with pytest.raises(InputError, match=r"trunk2\.safetensors: has no visual\.trunk\.conv_stem\.weight"):
        started(arch(place, "timm", TIMM), file_of(place, "trunk2", wanted), "image")


def test_what_does_not_fit_is_refused_by_the_files_name(place, saved):
    file, tensors = saved
    lacking = {name: tensor for name, tensor in tensors.items() if name != "visual.proj"}
    with pytest.raises(InputError, match=r"lacking\.safetensors: has no visual\.proj"):
        started(arch(place), file_of(place, "lacking", lacking), "image")
    assert started(arch(place), file_of(place, "lacking", lacking), "text").loaded
    with pytest.raises(InputError, match=r"more\.safetensors: has visual\.more, which the model has not"):
        started(arch(place), file_of(place, "more", {**tensors, "visual.more": torch.zeros(1)}))
    (place / "torn.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"torn\.safetensors: not readable"):
        started(arch(place), str(place / "torn.safetensors"))
    with pytest.raises(InputError, match="can run code"):
        (place / "pickle.pt").write_bytes(b"nothing")
        started(arch(place), str(place / "pickle.pt"))
    with pytest.raises(InputError, match="there is no file"):
        started(arch(place), str(place / "absent.safetensors"))
    with pytest.raises(InputError, match="has sha256"):
        started(arch(place), file, sha256="0" * 64)


def test_a_training_goes_on_from_what_another_wrote(tmp_path):
    first = job(tmp_path, "train/first", samples_seen=8 * 100, lr=1e-2, weight_decay=0.0)
    before = train(first).loss
    init = Weights("train.init", first.plan.arch, first.folder.path("train/first/checkpoint.safetensors"))
    more = replace(first, under="train/more", plan=replace(first.plan, init=init, samples_seen=80, lr=1e-3))
    assert train(more).loss < 1.2 * before
    assert train(replace(more, plan=replace(more.plan, init=None), under="train/none")).loss > 1.5 * before
    held.resumed_it_is_the_unbroken(more, tmp_path)
