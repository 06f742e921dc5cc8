"""From stored bytes to the views of a visit: one decode per image.

Decoded images are kept, in the form that the views ask for, until BUDGET bytes are full; trainings one after the
other in a process share them.
"""

import io
import warnings
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import simplejpeg
from PIL import Image

from curate.image_files import webp_size
from curate.image_rgb import BAD_BYTES
from curate.images import FORMATS, open_stored, stored_pixels
from model_training.data.pairs import Pair
from model_training.data.views import Views, Whole

BUDGET = 1 << 30  # bytes of pixels kept
MAX_PIXELS = 25_000_000  # of an image that is trained with (open_clip_train/params.py); 75 MB a thread that decodes


@dataclass
class Kept:
    """Decoded images in the form of some views, by the digest of their files."""

    images: dict[bytes, np.ndarray | None] = field(default_factory=dict)
    bytes: int = 0
    lock: Lock = field(default_factory=Lock)


_shared: dict[Views, Kept] = {}


def shared(views: Views) -> Kept:
    """What earlier trainings of this process have decoded for such views; nothing when it takes half of BUDGET."""
    if views not in _shared or _shared[views].bytes > BUDGET // 2:
        forget()
        _shared[views] = Kept()
    return _shared[views]


def forget() -> None:
    """Let go of what is shared: no further training comes."""
    _shared.clear()


@dataclass
class Pixels:
    views: Views
    kept: Kept = field(default_factory=Kept)

    def visit(self, pair: Pair, seed: int, name: str) -> tuple[np.ndarray, ...] | None:
        """The views, (side, side, 3) uint8 each; None where the image cannot be decoded."""
        image = self._image(pair)
        return None if image is None else self.views(image, seed, name)

    def _image(self, pair: Pair) -> np.ndarray | None:
        if pair.digest in self.kept.images:
            return self.kept.images[pair.digest]
        small = self._decoded(pair.image)
        size, kept = 0 if small is None else small.nbytes, self.kept
        with kept.lock:
            if pair.digest not in kept.images and kept.bytes + size <= BUDGET:
                kept.images[pair.digest] = small
                kept.bytes += size
        return small

    def _decoded(self, data: bytes) -> np.ndarray | None:
        if claimed_pixels(data) > MAX_PIXELS:
            return None
        if isinstance(self.views, Whole):
            return stored_pixels(data)
        image = open_stored(data)
        return None if image is None else np.asarray(self.views.kept(image))


def claimed_pixels(data: bytes) -> int:
    """How many pixels an image has as its header tells; 0 where it does not, which decoding then finds out."""
    width, height = _jpeg_size(data) or webp_size(data) or _size(data)
    return width * height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """In a tenth of Pillow's time, which is some percent of a small image's; None for what Pillow has to look at."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return int(width), int(height)


def _size(data: bytes) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as `open_image`: the limit is ours
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return image.size
    except Image.DecompressionBombError:
        return MAX_PIXELS, 2
    except BAD_BYTES:
        return 0, 0
