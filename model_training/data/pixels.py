"""From stored bytes to the model's square: one decode per image, one square per visit.

With `crop_area` 1 the square is open_clip's own evaluation transform: the shorter side resized to the model's,
bicubic, and the centre cut out. Below 1 the image is resized so that a square of the model's side is `crop_area`
of the largest square in it, and each visit takes a random such square (CLIP, arXiv 2103.00020, section 2.4: a
random square crop from a resized image is the only augmentation). Either may be mirrored. Decoded images are
kept, at that size, until BUDGET bytes are full; trainings one after the other in a process share them.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from curate.images import open_stored
from curate.uid import draw_int
from model_training.data.pairs import Pair

BUDGET = 1 << 30  # bytes of pixels kept
LONGEST = 3  # a random square is looked for in the middle three squares of an image
MAX_ASPECT = 20  # what is longer is cut before it is resized: one row of 16,000 pixels would grow to gigabytes


@dataclass
class Kept:
    """Decoded images of one size, by the digest of their files."""

    images: dict[bytes, np.ndarray | None] = field(default_factory=dict)
    bytes: int = 0


_shared: dict[tuple[int, float], Kept] = {}


def shared(side: int, crop_area: float) -> Kept:
    """What earlier trainings of this process have decoded at that size; nothing when it takes half of BUDGET."""
    key = side, crop_area
    if key not in _shared or _shared[key].bytes > BUDGET // 2:
        forget()
        _shared[key] = Kept()
    return _shared[key]


def forget() -> None:
    """Let go of what is shared: no further training comes."""
    _shared.clear()


@dataclass
class Pixels:
    side: int  # px, of the model's input
    crop_area: float = 1.0  # share of the largest square
    flip: bool = False
    kept: Kept = field(default_factory=Kept)

    def visit(self, pair: Pair, seed: int, name: str) -> np.ndarray | None:
        """(side, side, 3) uint8; None where the image cannot be decoded. The same arguments give the same square."""
        image = self._image(pair)
        if image is None:
            return None
        draws = draw_int(seed, name, "crop")
        rows, columns = image.shape[0] - self.side, image.shape[1] - self.side
        top, left = (draws & 0xFFFFF) * (rows + 1) >> 20, (draws >> 20 & 0xFFFFF) * (columns + 1) >> 20
        square = image[top : top + self.side, left : left + self.side]
        return square[:, ::-1] if self.flip and draws >> 63 else square

    def _image(self, pair: Pair) -> np.ndarray | None:
        if pair.digest in self.kept.images:
            return self.kept.images[pair.digest]
        image = open_stored(pair.image)
        small = None if image is None else np.asarray(self._shrunk(image))
        size = 0 if small is None else small.nbytes
        if self.kept.bytes + size <= BUDGET:
            self.kept.images[pair.digest] = small
            self.kept.bytes += size
        return small

    def _shrunk(self, image: Image.Image) -> Image.Image:
        if self.crop_area == 1:
            return centre(shrink(image, self.side), self.side, self.side)
        small = shrink(image, round(self.side / math.sqrt(self.crop_area)))
        longest = LONGEST * min(small.size)
        return centre(small, min(small.width, longest), min(small.height, longest))


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
