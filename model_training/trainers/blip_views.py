"""How BLIP sees images in training, by its options, and which image it was."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from PIL import Image

from curate.uid import draw_int
from model_training.data.views import Views
from model_training.data.views.rand_augment import RandAugment
from model_training.data.views.random_resized_crop import RandomResizedCrop
from model_training.trainers.blip_options import Augment


@dataclass(frozen=True)
class Whole:
    """The whole image made a square, as BLIP sees it when it is asked. Implements `Views`."""

    side: int  # px, of the model's input
    flip: bool = False

    def kept(self, image: Image.Image) -> Image.Image:
        return image.resize((self.side, self.side), Image.Resampling.BICUBIC)

    def __call__(self, image: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, ...]:
        return (image[:, ::-1] if self.flip and draw_int(seed, name, "flip") & 1 else image,)


@dataclass(frozen=True)
class Identified:
    """`views`, and after them what names the image: 12 bytes of its pixels' digest, as (2, 2, 3) uint8.

    Fine-tuning must know which rows show one image: another caption of it is no negative. Implements `Views`.
    """

    views: Views

    def kept(self, image: Image.Image) -> Image.Image:
        return self.views.kept(image)

    def __call__(self, image: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, ...]:
        digest = blake2b(np.ascontiguousarray(image).data, digest_size=12, salt=_size(image)).digest()
        return (*self.views(image, seed, name), np.frombuffer(digest, np.uint8).reshape(2, 2, 3))


def views_of(side: int, augment: Augment, scale: tuple[float, float], flip: bool) -> Views:
    match augment:
        case "rand_augment":
            return RandAugment(side, scale, flip)
        case "crop":
            return RandomResizedCrop(side, scale, flip=flip)
        case "none":
            return Whole(side, flip)
    raise ValueError(augment)


def _size(image: np.ndarray) -> bytes:
    return image.shape[0].to_bytes(8, "big") + image.shape[1].to_bytes(8, "big")
