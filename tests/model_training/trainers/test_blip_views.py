"""Views of BLIP's training: whole, mirrored or cropped, and the digest that names an image."""

import numpy as np
import pytest
from PIL import Image

from model_training.data.views.rand_augment import RandAugment
from model_training.data.views.random_resized_crop import RandomResizedCrop
from model_training.trainers.blip_views import Identified, Whole, views_of


def picture(seed, size=(50, 30)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


def test_the_whole_image_is_seen_as_the_model_sees_it_when_asked():
    whole = np.asarray(picture(0).resize((16, 16), Image.Resampling.BICUBIC))
    views = Whole(16, flip=True)
    seen = [views(np.asarray(views.kept(picture(0))), 0, f"visit {i}")[0] for i in range(40)]
    assert all(np.array_equal(one, whole) or np.array_equal(one, whole[:, ::-1]) for one in seen)
    assert 10 < sum(np.array_equal(one, whole) for one in seen) < 30
    assert np.array_equal(Whole(16)(np.asarray(views.kept(picture(0))), 0, "visit 0")[0], whole)


def test_an_option_is_a_published_view():
    assert views_of(16, "rand_augment", (0.2, 1.0), True) == RandAugment(16, (0.2, 1.0), True, 2, 5)
    assert views_of(16, "crop", (0.5, 1.0), False) == RandomResizedCrop(16, (0.5, 1.0))
    assert views_of(16, "none", (0.5, 1.0), False) == Whole(16)


@pytest.mark.parametrize("augment", ["rand_augment", "crop", "none"])
def test_a_digest_is_the_images_whatever_is_seen_of_it(augment):
    views = Identified(views_of(16, augment, (0.2, 1.0), True))
    kept = [np.asarray(views.kept(picture(seed))) for seed in (0, 1)]
    seen = [views(kept[0], 0, f"visit {i}") for i in range(5)]
    other = views(kept[1], 0, "visit 0")
    assert [one.shape for one in other] == [(16, 16, 3), (2, 2, 3)]
    assert all(np.array_equal(one[1], seen[0][1]) for one in seen) and not np.array_equal(other[1], seen[0][1])
    assert not all(np.array_equal(one[0], seen[0][0]) for one in seen)


def test_the_same_bytes_of_another_shape_are_another_image():
    views, flat = Identified(Whole(4)), np.zeros((4, 8, 3), np.uint8)
    assert not np.array_equal(views(flat, 0, "v")[1], views(flat.reshape(8, 4, 3), 0, "v")[1])
