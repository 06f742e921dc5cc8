"""The caption is the list's nearest, by the encoder that has not seen the image."""

import numpy as np

from curate.signals import Batch
from curate.signals.ranked_caption import RankedCaption
from curate.uid import fold_of

TEXTS = ("red", "green", "blue")
IMAGES = ["a", "b", None, "c", "d", "e"]
CONTENTS = [f"{i:064x}" for i in range(len(IMAGES))]


class Table:
    """Vectors that were written down: of an image the text at its place, moved on by `shift`."""

    def __init__(self, shift):
        self.shift, self.identity, self.width, self.asked = shift, f"table {shift}", 3, []

    def encode_images(self, images):
        return np.eye(3, dtype=np.float32)[[(ord(image) - ord("a") + self.shift) % 3 for image in images]]

    def encode_texts(self, texts):
        self.asked.append(list(texts))
        return np.eye(3, dtype=np.float32)


def batch():
    return Batch([f"u{i}" for i in range(len(IMAGES))], [None] * len(IMAGES), IMAGES, CONTENTS)


def test_each_image_gets_the_nearest_and_one_without_pixels_none():
    encoder = Table(0)
    signal = RankedCaption("clip", [encoder], TEXTS)
    made = signal.measure(batch())
    assert made.schema.equals(signal.schema) and made.column_names == ["caption_clip"] == [signal.family]
    assert made["caption_clip"].to_pylist() == ["red", "green", None, "blue", "red", "green"]
    signal.measure(batch())
    assert encoder.asked == [list(TEXTS)]


def test_a_fold_is_captioned_by_its_own_encoder():
    found = RankedCaption("clip", [Table(0), Table(1)], TEXTS, seed=5).measure(batch())["caption_clip"].to_pylist()
    folds = [fold_of(5, content, 2) for content in CONTENTS]
    assert set(folds) == {0, 1}
    expected = [
        None if image is None else TEXTS[(ord(image) - ord("a") + fold) % 3]
        for image, fold in zip(IMAGES, folds, strict=True)
    ]
    assert found == expected


def test_of_equals_the_first_is_taken():
    class Flat(Table):
        def encode_images(self, images):
            return np.zeros((len(images), 3), np.float32)

    assert set(RankedCaption("clip", [Flat(0)], TEXTS).measure(batch())["caption_clip"].to_pylist()) == {None, "red"}


def test_what_it_writes_depends_on_encoders_folds_and_list():
    made = [
        RankedCaption("clip", [Table(0)], TEXTS),
        RankedCaption("clip", [Table(1)], TEXTS),
        RankedCaption("clip", [Table(0)], TEXTS[::-1]),
        RankedCaption("clip", [Table(0), Table(1)], TEXTS),
        RankedCaption("clip", [Table(0), Table(1)], TEXTS, seed=1),
    ]
    assert len({signal.identity() for signal in made}) == len(made)
    assert RankedCaption("clip", [Table(0)], TEXTS, seed=1).identity() == made[0].identity()
