"""How a model sees an image at a visit: one published augmentation a file."""

from typing import Protocol

import numpy as np
from PIL.Image import Image


class Whole:
    """Views that are cut from the decoded image itself."""

    def kept(self, image: Image) -> Image:
        return image


class Views(Protocol):
    """Hashable: trainings one after the other share what they decoded when their views are equal."""

    def kept(self, image: Image) -> Image:
        """What of a decoded image (RGB) is kept in memory, for all its visits. Draws nothing."""
        ...

    def __call__(self, image: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, ...]:
        """The views of a visit: (h, w, 3) uint8, as kept, to squares (side, side, 3) uint8.

        The same seed and name of a visit give the same squares; every visit gives as many, of the same sides.
        """
        ...
