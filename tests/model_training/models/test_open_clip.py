"""The encoder gives what a plain open_clip loop gives, whatever the batch."""

import json

import numpy as np
import pytest

from curate.errors import InputError
from curate.images import open_stored
from model_training import libraries
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from tests.conftest import picture

import open_clip  # isort: skip
import safetensors.torch  # isort: skip

torch = libraries.torch

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.json").write_text(json.dumps(TINY))
    torch.manual_seed(0)
    model = open_clip.CLIP(
        **{k: TINY[k] for k in ("embed_dim",)}, vision_cfg=TINY["vision_cfg"], text_cfg=TINY["text_cfg"]
    )
    safetensors.torch.save_file(model.state_dict(), str(folder / "tiny.safetensors"))
    return folder


def spec(folder, **changes):
    given = {"name": "tiny", "arch": str(folder / "tiny.json"), "weights": str(folder / "tiny.safetensors"), "batch": 8}
    return OpenClipSpec(**{**given, **changes})


IMAGES = [open_stored(picture(i, (60 + i, 50))) for i in range(11)]
TEXTS = [f"thing number {i}" for i in range(11)]


def test_equal_to_a_plain_loop(tiny):
    encoder = OpenClipEncoder(spec(tiny))
    model, transform = encoder._model, open_clip.image_transform(32, is_train=False)
    tokenizer = open_clip.get_tokenizer("ViT-B-32", context_length=16)
    with torch.no_grad():
        images = [model.encode_image(transform(i)[None], normalize=True)[0].numpy() for i in IMAGES]
        texts = [model.encode_text(tokenizer([t]), normalize=True)[0].numpy() for t in TEXTS]
    np.testing.assert_allclose(encoder.encode_images(IMAGES), np.stack(images), atol=1e-6)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), np.stack(texts), atol=1e-6)


def test_a_vector_does_not_depend_on_its_neighbours(tiny):
    encoder = OpenClipEncoder(spec(tiny))
    together = encoder.encode_images(IMAGES)
    for i in (0, 7, 8, 10):
        assert np.array_equal(encoder.encode_images(IMAGES[i : i + 1])[0], together[i])
    other = OpenClipEncoder(spec(tiny, batch=3)).encode_images(IMAGES)
    np.testing.assert_allclose(other, together, atol=1e-6)


def test_the_identity_follows_the_weights_and_the_architecture(tiny, tmp_path):
    first = spec(tiny).identity
    data = bytearray((tiny / "tiny.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "tiny.safetensors").write_bytes(bytes(data))
    (tmp_path / "tiny.json").write_text(json.dumps({**TINY, "custom_text": False}))
    assert (
        len(
            {
                first,
                spec(tmp_path, arch=str(tiny / "tiny.json")).identity,
                spec(tiny, arch=str(tmp_path / "tiny.json")).identity,
            }
        )
        == 3
    )


def test_what_is_missing_wrong_or_dangerous_is_refused(tiny, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        _ = spec(tiny, weights=str(tmp_path / "none.safetensors")).identity
    (tmp_path / "w.pt").write_bytes(b"a pickle")
    with pytest.raises(InputError, match=r"not a \.safetensors file; other formats can run code"):
        _ = spec(tiny, weights=str(tmp_path / "w.pt")).identity
    with pytest.raises(InputError, match="has sha256"):
        _ = spec(tiny, sha256="0" * 64).identity
    with pytest.raises(InputError, match="no architecture 'ViT-B-33'"):
        OpenClipEncoder(spec(tiny, arch="ViT-B-33"))
    with pytest.raises(InputError, match="does not load as"):
        OpenClipEncoder(spec(tiny, arch="ViT-B-32"))
