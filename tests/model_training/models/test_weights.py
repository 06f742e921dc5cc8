"""Files that are damaged, and what an identity holds, for every family."""

import json
import shutil

import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.blip import Blip
from model_training.models.blip_inference import load as load_blip
from model_training.models.blip_spec import BlipCaptionerSpec, BlipSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import load
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.models.sizes import SIZES
from model_training.models.timm import TimmSpec
from model_training.models.weights import Weights, architecture, read_config
from tests.model_training.models import blip_folders
from tests.model_training.models.test_open_clip import TINY

import open_clip  # isort: skip
import safetensors.torch  # isort: skip

DAMAGED = {
    "header": b"\x10\0\0\0\0\0\0\0garbage",
    "nothing": b"",
    "cut": safetensors.torch.save({"a": torch.ones(9)})[:-4],
    "no tensors": safetensors.torch.save({}),
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("kind", [OpenClipSpec, TimmSpec, BlipSpec, CocaSpec])
def test_a_damaged_file_of_weights_is_an_error_with_the_next_step(tmp_path, kind, what):
    path = tmp_path / "w.safetensors"
    path.write_bytes(DAMAGED[what])
    arch = {OpenClipSpec: SIZES["open_clip"]["tiny"], TimmSpec: SIZES["timm"]["tiny"]}.get(kind, "tiny")
    with pytest.raises(InputError, match="fetch the file again"):
        load(kind("m", arch, str(path)))


def test_a_damaged_blip_folder_is_an_error(tmp_path):
    blip_folders.write(tmp_path / "c", "BlipForConditionalGeneration")
    spec = BlipCaptionerSpec("c", "", str(tmp_path / "c"))
    (tmp_path / "c/preprocessor_config.json").write_text("{")
    with pytest.raises(InputError, match="preprocessor_config"):
        load_blip(spec)
    config = json.loads((tmp_path / "c/config.json").read_text())
    config["text_config"]["bos_token_id"] = None
    (tmp_path / "c/config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="no bos_token_id"):
        load_blip(spec)
    (tmp_path / "c/model.safetensors").write_bytes(DAMAGED["header"])
    with pytest.raises(InputError, match="fetch the file again"):
        load_blip(spec)


@pytest.mark.parametrize(
    "config",
    [
        [1],
        {"text_config": [1]},
        {"text_config": {"vocab_size": None, "max_position_embeddings": 3}},
        {"vision_config": {"num_attention_heads": 3, "hidden_size": 64}},
        {"vision_config": [1]},
    ],
)
def test_a_blip_config_that_cannot_be_is_an_error(tmp_path, config):
    if isinstance(config, dict):
        config = {**read_config(SIZES["blip"]["tiny"]), **config}
    (tmp_path / "b.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"b\.json"):
        Blip.from_config(str(tmp_path / "b.json"))


@pytest.mark.parametrize("config", [[1], {"embed_dim": 4}, {**TINY, "vision_cfg": 3}, {**TINY, "odd": 1}])
def test_a_clip_config_that_cannot_be_is_an_error(tmp_path, config):
    (tmp_path / "o.json").write_text(json.dumps(config))
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"o\.json"):
        OpenClipEncoder(OpenClipSpec("c", str(tmp_path / "o.json"), str(tmp_path / "w.safetensors")))


def test_a_sha256_is_held_or_refused_where_weights_are_a_name():
    digest = {"allow_download": True, "sha256": "0" * 64}
    with pytest.raises(InputError, match="sha256 is a file's, and openai is not a file here"):
        _ = OpenClipSpec("c", "ViT-B-32", "openai", **digest).identity
    blip = BlipSpec("b", "", "Salesforce/blip", allow_download=True)  # its files are looked at after the download
    assert blip.identity != BlipSpec("b", "", "Salesforce/blip", **digest).identity


def test_a_folder_stands_for_its_content_and_is_no_file_of_weights(tmp_path):
    blip_folders.write(tmp_path / "a", "BlipForConditionalGeneration")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = architecture(str(tmp_path / "a"))
    assert first == architecture(str(tmp_path / "b"))
    with (tmp_path / "b/vocab.txt").open("a") as file:
        file.write("more\n")
    assert first != architecture(str(tmp_path / "b"))
    for allow_download in (False, True):
        with pytest.raises(InputError, match="is a folder"):
            _ = Weights("train.init", "ViT-B-32", str(tmp_path / "a"), allow_download).identity


@pytest.fixture
def siglip(tmp_path):
    """A model whose tokenizer is a hub's by its config, its weights, and a folder with a tokenizer."""
    blip_folders.write(tmp_path / "words", "BlipForConditionalGeneration")
    text = {**TINY["text_cfg"], "hf_tokenizer_name": "timm/ViT-B-16-SigLIP"}
    (tmp_path / "s.json").write_text(json.dumps({**TINY, "text_cfg": text}))
    model = open_clip.CLIP(TINY["embed_dim"], vision_cfg=TINY["vision_cfg"], text_cfg=TINY["text_cfg"])
    safetensors.torch.save_file(model.state_dict(), str(tmp_path / "w.safetensors"))
    return {"name": "s", "arch": str(tmp_path / "s.json"), "weights": str(tmp_path / "w.safetensors")}


def test_nothing_is_asked_of_a_hub_that_was_not_allowed(siglip, tmp_path):
    with pytest.raises(InputError, match=r"tokenizer would be asked of a hub[\s\S]*`tokenizer`"):
        OpenClipEncoder(OpenClipSpec(**siglip))
    with pytest.raises(InputError, match="asks a hub for the config of roberta-base"):
        OpenClipEncoder(OpenClipSpec(**{**siglip, "arch": "roberta-ViT-B-32"}))
    with pytest.raises(InputError, match="no tokenizer"):
        (tmp_path / "empty").mkdir()
        OpenClipEncoder(OpenClipSpec(**siglip, tokenizer=str(tmp_path / "empty")))


def test_a_folders_tokenizer_is_used_and_is_in_the_identity(siglip, tmp_path):
    spec = OpenClipSpec(**siglip, tokenizer=str(tmp_path / "words"))
    encoder = OpenClipEncoder(spec)
    assert encoder._tokenizer(["a cat"]).shape == (1, 16) and encoder.encode_texts(["a cat"]).shape == (1, 32)
    before = spec.identity
    assert before != OpenClipSpec(**siglip).identity
    with (tmp_path / "words/vocab.txt").open("a") as file:
        file.write("more\n")
    assert spec.identity != before
