"""Multi-crop: two large and some small random crops of an image, each distorted by itself (SwAV, arXiv 2006.09882;
as DINO, arXiv 2104.14294, and those after it augment).

A crop has a random share of the image's area and an aspect of 3/4 to 4/3 (torchvision's RandomResizedCrop).
It is mirrored (probability .5), its brightness, contrast, saturation and hue are jittered by (.4, .4, .2, .1) in a
drawn order (.8), it turns grey (.2), is blurred (1, .1 and .5: first, second, small) and the second one
solarised (.2). Published radii of the blur are for 224 px: sigma .1 to 2; they shrink with `side`.
"""

import math
from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np
from PIL import Image

from curate.uid import draw_int
from model_training.data.views.square import MAX_ASPECT, centre, shrink

ASPECT = (3 / 4, 4 / 3)  # width / height
TRIES = 10
FLIP, JITTER, GREY, SOLARISE = 0.5, 0.8, 0.2, 0.2  # probabilities
BLUR = (1.0, 0.1, 0.5)  # of the first large crop, the second, a small one
BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.4, 0.4, 0.2, 0.1
SIGMA = (0.1, 2.0)  # px where `side` is PUBLISHED
PUBLISHED = 224
LARGE = 2
ORDERS = tuple(permutations(("brightness", "contrast", "saturation", "hue")))

_INVERTED = np.array([v if v < 128 else 255 - v for v in range(256)], np.uint8)
_OF_CROP, _OF_COLOUR = 4 * TRIES, 11  # draws


@dataclass(frozen=True)
class MultiCrop:
    """Two views of `side` px, then `small` ones of `small_side`. Implements `Views`."""

    side: int
    small_side: int
    small: int = 8
    scale: tuple[float, float] = (0.4, 1.0)  # of the image's area
    small_scale: tuple[float, float] = (0.05, 0.4)
    flip: bool = True  # mirror half of the crops

    def kept(self, image: Image.Image) -> Image.Image:
        """No larger than the smallest crops need, and never enlarged."""
        needed = max(self.side / math.sqrt(self.scale[0]), self.small_side / math.sqrt(self.small_scale[0]))
        if min(image.size) > needed:
            return shrink(image, math.ceil(needed))
        longest = MAX_ASPECT * min(image.size)
        return centre(image, min(image.width, longest), min(image.height, longest))

    def __call__(self, image: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, ...]:
        source = np.random.Generator(np.random.PCG64(draw_int(seed, name, "multi crop")))
        draws = source.random((LARGE + self.small, _OF_CROP + _OF_COLOUR))
        height, width = image.shape[:2]
        views = []
        for number, drawn in enumerate(draws):
            large = number < LARGE
            side, scale = (self.side, self.scale) if large else (self.small_side, self.small_scale)
            left, top, w, h = crop_box(width, height, scale, drawn[:_OF_CROP].reshape(TRIES, 4))
            view = resized(image[top : top + h, left : left + w], side)
            views.append(self._distorted(view, drawn[_OF_CROP:], min(number, LARGE)))
        return tuple(views)

    def _distorted(self, view: np.ndarray, drawn: np.ndarray, kind: int) -> np.ndarray:
        """`kind`: 0 and 1 the large crops, 2 a small one."""
        flip, jitter, grey, blur, sigma, solarise = drawn[:6]
        if self.flip and flip < FLIP:
            view = np.ascontiguousarray(view[:, ::-1])
        if jitter < JITTER:
            view = jittered(view, drawn[6:])
        if grey < GREY:
            view = grey_of(view)
        if blur < BLUR[kind]:
            radius = (SIGMA[0] + sigma * (SIGMA[1] - SIGMA[0])) * self.side / PUBLISHED
            view = np.asarray(cv2.GaussianBlur(view, (0, 0), radius))
        if kind == 1 and solarise < SOLARISE:
            view = np.asarray(cv2.LUT(view, _INVERTED))
        return view


def resized(crop: np.ndarray, side: int) -> np.ndarray:
    """To (side, side): halved while that is not too small, then bilinear; bicubic where it grows.

    Within 1.2 of 255, in the mean, of Pillow's bicubic (torchvision's), which takes ten times as long.
    """
    height, width = crop.shape[:2]
    while min(height, width) >= 2 * side:
        height, width = height // 2, width // 2
        crop = cv2.resize(crop[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    how = cv2.INTER_LINEAR if max(height, width) > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (side, side), interpolation=how))


def crop_box(width: int, height: int, scale: tuple[float, float], drawn: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, width, height in pixels; `drawn`: (tries, 4) in [0, 1): area, aspect, left, top.

    As torchvision: the first try that fits; where none does, the largest box of an allowed aspect in the middle.
    """
    low, high = math.log(ASPECT[0]), math.log(ASPECT[1])
    for area, aspect, left, top in drawn.tolist():
        pixels = width * height * (scale[0] + area * (scale[1] - scale[0]))
        ratio = math.exp(low + aspect * (high - low))
        w, h = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < w <= width and 0 < h <= height:
            x, y = int(left * (width - w + 1)), int(top * (height - h + 1))
            return x, y, w, h
    w, h = min(width, round(height * ASPECT[1])), min(height, round(width / ASPECT[0]))
    return (width - w) // 2, (height - h) // 2, w, h


def jittered(view: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """torchvision's ColorJitter: four changes, each rounded to 8 bits, in a drawn order; `drawn`: 5 in [0, 1)."""
    brightness, contrast, saturation, hue, order = drawn.tolist()
    for change in ORDERS[int(order * len(ORDERS))]:
        match change:
            case "brightness":
                view = toned(view, _factor(BRIGHTNESS, brightness), 0.0)
            case "contrast":
                view = toned(view, _factor(CONTRAST, contrast), round(cv2.mean(luma(view))[0]))
            case "saturation":
                view = saturated(view, _factor(SATURATION, saturation))
            case "hue":
                view = turned(view, HUE * (2 * hue - 1))
    return view


def toned(view: np.ndarray, factor: float, towards: float) -> np.ndarray:
    """factor v + (1 - factor) towards: brightness when it is black, contrast when it is the mean."""
    table = np.rint(factor * np.arange(256) + (1 - factor) * towards).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(view, table))


def saturated(view: np.ndarray, factor: float) -> np.ndarray:
    """The same towards each pixel's own grey."""
    return np.asarray(cv2.addWeighted(view, factor, grey_of(view), 1 - factor, 0))


def turned(view: np.ndarray, turns: float) -> np.ndarray:
    """Hues moved round the circle, in 256 steps."""
    colours = cv2.cvtColor(view, cv2.COLOR_RGB2HSV_FULL)
    colours[..., 0] += np.uint8(int(turns * 255) % 256)
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_HSV2RGB_FULL))


def grey_of(view: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(luma(view), cv2.COLOR_GRAY2RGB))


def luma(view: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY))


def _factor(strength: float, drawn: float) -> float:
    return 1 + strength * (2 * drawn - 1)
