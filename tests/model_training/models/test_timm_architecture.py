"""A config file in timm's form is timm's own model with those arguments."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.sizes import SIZES
from model_training.models.timm import TimmEncoder, TimmSpec
from model_training.models.timm_architecture import create

import timm  # isort: skip


@pytest.mark.parametrize(("size", "parameters", "side"), [("tiny", 820_352, 32), ("small", 21_000_000, 128)])
def test_the_sizes_that_come_with_the_project(size, parameters, side):
    model = create(SIZES["timm"][size])
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(parameters, rel=0.05)
    seen = timm.data.resolve_model_data_config(model)
    assert seen["input_size"] == (3, side, side) and seen["crop_pct"] == 1 and seen["mean"] == (0.485, 0.456, 0.406)


def test_a_file_is_timms_model_with_its_arguments(tmp_path):
    said = {
        "architecture": "vit_tiny_patch16_224",
        "model_args": {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2},
        "pretrained_cfg": {"input_size": [3, 16, 16], "mean": [0.1, 0.2, 0.3], "std": [1, 1, 1], "crop_pct": 1.0},
    }
    path = tmp_path / "vit.json"
    path.write_text(json.dumps(said))
    torch.manual_seed(0)
    model = timm.create_model(said["architecture"], num_classes=10, **said["model_args"]).eval()
    save_file(model.state_dict(), tmp_path / "vit.safetensors")
    encoder = TimmEncoder(TimmSpec("vit", str(path), str(tmp_path / "vit.safetensors")))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    inputs = torch.from_numpy(pixels / 255 - [0.1, 0.2, 0.3]).permute(2, 0, 1).float()[None]
    with torch.inference_mode():
        vector = model.forward_head(model.forward_features(inputs), pre_logits=True)
    expected = torch.nn.functional.normalize(vector, dim=-1).numpy()
    np.testing.assert_allclose(encoder.encode_images([Image.fromarray(pixels)]), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable"),
        ("[]", "not a model config"),
        ("{}", "says no `architecture`"),
        ('{"architecture": "vit_of_mars"}', "'vit_of_mars'"),
    ],
)
def test_files_that_say_nothing_usable(tmp_path, text, message):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(InputError, match=message):
        create(str(tmp_path / "m.json"))
    with pytest.raises(InputError, match="not readable"):
        create(str(tmp_path / "none.json"))
