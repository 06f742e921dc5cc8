import imagehash
import numpy as np
import pytest
from PIL import Image

from curate import schema as c
from curate.images import open_stored
from curate.signals import Batch
from curate.signals.hashes import Hashes, ahash, dhash
from tests.conftest import picture


def theirs(images):
    return [(int(str(imagehash.dhash(image)), 16), int(str(imagehash.average_hash(image)), 16)) for image in images]


def ours(images):
    table = Hashes().measure(Batch([""] * len(images), [None] * len(images), images))
    assert table.schema == c.HASHES
    return list(zip(table.column(c.DHASH).to_pylist(), table.column(c.AHASH).to_pylist(), strict=True))


def test_golden_a7_constants_and_the_ramp():
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    flat = [np.full((40, 40), value, np.uint8) for value in (0, 1, 128, 255)]
    images = [Image.fromarray(array) for array in (*flat, ramp)]
    assert dhash(images).tolist() == [0, 0, 0, 0, 2**64 - 1]
    assert ahash(images).tolist() == [0, 0, 0, 0, 0x0F0F_0F0F_0F0F_0F0F]


def test_the_hashes_are_imagehashs_bit_for_bit():
    noise = np.random.default_rng(0).integers(0, 256, (30, 8, 9, 3)).astype(np.uint8)
    images = [open_stored(picture(seed, (40 + 9 * seed, 200))) for seed in range(30)]
    images += [Image.fromarray(array) for array in noise]
    assert ours([*images, None]) == [*theirs(images), (None, None)]
    assert ours([]) == [] and ours([None]) == [(None, None)]


@pytest.mark.slow
def test_the_hashes_are_imagehashs_on_real_photos(shared):
    images = [open_stored(path.read_bytes()) for path in sorted((shared / "photos").glob("*.jpg"))]
    assert ours(images) == theirs(images)


def test_a_reencoding_without_loss_leaves_them():
    image = open_stored(picture(3))
    assert ours([image]) == ours([open_stored(picture(3))])
