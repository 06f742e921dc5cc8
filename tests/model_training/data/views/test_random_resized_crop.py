"""Boxes are torchvision's in distribution, squares torchvision's to the bit; the same visit, the same square."""

import numpy as np
import pytest

from curate.images import open_stored
from model_training.data.views.random_resized_crop import RandomResizedCrop, middle_box, random_box, resized
from model_training.libraries import torch
from tests.conftest import picture

import torchvision.transforms.v2 as transforms  # isort: skip
from PIL import Image  # isort: skip

RATIO = (3 / 4, 4 / 3)
BICUBIC = transforms.InterpolationMode.BICUBIC


def image(size, number=0):
    return np.asarray(open_stored(picture(number, size, "PNG")))


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (16, 16), (300, 17), (9, 200), (500, 400)])
@pytest.mark.parametrize("side", [16, 33, 224])
def test_a_box_is_resized_as_torchvision_does_and_near_to_pillow(size, side):
    pixels = image(size)
    for number in range(3):
        box = random_box(pixels.shape[:2], (0.2, 1.0), RATIO, 0, str(number), "crop")
        square = resized(pixels, box, side)
        tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
        expected = transforms.functional.resized_crop(tensor, *box, [side, side], BICUBIC, antialias=True)
        assert np.array_equal(square, expected.permute(1, 2, 0).numpy())
        top, left, height, width = box
        inside = Image.fromarray(pixels).crop((left, top, left + width, top + height))
        pillows = np.asarray(inside.resize((side, side), Image.Resampling.BICUBIC))
        assert np.abs(square.astype(int) - pillows).mean() < 0.3


def test_boxes_have_torchvisions_distribution():
    height, width, scale = 90, 130, (0.3, 0.8)
    ours = np.array([random_box((height, width), scale, RATIO, 0, str(i), "crop") for i in range(3000)])
    torch.manual_seed(0)
    empty = torch.empty(3, height, width)
    draw = transforms.RandomResizedCrop(8, scale, RATIO)
    found = [draw.make_params([empty]) for _ in range(3000)]
    theirs = np.array([[p["top"], p["left"], p["height"], p["width"]] for p in found])
    for quantile in (0.1, 0.5, 0.9):
        a, b = np.quantile(ours, quantile, axis=0), np.quantile(theirs, quantile, axis=0)
        assert np.abs(a - b).max() <= 4
    assert (ours[:, 0] + ours[:, 2]).max() <= height and (ours[:, 1] + ours[:, 3]).max() <= width
    assert (ours >= 0).all()


def test_where_no_box_fits_it_is_the_middle_one():
    assert random_box((10, 300), (1.0, 1.0), RATIO, 0, "v", "crop") == middle_box(10, 300, RATIO) == (0, 143, 10, 13)
    assert middle_box(300, 10, RATIO) == (143, 0, 13, 10)
    assert middle_box(1, 1, RATIO) == (0, 0, 1, 1)


def test_the_same_visit_has_the_same_square_and_half_are_mirrored():
    pixels, view = image((60, 40)), RandomResizedCrop(16, (1.0, 1.0), (1.5, 1.5), flip=True)
    plain = RandomResizedCrop(16, (1.0, 1.0), (1.5, 1.5))(pixels, 0, "v")[0]
    squares = [view(pixels, 3, str(i))[0] for i in range(60)]
    mirrored = sum(np.array_equal(square, plain[:, ::-1]) for square in squares)
    assert 15 < mirrored < 45 and sum(np.array_equal(square, plain) for square in squares) == 60 - mirrored
    moving = RandomResizedCrop(16, (0.2, 1.0))
    assert np.array_equal(moving(pixels, 3, "a")[0], moving(pixels, 3, "a")[0])
    assert not np.array_equal(moving(pixels, 3, "a")[0], moving(pixels, 3, "b")[0])
    assert view.kept(open_stored(picture(0, (60, 40)))).size == (60, 40)
