"""Resizing with img2dataset's options and sizes: area averaging when shrinking, Lanczos when growing."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (height, width, 3), sRGB
ResizeMode = Literal["no", "keep_ratio", "center_crop", "border", "keep_ratio_largest"]
RESIZE_MODES = ("no", "keep_ratio", "center_crop", "border", "keep_ratio_largest")
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Resize:
    """img2dataset's names and meanings."""

    image_size: int = 384
    resize_mode: ResizeMode = "keep_ratio_largest"
    resize_only_if_bigger: bool = True

    def __post_init__(self) -> None:
        if self.resize_mode not in RESIZE_MODES:
            raise ValueError(f"resize_mode is one of {', '.join(RESIZE_MODES)}; not {self.resize_mode!r}")
        if self.image_size < 1:
            raise ValueError(f"image_size is at least 1; not {self.image_size}")

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """The size an image is scaled to, before any crop or border.

        `keep_ratio` and `center_crop` bring the shorter side to image_size, `border` and `keep_ratio_largest`
        the longer one: 300x200 at 256 gives 384x256 or 256x171. The other side is rounded, half to even.
        """
        if self.resize_mode == "no":
            return width, height
        side = min(width, height) if self.resize_mode in ("keep_ratio", "center_crop") else max(width, height)
        if self.resize_only_if_bigger and side <= self.image_size:
            return width, height
        scale = self.image_size / side
        return max(1, round(width * scale)), max(1, round(height * scale))

    def framed(self, pixels: Pixels, original: tuple[int, int]) -> Pixels:
        """Cropped or padded as the mode says, after the scaling.

        As in img2dataset, an image left alone by `resize_only_if_bigger` is neither cropped nor padded.
        """
        height, width = pixels.shape[:2]
        side = self.image_size
        if self.resize_only_if_bigger and (width, height) == original:
            return pixels
        if self.resize_mode == "center_crop":
            left, top = (width - side) // 2, (height - side) // 2
            return pixels[top : top + side, left : left + side]
        if self.resize_mode == "border":
            left, top = (side - width) // 2, (side - height) // 2
            square = np.full((side, side, 3), WHITE, np.uint8)
            square[top : top + height, left : left + width] = pixels
            return square
        return pixels


def resize(pixels: Pixels, how: Resize) -> Pixels:
    """Scale, then crop or pad as the mode says."""
    height, width = pixels.shape[:2]
    size = how.scaled_size(width, height)
    return how.framed(scale(pixels, size, (width, height)), (width, height))


def scale(pixels: Pixels, size: tuple[int, int], covers: tuple[float, float]) -> Pixels:
    """To (width, height).

    `covers` is how much of the pixels' width and height is image: of a JPEG of 333 rows that was decoded at 1/8
    the 42nd row is partly padding.
    """
    width, height = size
    if (width, height) == covers and pixels.shape[1::-1] == size:
        return pixels
    across, down = width / covers[0], height / covers[1]
    if across > 1 or down > 1:
        return cv2.resize(pixels, size, interpolation=cv2.INTER_LANCZOS4)  # type: ignore[return-value]
    if min(across, down) < 0.5:
        return _to(pixels, size, across, down, cv2.INTER_AREA)
    # Shrinking to no less than a half: to just twice the size, then exact halves. Three times as fast as averaging
    # over fractions of pixels, and within 46 dB or better of it.
    twice = _to(pixels, (2 * width, 2 * height), 2 * across, 2 * down, cv2.INTER_LINEAR)
    return cv2.resize(twice, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _to(pixels: Pixels, size: tuple[int, int], across: float, down: float, how: int) -> Pixels:
    """By exact factors, from the upper left: given a size alone, OpenCV would squeeze the padding into it."""
    width, height = size
    scaled = cv2.resize(pixels, None, fx=across, fy=down, interpolation=how)
    return scaled[:height, :width]  # type: ignore[return-value]
