"""Squares are open_clip's evaluation transform, or random and within the image; the same visit, the same square."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from curate.images import open_stored
from model_training import libraries
from model_training.data import pixels
from model_training.data.pairs import Pair
from model_training.data.pixels import Pixels
from model_training.data.views.square import Square, shrink
from tests.conftest import picture

import open_clip  # isort: skip

SIZES = [(40, 36), (36, 40), (33, 33), (16, 16), (20, 19), (9, 31), (101, 67), (250, 30), (300, 17)]
assert libraries


def pair(size, number=0):
    return Pair("k", picture(number, size, "PNG"), ("t",), None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [16, 32, 33])
def test_the_whole_square_is_open_clips_own(size, side):
    transform = open_clip.image_transform(side, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))
    expected = transform(open_stored(pair(size).image)).permute(1, 2, 0).numpy()
    assert np.array_equal(Pixels(Square(side)).visit(pair(size), 0, "v")[0] / np.float32(255), expected)


def test_a_whole_square_never_moves_but_may_be_mirrored():
    plain, flipped = Pixels(Square(16)), Pixels(Square(16, flip=True))
    squares = [flipped.visit(pair((40, 30)), 0, str(i))[0] for i in range(40)]
    (one,) = plain.visit(pair((40, 30)), 5, "x")
    mirrored = [not np.array_equal(square, one) for square in squares]
    assert 10 < sum(mirrored) < 30
    assert all(np.array_equal(s[:, ::-1] if m else s, one) for s, m in zip(squares, mirrored, strict=True))


def test_random_squares_are_cut_from_the_resized_image_everywhere():
    source, given = Pixels(Square(16, crop_area=0.64)), pair((60, 40))
    image = np.asarray(shrink(open_stored(given.image), 20))
    assert image.shape == (20, 30, 3)
    found = set()
    for i in range(600):
        (square,) = source.visit(given, 7, str(i))
        places = [(t, x) for t in range(5) for x in range(15) if np.array_equal(square, image[t : t + 16, x : x + 16])]
        found.update(places)
        assert places
    assert len(found) == 75
    assert np.array_equal(source.visit(given, 7, "a"), Pixels(Square(16, crop_area=0.64)).visit(given, 7, "a"))


def test_long_images_stay_small():
    assert shrink(open_stored(pair((3000, 2)).image), 224).size == (4480, 224)
    assert Pixels(Square(16, crop_area=0.25)).visit(pair((400, 20)), 0, "v")[0].shape == (16, 16, 3)


def test_what_cannot_be_decoded_is_none_and_a_full_cache_changes_nothing(monkeypatch):
    bad = Pair("k", picture(0)[:500], ("t",), None)
    assert Pixels(Square(16)).visit(bad, 0, "v") is None
    small, roomy = Pixels(Square(16)), Pixels(Square(16))
    expected = [roomy.visit(pair((40, 30), i), 0, "v") for i in range(4)]
    monkeypatch.setattr(pixels, "BUDGET", 16 * 16 * 3)
    for i in range(4):
        assert np.array_equal(small.visit(pair((40, 30), i), 0, "v"), expected[i])
    assert len(small.kept.images) == 1 and len(roomy.kept.images) == 4


def test_trainings_of_one_process_share_what_they_decoded_and_another_size_begins_anew():
    first = Pixels(Square(16), pixels.shared(Square(16)))
    first.visit(pair((40, 30)), 0, "v")
    assert pixels.shared(Square(16, 1.0)) is first.kept and len(first.kept.images) == 1
    assert pixels.shared(Square(16, 0.8)).images == {} and pixels.shared(Square(16, 1.0)).images == {}
    pixels.forget()


def test_more_than_25_million_pixels_are_not_trained_with_though_curation_measures_them():
    for width, taken in ((500, True), (501, False)):
        sink = io.BytesIO()
        Image.new("1", (5_000, width * 10)).save(sink, "PNG")
        data = sink.getvalue()
        assert pixels.claimed_pixels(data) == 50_000 * width
        seen = Pixels(Square(16)).visit(Pair("k", data, (), None), 0, "v")
        assert (seen is not None) is taken and open_stored(data) is not None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP"])
def test_the_header_tells_how_many_pixels(form):
    assert pixels.claimed_pixels(picture(3, (40, 30), form)) == 1_200
    assert pixels.claimed_pixels(picture(3, (40, 30), form)[:9]) == 0


def test_what_pillow_itself_calls_a_bomb_is_too_much():
    header = bytearray(picture(0, (40, 30), "PNG"))
    header[16:24] = (20_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    assert pixels.claimed_pixels(bytes(header)) > pixels.MAX_PIXELS
