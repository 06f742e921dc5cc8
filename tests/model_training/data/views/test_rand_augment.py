"""Each operation is what it is called, all are drawn equally often, and half of those drawn are made."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from curate.images import open_stored
from model_training.data.views import rand_augment
from model_training.data.views.rand_augment import GREY, OPERATIONS, RandAugment
from model_training.data.views.random_resized_crop import RandomResizedCrop
from tests.conftest import picture

PIXELS = np.asarray(open_stored(picture(1, (48, 48), "PNG")))
BY_NAME = {operation.__name__.strip("_"): operation for operation in OPERATIONS}


def test_moves_are_by_the_published_distances():
    assert np.array_equal(BY_NAME["translate_x"](PIXELS, 0.5)[:, :-5], PIXELS[:, 5:])
    assert (BY_NAME["translate_x"](PIXELS, 0.5)[:, -5:] == GREY).all()
    assert np.array_equal(BY_NAME["translate_y"](PIXELS, -0.5)[5:], PIXELS[:-5])
    far = BY_NAME["shear_x"](PIXELS, 1.0)
    assert np.array_equal(far[10, 3:], PIXELS[10, :-3]), "0.3 pixels a pixel"
    assert np.array_equal(BY_NAME["shear_y"](PIXELS, 1.0)[3:, 10], PIXELS[:-3, 10])
    turned = np.asarray(Image.fromarray(PIXELS).rotate(15, Image.Resampling.BILINEAR, fillcolor=GREY)).astype(int)
    assert np.abs(BY_NAME["rotate"](PIXELS, 0.5)[8:-8, 8:-8] - turned[8:-8, 8:-8]).mean() < 4


def test_tones_are_pillows():
    assert np.array_equal(BY_NAME["equalise"](PIXELS, 0.5), np.asarray(ImageOps.equalize(Image.fromarray(PIXELS))))
    assert BY_NAME["auto_contrast"](PIXELS // 2 + 20, 0.5).min() == 0
    for name in ("identity", "brightness", "sharpness"):
        assert np.array_equal(BY_NAME[name](PIXELS, -0.5), PIXELS), "BLIP's level 5 leaves these as they are"
    assert np.abs(BY_NAME["brightness"](PIXELS, 1.0) - np.minimum(1.9 * PIXELS, 255)).max() <= 1


def test_operations_are_drawn_equally_and_made_half_of_the_time(monkeypatch):
    made = []
    counting = tuple((lambda square, level, n=n: made.append((n, level)) or square) for n in range(len(OPERATIONS)))
    monkeypatch.setattr(rand_augment, "OPERATIONS", counting)
    view, visits = RandAugment(16), 2000
    for i in range(visits):
        view(PIXELS, 0, str(i))
    assert len(made) == pytest.approx(visits, abs=130)  # 4 sigma
    counts = np.bincount([n for n, _ in made], minlength=len(OPERATIONS))
    assert counts.min() > 140 and counts.max() < 260
    assert {level for _, level in made} == {0.5, -0.5} and np.mean([level > 0 for _, level in made]) == pytest.approx(
        0.5, abs=0.05
    )


def test_without_operations_it_is_blips_crop_and_the_same_visit_has_the_same_square():
    plain = RandomResizedCrop(16, (0.2, 1.0), flip=True)
    for i in range(20):
        assert np.array_equal(RandAugment(16, count=0)(PIXELS, 0, str(i))[0], plain(PIXELS, 0, str(i))[0])
        square, again = (RandAugment(16)(PIXELS, 0, str(i))[0] for _ in range(2))
        assert square.shape == (16, 16, 3) and square.dtype == np.uint8 and np.array_equal(square, again)
