"""A transform in two parts gives the numbers of the whole one, to the last bit."""

import numpy as np
import pytest
from PIL import Image

from model_training.libraries import torch
from model_training.models.preprocessing import Preprocessing

import open_clip  # isort: skip
import timm  # isort: skip
from torchvision import transforms  # isort: skip

IMAGES = [
    Image.fromarray(np.random.default_rng(i).integers(0, 256, (40 + 9 * i, 71 - 6 * i, 3), dtype=np.uint8))
    for i in range(5)
]
TRANSFORMS = {
    "open_clip": open_clip.image_transform(32, is_train=False),
    "open_clip, longest": open_clip.image_transform(32, is_train=False, resize_mode="longest", fill_color=7),
    "open_clip, siglip": open_clip.image_transform(32, is_train=False, mean=(0.5,) * 3, std=(0.5,) * 3),
    "timm": timm.data.create_transform((3, 32, 32), is_training=False),
    "another": transforms.Compose([transforms.Resize((32, 32)), transforms.ToTensor()]),
}


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_the_same_numbers_as_the_whole_transform(name):
    parts = Preprocessing(TRANSFORMS[name])
    found = parts.pixels(parts.gather(IMAGES))
    whole = torch.stack([TRANSFORMS[name](image) for image in IMAGES])
    assert found.dtype == torch.float32 and found.is_contiguous() and torch.equal(found, whole)
    assert (parts.gather(IMAGES).dtype == torch.uint8) == (name != "another")
