"""From stored bytes to the views of a visit: one decode per image.

Decoded images are kept, in the form that the views ask for, until BUDGET bytes are full; trainings one after the
other in a process share them.
"""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from curate.images import open_stored, stored_pixels
from model_training.data.pairs import Pair
from model_training.data.views import Views, Whole

BUDGET = 1 << 30  # bytes of pixels kept


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
        if isinstance(self.views, Whole):
            return stored_pixels(data)
        image = open_stored(data)
        return None if image is None else np.asarray(self.views.kept(image))
