"""Real models of a size for tests: two CLIPs by open_clip, and a vision transformer by timm."""

import json

import pytest
import safetensors.torch

from model_training.libraries import torch
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.models.timm import TimmEncoder, TimmSpec

import open_clip  # isort: skip
import timm  # isort: skip

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    folder, found = tmp_path_factory.mktemp("tiny"), []
    (folder / "tiny.json").write_text(json.dumps(TINY))
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = open_clip.CLIP(TINY["embed_dim"], vision_cfg=TINY["vision_cfg"], text_cfg=TINY["text_cfg"])
        weights = folder / f"{seed}.safetensors"
        safetensors.torch.save_file(model.state_dict(), str(weights))
        found.append(OpenClipEncoder(OpenClipSpec("tiny", str(folder / "tiny.json"), str(weights), batch=8)))
    return found


@pytest.fixture(scope="session")
def vit(tmp_path_factory):
    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False, num_classes=0)
    path = tmp_path_factory.mktemp("timm") / "vit.safetensors"
    safetensors.torch.save_file(model.state_dict(), path)
    return TimmEncoder(TimmSpec("vit", "test_vit", str(path), batch=16))


@pytest.fixture
def one_thread():
    """Threads wait for one another longer than problems of this size take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
