"""CLIP's view: a random square crop from a resized image is its only augmentation (arXiv 2103.00020, section 2.4).

With `crop_area` 1 the square is open_clip's own evaluation transform: the shorter side resized to the model's,
bicubic, and the centre cut out. Below 1 the image is resized so that a square of the model's side is `crop_area`
of the largest square in it, and each visit takes a random such square. Either may be mirrored.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from curate.uid import draw_int

LONGEST = 3  # a random square is looked for in the middle three squares of an image
MAX_ASPECT = 20  # what is longer is cut before it is resized: one row of 16,000 pixels would grow to gigabytes


@dataclass(frozen=True)
class Square:
    """One view. Implements `Views`."""

    side: int  # px, of the model's input
    crop_area: float = 1.0  # share of the largest square
    flip: bool = False

    def kept(self, image: Image.Image) -> Image.Image:
        if self.crop_area == 1:
            return centre(shrink(image, self.side), self.side, self.side)
        small = shrink(image, round(self.side / math.sqrt(self.crop_area)))
        longest = LONGEST * min(small.size)
        return centre(small, min(small.width, longest), min(small.height, longest))

    def __call__(self, image: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, ...]:
        draws = draw_int(seed, name, "crop")
        rows, columns = image.shape[0] - self.side, image.shape[1] - self.side
        top, left = (draws & 0xFFFFF) * (rows + 1) >> 20, (draws >> 20 & 0xFFFFF) * (columns + 1) >> 20
        square = image[top : top + self.side, left : left + self.side]
        return (square[:, ::-1] if self.flip and draws >> 63 else square,)


def shrink(image: Image.Image, shorter: int) -> Image.Image:
    """Resized, bicubic, so that the shorter side is `shorter` px; the longer one is rounded down, as torchvision."""
    limit = MAX_ASPECT * min(image.size)
    if max(image.size) > limit:
        image = centre(image, min(image.width, limit), min(image.height, limit))
    width, height = image.size
    short = min(width, height)
    size = int(shorter * width / short), int(shorter * height / short)
    return image.resize(size, Image.Resampling.BICUBIC)


def centre(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of an image; half a pixel goes where torchvision's CenterCrop puts it."""
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))
