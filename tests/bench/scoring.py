"""CLIP scores of a pool (ViT-B-32, random weights, one thread each), beside a plain open_clip loop."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from curate.images import open_stored
from curate.signals import Batch
from curate.signals.clip_score import ClipScore
from model_training import libraries
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from tests.bench.clock import rate
from tests.conftest import picture

import open_clip  # isort: skip
import safetensors.torch  # isort: skip

torch = libraries.torch


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    torch.manual_seed(0)
    images = [open_stored(picture(i, (320, 240))) for i in range(64)]
    texts = [f"a picture of thing {i}" for i in range(64)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b32.safetensors"
        model, _, transform = open_clip.create_model_and_transforms("ViT-B-32", load_weights=False)
        safetensors.torch.save_file(model.state_dict(), str(path))
        signal = ClipScore("b32", [OpenClipEncoder(OpenClipSpec("b32", "ViT-B-32", str(path), batch=64))])
    tokenizer, model = open_clip.get_tokenizer("ViT-B-32"), model.eval()

    def plain() -> object:
        with torch.inference_mode():
            left = model.encode_image(torch.stack([transform(image) for image in images]), normalize=True)
            right = model.encode_text(tokenizer(texts), normalize=True)
            return (left * right).sum(1)

    ours = rate(64, lambda: signal.measure(Batch(texts, texts, images)), runs=2)
    yield "CLIP score, ViT-B-32, one thread", ours, "open_clip loop", rate(64, plain, runs=2), "pairs/s"
