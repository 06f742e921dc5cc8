"""Crops have the published shares and shapes; every distortion is torchvision's, of Pillow; draws belong to visits."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from model_training import libraries
from model_training.data.views import multi_crop
from model_training.data.views.multi_crop import MultiCrop, crop_box, jittered, resized, saturated, toned, turned
from tests.conftest import picture

from torchvision.transforms.v2 import functional as tv  # isort: skip

assert libraries
VIEWS = MultiCrop(32, 16, 3)
LAST = 0.999  # a draw that no probability below 1 reaches


def image(number=0, size=(60, 48)):
    return Image.open(io.BytesIO(picture(number, size, "PNG"))).convert("RGB")


def test_a_visit_has_its_own_views_whatever_the_thread():
    kept = np.asarray(VIEWS.kept(image()))
    views = VIEWS(kept, 7, "a")
    assert [view.shape for view in views] == [(32, 32, 3)] * 2 + [(16, 16, 3)] * 3
    assert all(view.dtype == np.uint8 for view in views)
    names = [str(i % 20) for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: VIEWS(kept, 7, name), names))
    for name, theirs in zip(names, found, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(VIEWS(kept, 7, name), theirs, strict=True))
    assert not np.array_equal(VIEWS(kept, 8, "a")[0], views[0])
    assert not np.array_equal(VIEWS(kept, 7, "b")[0], views[0])


def test_half_of_the_crops_are_mirrored_or_none():
    kept, mirrored = np.asarray(VIEWS.kept(image())), 0
    plain = MultiCrop(32, 16, 3, flip=False)
    for name in map(str, range(20)):
        for one, other in zip(VIEWS(kept, 7, name), plain(kept, 7, name), strict=True):
            turned_round = not np.array_equal(one, other)
            near = np.abs(one[:, ::-1].astype(int) - other).mean() < 1  # what is blurred is rounded otherwise
            assert near or not turned_round
            mirrored += turned_round
    assert 30 < mirrored < 70


def test_what_is_kept_suffices_for_the_smallest_crops_and_never_grows():
    assert min(VIEWS.kept(image(size=(600, 400))).size) == 72  # 16 / sqrt(.05); 32 / sqrt(.4) is 51
    assert VIEWS.kept(image(size=(40, 30))).size == (40, 30)
    assert VIEWS.kept(image(size=(3000, 10))).size == (200, 10)
    assert MultiCrop(224, 96).kept(image(size=(900, 600))).size == (645, 430)


@pytest.mark.parametrize("scale", [(0.4, 1.0), (0.05, 0.4)])
def test_boxes_have_the_published_shares_and_aspects(scale):
    source, shares, places = np.random.default_rng(0), [], set()
    for _ in range(3000):
        left, top, w, h = crop_box(400, 300, scale, source.random((10, 4)))
        assert left >= 0 and top >= 0 and left + w <= 400 and top + h <= 300
        assert 0.74 < w / h < 1.35
        shares.append(w * h / 120_000)
        places.add((left > (400 - w) / 2, top > (300 - h) / 2))
    assert min(shares) > scale[0] - 0.01 and max(shares) < scale[1] + 0.01 and len(places) == 4
    if scale[1] < 0.5:  # every box fits: the area is uniform
        assert np.mean(shares) == pytest.approx(sum(scale) / 2, abs=0.01)


def test_where_no_box_fits_it_is_the_middle():
    source = np.random.default_rng(0)
    assert crop_box(1000, 30, (0.4, 1.0), source.random((10, 4))) == (480, 0, 40, 30)
    assert crop_box(30, 1000, (0.4, 1.0), source.random((10, 4))) == (0, 480, 30, 40)
    assert crop_box(1, 1, (0.05, 0.4), source.random((10, 4))) == (0, 0, 1, 1)


@pytest.mark.parametrize(("size", "side"), [((60, 48), 32), ((150, 110), 32), ((20, 24), 32), ((32, 32), 32)])
def test_crops_are_resized_nearly_as_by_pillow(size, side):
    small = image(3, size)
    theirs = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
    assert np.abs(resized(np.asarray(small), side).astype(int) - theirs).mean() < 2.5


def test_colours_change_as_torchvisions():
    given = image(5)
    pixels = np.asarray(given)
    black = toned(pixels, 1.3, 0.0)
    mean = round(float(np.asarray(given.convert("L")).mean()))
    for ours, theirs in (
        (black, tv.adjust_brightness(given, 1.3)),
        (toned(pixels, 0.7, mean), tv.adjust_contrast(given, 0.7)),
        (toned(pixels, 1.4, mean), tv.adjust_contrast(given, 1.4)),
        (saturated(pixels, 0.8), tv.adjust_saturation(given, 0.8)),
        (saturated(pixels, 1.2), tv.adjust_saturation(given, 1.2)),
        (turned(pixels, 0.1), tv.adjust_hue(given, 0.1)),
        (turned(pixels, -0.1), tv.adjust_hue(given, -0.1)),
    ):
        difference = np.abs(ours.astype(int) - np.asarray(theirs))
        assert difference.mean() < 1.5 and np.quantile(difference, 0.99) <= 6


def test_jitter_in_a_drawn_order_and_by_no_more_than_published():
    pixels = np.asarray(image(5))
    middle = np.array([0.5, 0.5, 0.5, 0.5, 0.0])  # factors of 1, no turn
    assert np.abs(jittered(pixels, middle).astype(int) - pixels).mean() < 1.5
    strong = [jittered(pixels, np.array([LAST, LAST, LAST, LAST, order])) for order in np.arange(24) / 24]
    assert len({one.tobytes() for one in strong}) > 12
    lightest = jittered(np.full((4, 4, 3), 100, np.uint8), np.array([LAST, 0.5, 0.5, 0.5, 0.0]))
    assert np.abs(lightest.astype(int) - 140).max() <= 2


def distorted(kind=2, **drawn):
    """One distortion alone: those not named are drawn beyond their probability."""
    names = ("flip", "jitter", "grey", "blur", "sigma", "solarise")
    draws = [drawn.get(name, LAST if name != "sigma" else 0.5) for name in names] + [0.5] * 5
    return VIEWS._distorted(np.asarray(image(5, (32, 32))), np.array(draws), kind)


def test_each_distortion_comes_with_its_probability():
    plain = np.asarray(image(5, (32, 32)))
    assert np.array_equal(distorted(), plain)
    assert np.array_equal(distorted(flip=0.49), plain[:, ::-1]) and np.array_equal(distorted(flip=0.51), plain)
    assert np.ptp(distorted(grey=0.19), axis=2).max() == 0 and np.array_equal(distorted(grey=0.21), plain)
    solarised = np.asarray(tv.solarize(image(5, (32, 32)), 128))
    assert np.array_equal(distorted(1, solarise=0.19), solarised) and np.array_equal(distorted(1, solarise=0.21), plain)
    assert np.array_equal(distorted(0, solarise=0.1, blur=1.0), plain)  # of the second crop only


@pytest.mark.parametrize(("kind", "share"), list(enumerate(multi_crop.BLUR)))
def test_each_crop_is_blurred_with_its_own_probability(kind, share):
    given = np.asarray(image(5, (224, 224)))
    for draw, blurred in ((share - 0.01, True), (share, False)):
        found = MultiCrop(224, 96)._distorted(given, np.array([LAST, LAST, LAST, draw, 0.5, LAST] + [0.5] * 5), kind)
        assert np.array_equal(found, given) != blurred


def test_blur_is_torchvisions_and_shrinks_with_the_side():
    large = MultiCrop(224, 96)
    given = image(5, (224, 224))
    drawn = np.array([LAST, LAST, LAST, 0.0, 1.0, LAST] + [0.5] * 5)
    theirs = np.asarray(tv.gaussian_blur(given, 13, 2.0))
    assert np.abs(large._distorted(np.asarray(given), drawn, 0).astype(int) - theirs).max() <= 2
