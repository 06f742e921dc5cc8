"""A caption for every image, by its own uid; no text is a null."""

import pyarrow as pa
import pytest
from PIL import Image

from curate.signals import Batch
from curate.signals.caption import Caption


class BySize:
    """A captioner that says what it was given."""

    identity = "by size"

    def caption(self, images, uids):
        return [
            f"{uid} is {image.width} wide" if image.width > 2 else "! 2"
            for image, uid in zip(images, uids, strict=True)
        ]


IMAGES = [Image.new("RGB", (8, 8)), None, Image.new("RGB", (2, 8)), Image.new("RGB", (5, 8))]


def test_each_image_has_its_own_caption_whether_it_had_a_text_or_not():
    found = Caption("c", BySize()).measure(Batch(list("abcd"), [None, "x", "y", "z"], IMAGES))
    assert found.schema == pa.schema([("caption_c", pa.string())])
    assert found["caption_c"].to_pylist() == ["a is 8 wide", None, None, "d is 5 wide"]
    assert Caption("c", BySize()).measure(Batch([], [], [])).num_rows == 0
    assert Caption("c", BySize()).identity() == ("by size",)


def test_a_captioner_that_loses_a_row_is_found():
    class Short(BySize):
        def caption(self, images, uids):
            return super().caption(images, uids)[1:]

    with pytest.raises(ValueError, match="3 images gave 2 captions"):
        Caption("c", Short()).measure(Batch(list("abcd"), ["t"] * 4, IMAGES))
