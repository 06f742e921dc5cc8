import hashlib

import imagehash
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate import schema as c
from curate.images import open_stored
from curate.signals import Batch
from curate.signals.clip_score import ClipScore
from curate.signals.image_stats import ImageStats, laplacian_variance
from curate.signals.phash import PHash, phash
from curate.signals.text_stats import TextStats
from tests.conftest import picture


def grey(array):
    return Image.fromarray(np.asarray(array, np.uint8), "L")


def hexes(images):
    return [f"{int(value):016x}" for value in phash(images)]


def test_golden_a7_published_values_of_the_hash():
    noise = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    images = [grey(noise), grey(np.full((32, 32), 128)), grey(np.zeros((40, 40))), grey(ramp), grey(ramp[:, ::-1])]
    assert hexes(images) == [
        "949b3e1a2d9f3702", "8000000000000000", "0000000000000000", "8000000000000000", "d500000000000000"]  # fmt: skip


def test_the_hash_is_imagehashs_bit_for_bit():
    images = [open_stored(picture(seed, (40 + 9 * seed, 200))) for seed in range(40)]
    batch = Batch([""] * 41, [None] * 41, [*images, None])
    found = PHash().measure(batch).column(0).to_pylist()
    assert found == [*(int(str(imagehash.phash(image)), 16) for image in images), None]


@pytest.mark.slow
def test_the_hash_is_imagehashs_on_15000_real_pictures(shared):
    table = pq.read_table(shared / "cifar10_sample.parquet", columns=["jpg"])
    images = [open_stored(data) for data in table.column(0).to_pylist()]
    found = PHash().measure(Batch([""] * len(images), [None] * len(images), images)).column(0).to_pylist()
    assert found == [int(str(imagehash.phash(image)), 16) for image in images]


def test_image_statistics_by_hand():
    half = Image.new("RGB", (100, 100), "white")
    half.paste("black", (0, 0, 50, 100))
    red = Image.new("RGB", (10, 10), (255, 0, 0))
    rows = ImageStats().measure(Batch(["", "", ""], [None] * 3, [half, red, None])).to_pylist()
    assert rows[0][c.BRIGHTNESS] == pytest.approx(0.5) and rows[0][c.CONTRAST] == pytest.approx(0.5)
    assert rows[0][c.ENTROPY] == pytest.approx(1.0) and rows[0][c.SATURATION] == 0
    assert rows[1] == pytest.approx(
        {c.BRIGHTNESS: 76 / 255, c.CONTRAST: 0, c.SATURATION: 1, c.ENTROPY: 0, c.SHARPNESS: 0}, abs=1e-6
    )
    assert set(rows[2].values()) == {None}


def test_sharpness_is_the_variance_of_scipys_laplacian():
    from scipy.ndimage import laplace

    array = np.random.default_rng(1).integers(0, 256, (30, 40)).astype(np.uint8)
    expected = laplace(array.astype(float))[1:-1, 1:-1].var()
    assert laplacian_variance(array) == pytest.approx(expected)


def test_words():
    texts = [
        "A cat's half-open 1920x1080 été",
        "",
        None,
        "cat cat",
        "...",
        "猫と犬",
        "IMG_3374.JPG",
        "a_b__c 3.5 cm. End",
    ]
    table = TextStats().measure(Batch([""] * 8, texts))
    assert table.schema == c.TEXT_STATS
    assert table.column(c.WORDS).to_pylist() == [5, 0, None, 2, 0, 1, 1, 4]
    assert table.column(c.DISTINCT_WORDS).to_pylist() == [5, 0, None, 1, 0, 1, 1, 4]
    assert table.column(c.LETTER_SHARE).to_pylist()[1] is None


class Fixed:
    identity, width = "fixed", 2

    def __init__(self, cosine=0.6):
        self.cosine = cosine

    def encode_images(self, images):
        return np.array([[self.cosine / 0.6, 0]] * len(images), np.float32)

    def encode_texts(self, texts):
        return np.array([[np.nan, 0] if t == "nan" else [0.6, 0.8] for t in texts], np.float32)


def test_a_score_is_a_cosine_and_what_cannot_be_scored_is_null():
    image = Image.new("RGB", (4, 4))
    batch = Batch([""] * 4, ["x", None, "x", "nan"], [image, image, None, image])
    table = ClipScore("m", [Fixed()]).measure(batch)
    assert table.schema == pa.schema([("clip_score_m", pa.float32())])
    assert table.column(0).to_pylist() == [pytest.approx(0.6), None, None, None]


def test_a_sample_is_scored_by_the_encoder_of_its_fold_and_copies_share_one():
    contents = [hashlib.sha256(bytes([i])).hexdigest() for i in range(40)] * 2
    image = Image.new("RGB", (4, 4))
    batch = Batch([""] * 80, ["x"] * 80, [image] * 80, contents)
    encoders = [Fixed(0.1), Fixed(0.2), Fixed(0.3)]
    found = ClipScore("m", encoders, seed=5).measure(batch).column(0).to_pylist()
    # The fold, written down a second time: blake2b of "seed, content, fold" over three.
    digests = [hashlib.blake2b(f"5\x1f{x}\x1ffold".encode(), digest_size=8).digest() for x in contents]
    folds = [int.from_bytes(digest, "big") % 3 for digest in digests]
    assert found == [pytest.approx(0.1 * (fold + 1)) for fold in folds]
    assert found[:40] == found[40:] and len(set(folds)) == 3
    assert ClipScore("m", encoders, 5).identity() != ClipScore("m", encoders, 6).identity()
    assert ClipScore("m", encoders[:1], 5).identity() == ClipScore("m", encoders[:1], 6).identity()
