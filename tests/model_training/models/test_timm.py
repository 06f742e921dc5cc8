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
