"""timm's models as image encoders, beside timm itself."""

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.timm import TimmEncoder, TimmSpec


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Weights of a small ViT with a classifier, and timm's own model of them."""
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", pretrained=False, num_classes=10)
    path = tmp_path_factory.mktemp("timm") / "vit.safetensors"
    save_file(model.state_dict(), path)
    return path, model.eval()


def pictures(count):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 37, 50, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in pixels]


def test_the_vectors_are_timms_own_features(made):
    import timm

    path, model = made
    encoder = TimmEncoder(TimmSpec("vit", "test_vit", str(path), batch=4))
    images = pictures(6)
    ours = encoder.encode_images(images)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        batch = torch.stack([transform(image) for image in images])
        features = model.forward_head(model.forward_features(batch), pre_logits=True)
        theirs = torch.nn.functional.normalize(features, dim=-1).numpy()
    assert ours.shape == (6, encoder.width) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours(made):
    encoder = TimmEncoder(TimmSpec("vit", "test_vit", str(made[0]), batch=4))
    images = pictures(6)
    alone = np.concatenate([encoder.encode_images([image]) for image in images])
    assert np.array_equal(encoder.encode_images(images), alone)
    assert encoder.encode_images([]).shape == (0, encoder.width)


def test_weights_that_lack_a_layer_are_refused(made, tmp_path):
    from safetensors.torch import load_file

    some = load_file(made[0])
    del some["norm.weight"]
    save_file(some, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"does not load as test_vit: Error.*"):
        TimmEncoder(TimmSpec("vit", "test_vit", str(tmp_path / "w.safetensors")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "vit_of_mars"}, "timm has no architecture 'vit_of_mars'"),
        ({"weights": "/nowhere.safetensors"}, "there is no file /nowhere.safetensors"),
    ],
)
def test_what_is_not_there_is_said(made, changes, message):
    given = {"name": "vit", "arch": "test_vit", "weights": str(made[0])} | changes
    with pytest.raises(InputError, match=message):
        TimmEncoder(TimmSpec(**given))


def test_the_same_file_is_another_model_for_another_library(made):
    from model_training.models.open_clip import OpenClipSpec

    timm, open_clip = TimmSpec("a", "b", str(made[0])), OpenClipSpec("a", "b", str(made[0]))
    assert timm.identity != open_clip.identity


@pytest.mark.parametrize(
    ("arch", "width"), [("mobilenetv3_small_050", 1024), ("test_resnet", 96), ("xcit_nano_12_p16_224", 128)]
)
def test_the_width_is_that_of_what_comes_out_and_only_vision_transformers_show_blocks(tmp_path, arch, width):
    import timm

    save_file(timm.create_model(arch, num_classes=0).state_dict(), tmp_path / "w.safetensors")
    encoder = TimmEncoder(TimmSpec("m", arch, str(tmp_path / "w.safetensors"), batch=2))
    assert encoder.encode_images(pictures(1)).shape == (1, width) and encoder.width == width
    assert encoder.blocks == 0


def test_a_download_is_of_the_weights_that_are_named_and_has_no_sha256():
    for weights in ("models/typo.safetensors", "vit.lvd142m"):
        with pytest.raises(InputError, match="no such weights of test_vit") as caught:
            TimmEncoder(TimmSpec("vit", "test_vit", weights, allow_download=True))
        assert "timm has r160_in1k" in str(caught.value)
    named = TimmSpec("vit", "test_vit", "r160_in1k", allow_download=True, sha256="0" * 64)
    with pytest.raises(InputError, match="sha256 is a file's, and r160_in1k is not a file here"):
        _ = named.identity
