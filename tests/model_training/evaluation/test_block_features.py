"""What is read of a vision transformer, beside timm's own parts of it."""

import numpy as np
import pytest

from model_training.evaluation.block_features import block_features, shows_blocks
from model_training.evaluation.dinov2_linear import Input
from model_training.evaluation.items import Item
from model_training.libraries import torch
from model_training.models.vit_blocks import blocks_of, last_blocks
from tests.model_training.evaluation.made import png

import timm  # isort: skip


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return timm.create_model("test_vit", pretrained=False, num_classes=0).eval()


def test_class_tokens_and_the_mean_patch_are_those_of_the_blocks_one_by_one(model):
    pixels = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = last_blocks(model, pixels, 4).numpy()
        x, states = model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(pixels)))), []
        for block in model.blocks:
            x = block(x)
            states.append(model.norm(x).numpy())
    first = model.num_prefix_tokens
    expected = [state[:, 0] for state in states[-4:]] + [states[-1][:, first:].mean(axis=1)]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-5)


def test_the_four_inputs_are_put_together_from_blocks_and_patches():
    class Written:
        blocks = 4

        def encode_blocks(self, images, blocks):
            n = len(images)
            return np.arange(n * blocks * 2, dtype=np.float32).reshape(n, blocks, 2), np.full((n, 2), -1, np.float32)

    items = [Item(str(i), png(i), (), None) for i in range(3)]
    found = block_features(Written(), items, 3)
    np.testing.assert_array_equal(found[Input(1, False)], [[6, 7], [14, 15], [22, 23]])
    np.testing.assert_array_equal(found[Input(4, True)][0], [0, 1, 2, 3, 4, 5, 6, 7, -1, -1])
    assert [t.shape[1] for _, t in sorted(found.items())] == [2, 4, 8, 10]
    assert shows_blocks(Written()) and not shows_blocks(object())


def test_a_model_without_blocks_or_class_token_shows_none(model):
    assert blocks_of(model) == 6 and blocks_of(torch.nn.Linear(2, 2)) == 0
    assert blocks_of(timm.create_model("test_resnet", pretrained=False)) == 0
    assert blocks_of(timm.create_model("test_vit", class_token=False, global_pool="avg")) == 0
