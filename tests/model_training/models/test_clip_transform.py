"""What the tags of an architecture say of its images, beside open_clip's own table and transform."""

import copy

import pytest
import safetensors.torch

from curate.errors import InputError
from curate.images import open_stored
from model_training.libraries import torch
from model_training.models.clip_transform import CLIP, wanted
from model_training.models.families import trained_spec
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from tests.conftest import picture
from tests.model_training.models.test_open_clip import TINY

import open_clip  # isort: skip
import open_clip.pretrained  # isort: skip
from open_clip.transformer import QuickGELU  # isort: skip

OWN = {"mean": (0.0, 0.1, 0.2), "std": (1.0, 0.9, 0.8), "interpolation": "bilinear", "resize_mode": "squash"}


@pytest.fixture
def tagged(tmp_path):
    """An architecture of one tag with a transform and an activation of its own, and weights of it."""
    open_clip.factory._MODEL_CONFIGS["tiny-tagged"] = copy.deepcopy(TINY)
    open_clip.pretrained._PRETRAINED["tiny-tagged"] = {"own": {**OWN, "quick_gelu": True, "url": ""}}
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file(open_clip.create_model("tiny-tagged", load_weights=False).state_dict(), str(path))
    yield str(path)
    del open_clip.factory._MODEL_CONFIGS["tiny-tagged"], open_clip.pretrained._PRETRAINED["tiny-tagged"]


def test_published_architectures_have_the_transform_of_their_tags():
    assert dict(wanted("MobileCLIP-S1", None, ())[0]) == {
        "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "interpolation": "bilinear"
    }  # fmt: skip
    siglip = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "resize_mode": "squash"}
    assert dict(wanted("ViT-B-16-SigLIP", None, ())[0]) == siglip
    assert (
        wanted("ViT-B-32", None, ()) == wanted("ViT-L-14", None, ()) == ((), False)
    )  # one's tags agree, not the other's
    assert wanted("ViT-B-32", "openai", ()) == ((), True)
    assert wanted("ViT-H-14", "dfn5b", (("mean", (0.0,) * 3),))[0] == (("mean", (0.0,) * 3), ("resize_mode", "squash"))
    with pytest.raises(InputError, match=r"no weights 'opnai' of ViT-B-32[\s\S]*there are openai, "):
        wanted("ViT-B-32", "opnai", ())


def test_weights_by_path_see_what_their_tag_says(tagged):
    image = open_stored(picture(1, (60, 40)))
    theirs = open_clip.image_transform(32, is_train=False, **OWN)(image)
    for tag in (None, "own"):
        encoder = OpenClipEncoder(OpenClipSpec("t", "tiny-tagged", tagged, tag=tag))
        torch.testing.assert_close(encoder._images.pixels(encoder._images.gather([image]))[0], theirs)
        activation = encoder._model.transformer.resblocks[0].mlp.gelu
        assert isinstance(activation, QuickGELU) == (tag is not None)
    said = (("mean", (0.3, 0.3, 0.3)),)
    encoder = OpenClipEncoder(OpenClipSpec("t", "tiny-tagged", tagged, preprocess=said))
    changed = open_clip.image_transform(32, is_train=False, **{**OWN, "mean": (0.3, 0.3, 0.3)})(image)
    torch.testing.assert_close(encoder._images.pixels(encoder._images.gather([image]))[0], changed)


def test_the_transform_is_in_the_identity_and_a_training_of_ours_has_clips_own(tagged):
    given = [{}, {"tag": "own"}, {"preprocess": CLIP}, {"preprocess": (("resize_mode", "longest"),)}]
    assert len({OpenClipSpec("t", "tiny-tagged", tagged, **one).identity for one in given}) == 4
    ours = trained_spec("open_clip", "tiny-tagged", "t", tagged, None, 64)
    assert ours.wanted == ((), False)
    assert ours.identity == OpenClipSpec("t", "tiny-tagged", tagged, preprocess=CLIP).identity
