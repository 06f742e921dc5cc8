"""Options: the plan's before the config's before the published; what is not known or cannot be is refused by name."""

import json
from dataclasses import replace

import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.models.timm_architecture import create
from model_training.models.weights import Weights
from model_training.trainers.contrastive_options import FilipOptions
from model_training.trainers.objectives import build
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan
from model_training.trainers.self_distillation_options import DinoOptions
from tests.model_training.trainers import held
from tests.model_training.trainers.small import SMALL
from tests.model_training.trainers.small_blip import BLIP
from tests.model_training.trainers.small_vit import VIT

PLAN = Plan("m.json", 8, 8, objective="dino", options=(("hidden", 5),))
MADE = {"dino": VIT, "ibot": VIT, "blip": {**BLIP, "options": {"blip": {"queue": 0}}}, "clip": SMALL}


def test_the_plans_come_before_the_configs_before_the_published():
    said = options_of(DinoOptions, PLAN, {"options": {"dino": {"hidden": 3, "momentum": [0.9, 1]}, "ibot": {"x": 1}}})
    assert (said.hidden, said.momentum, said.bottleneck) == (5, (0.9, 1.0), DinoOptions().bottleneck)
    assert options_of(DinoOptions, PLAN).hidden == options_of(DinoOptions, PLAN, {}).hidden == 5
    assert options_of(FilipOptions, replace(PLAN, options=())) == FilipOptions()


@pytest.mark.parametrize("options", [{"hiden": 3}, {"hidden": "wide"}, {"momentum": [0.9]}, {"hidden": None}])
def test_what_cannot_be_is_refused_by_its_name(options):
    (name,) = options
    with pytest.raises(InputError, match=rf"m\.json: options\.dino.*{name}"):
        options_of(DinoOptions, PLAN, {"options": {"dino": options}})
    with pytest.raises(InputError, match=f"^options.*{name}"):
        options_of(DinoOptions, replace(PLAN, options=tuple(options.items())))


def built(folder, objective, config, **plan):
    path = folder / "model.json"
    path.write_text(json.dumps(config))
    given = {"arch": str(path), "samples_seen": 16, "batch": 8, "objective": objective, **plan}
    return build(Plan(**given), 0, held.CPU)


@pytest.mark.parametrize("objective", ["dino", "ibot", "blip"])
@pytest.mark.parametrize("options", [[1], {"OWN": [1]}, {"OWN": {"no_such": 1}}, {"OWN": {"epochs": "many"}}])
def test_a_damaged_config_is_refused_by_its_file(tmp_path, objective, options):
    if isinstance(options, dict):
        options = {objective: options["OWN"]}
    with pytest.raises(InputError, match=r"model\.json: .*options"):
        built(tmp_path, objective, {**MADE[objective], "options": options})


@pytest.mark.parametrize(
    ("objective", "change"),
    [
        *[(name, None) for name in MADE],
        ("blip", {"text_config": [1]}),
        ("blip", {"text_config": {**BLIP["text_config"], "vocab_size": None}}),
        ("blip", {"vision_config": [1]}),
        ("clip", {"text_cfg": [1]}),
        ("clip", {"text_cfg": {**SMALL["text_cfg"], "vocab_size": 100}}),
        ("clip", {"vision_cfg": [1]}),
        ("clip", {"embed_dim": "wide"}),
        ("dino", {"model_args": [1]}),
        ("dino", {"pretrained_cfg": [1]}),
        ("dino", {"model_args": {"img_size": 16, "patch_size": 4, "no_such": 16}}),
    ],
)
def test_a_config_of_which_no_model_can_be_made_is_refused(tmp_path, objective, change):
    with pytest.raises(InputError, match=r"model"):
        built(tmp_path, objective, [1] if change is None else {**MADE[objective], **change})


def test_a_tokenizer_that_is_not_here_is_refused_and_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"timm/ViT-B-16-SigLIP, and its tokenizer would be asked of a hub"):
        build(Plan("ViT-B-16-SigLIP", 16, 8), 0, held.CPU)


def test_a_damaged_file_to_start_from_is_refused(tmp_path):
    (tmp_path / "vit.json").write_text(json.dumps(VIT))
    file, arch = tmp_path / "vit.safetensors", str(tmp_path / "vit.json")
    safetensors.torch.save_file(create(arch).state_dict(), str(file))
    plan = Plan(arch, 16, 8, objective="dino", init=Weights("train.init", arch, str(file)))
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(InputError, match=r"vit\.safetensors"):
        build(plan, 0, held.CPU)
