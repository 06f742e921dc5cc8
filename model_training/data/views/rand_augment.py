"""RandAugment on a random resized crop (arXiv 1909.13719), with BLIP's ten operations (arXiv 2201.12086).

Two operations are drawn, with replacement; each is made with probability 1/2, at level 5 of 10, in a drawn
direction. What moves out of the square leaves grey. At level 5 brightness and sharpness change nothing, as in
BLIP's own code: their factor is 1.8 level / 10 + 0.1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from curate.uid import draw_int
from model_training.data.views import Whole
from model_training.data.views.random_resized_crop import RandomResizedCrop

MAX_LEVEL = 10
SHEAR, TRANSLATE, ROTATE = 0.3, 10.0, 30.0  # at MAX_LEVEL: pixels a pixel, pixels, degrees
GREY = (128, 128, 128)

Operation = Callable[[np.ndarray, float], np.ndarray]  # (side, side, 3) uint8 and a level from -1 to 1


@dataclass(frozen=True)
class RandAugment(Whole):
    """One view. Implements `Views`."""

    side: int  # px, of the model's input
    scale: tuple[float, float] = (0.2, 1.0)  # share of the image's area
    flip: bool = True
    count: int = 2  # operations
    level: int = 5  # of MAX_LEVEL

    def __call__(self, image: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, ...]:
        (square,) = RandomResizedCrop(self.side, self.scale, flip=self.flip)(image, seed, name)
        for number in range(self.count):
            bits = draw_int(seed, name, f"augment/{number}")
            if bits & 1:
                level = self.level / MAX_LEVEL * (1 if bits & 2 else -1)
                square = OPERATIONS[(bits >> 32) * len(OPERATIONS) >> 32](np.ascontiguousarray(square), level)
        return (square,)


def _auto_contrast(square: np.ndarray, level: float) -> np.ndarray:
    return np.asarray(ImageOps.autocontrast(Image.fromarray(square)))


def _equalise(square: np.ndarray, level: float) -> np.ndarray:
    return np.asarray(ImageOps.equalize(Image.fromarray(square)))


def _brightness(square: np.ndarray, level: float) -> np.ndarray:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(square)).enhance(_factor(level)))


def _sharpness(square: np.ndarray, level: float) -> np.ndarray:
    return np.asarray(ImageEnhance.Sharpness(Image.fromarray(square)).enhance(_factor(level)))


def _factor(level: float) -> float:
    return 1.8 * abs(level) + 0.1


def _shear_x(square: np.ndarray, level: float) -> np.ndarray:
    return _moved(square, [[1, SHEAR * level, 0], [0, 1, 0]])


def _shear_y(square: np.ndarray, level: float) -> np.ndarray:
    return _moved(square, [[1, 0, 0], [SHEAR * level, 1, 0]])


def _translate_x(square: np.ndarray, level: float) -> np.ndarray:
    return _moved(square, [[1, 0, -TRANSLATE * level], [0, 1, 0]])


def _translate_y(square: np.ndarray, level: float) -> np.ndarray:
    return _moved(square, [[1, 0, 0], [0, 1, -TRANSLATE * level]])


def _rotate(square: np.ndarray, level: float) -> np.ndarray:
    middle = square.shape[1] / 2, square.shape[0] / 2
    return _moved(square, cv2.getRotationMatrix2D(middle, ROTATE * level, 1))


def _moved(square: np.ndarray, matrix: object) -> np.ndarray:
    size = square.shape[1], square.shape[0]
    return np.asarray(cv2.warpAffine(square, np.asarray(matrix, np.float64), size, borderValue=GREY))


def _identity(square: np.ndarray, level: float) -> np.ndarray:
    return square


OPERATIONS: tuple[Operation, ...] = (
    _identity,
    _auto_contrast,
    _brightness,
    _sharpness,
    _equalise,
    _shear_x,
    _shear_y,
    _translate_x,
    _translate_y,
    _rotate,
)
