"""The pixels of an opened image as an array, at no more than the size that is needed, and in little memory.

At the default limits an image may have 50 million pixels, and Pillow holds an RGB pixel in four bytes: every copy
is 200 MB. So a large image is converted strip by strip, and each strip is shrunk before the next one comes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.image_files import webp_is_still
from curate.image_jpeg import decode_jpeg
from curate.image_resize import Pixels
from curate.image_rgb import colour_transform, to_rgb
from curate.images import Opened

LARGE = 4_000_000  # pixels; what has fewer is converted whole
STRIP = 1_000_000  # pixels at a time of what has more
ROOM = 2  # what is shrunk beforehand stays this many times as wide as is wanted, so that the last step is exact

# The most that decoding takes, per pixel, measured at 49 million pixels (tests/hostile/memory.py).
BYTES_PER_PIXEL = {"avif": 12, "webp": 9, "jpeg": 9, "png": 8, "gif": 6, "bmp": 6}
ANIMATED_WEBP, PROGRESSIVE_CMYK = 17, 12


@dataclass(frozen=True)
class Part:
    """`covers`: how much of the array's width and height is image. Of 333 rows at 1/8 the 42nd is partly padding."""

    pixels: Pixels  # not yet turned as the orientation says
    covers: tuple[float, float]
    profile: bytes | None = None  # of its colours; None for sRGB

    def in_srgb(self, pixels: Pixels) -> Pixels:
        """The part, when it has been scaled: there are fewer colours to convert then."""
        if self.profile is None:
            return pixels
        image = Image.fromarray(pixels)
        image.info["icc_profile"] = self.profile
        return np.asarray(to_rgb(image))


def memory_of(opened: Opened, data: bytes) -> int:
    """Bytes that decoding may take."""
    each = BYTES_PER_PIXEL[opened.format]
    if opened.format == "webp" and not webp_is_still(data):
        each = ANIMATED_WEBP
    elif opened.image.mode == "CMYK" and opened.image.info.get("progressive"):
        each = PROGRESSIVE_CMYK
    return opened.image.width * opened.image.height * each


def pixels_of(opened: Opened, data: bytes, wanted: tuple[int, int]) -> Part:
    """`wanted` is the size that they will be scaled to, as they lie here. Raises BAD_BYTES for damaged bytes."""
    image, (width, height), profile = opened.image, opened.image.size, None
    factor = max(1, min(width // wanted[0], height // wanted[1]) // ROOM)
    if opened.format == "jpeg":
        factor = 1 << min(3, factor.bit_length() - 1)  # the decoder's own scaling: the mean of blocks
        found, profile = _jpeg(image, data, factor)
        factor = max(1, round(width / found.shape[1]), round(height / found.shape[0]))
    else:
        factor = factor if width * height > LARGE else 1
        large_still = opened.format == "webp" and width * height > LARGE and webp_is_still(data)
        found = _strips((width, height), _webp(image, data) if large_still else image.crop, factor)
    return Part(found, (min(found.shape[1], width / factor), min(found.shape[0], height / factor)), profile)


Box = tuple[int, int, int, int]


def _strips(size: tuple[int, int], crop: Callable[[Box], Image.Image], factor: int) -> Pixels:
    """The whole as RGB, `factor` times smaller: means of factor x factor pixels."""
    width, height = size
    rows = max(1, STRIP // width // factor) * factor if width * height > LARGE else height
    out = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        strip = np.asarray(to_rgb(crop((0, top, width, bottom)), turn=False))
        if factor > 1:
            right, below = -width % factor, -(bottom - top) % factor
            strip = cv2.copyMakeBorder(strip, 0, below, 0, right, cv2.BORDER_REPLICATE)
            smaller = (strip.shape[1] // factor, strip.shape[0] // factor)
            strip = cv2.resize(strip, smaller, interpolation=cv2.INTER_AREA)
        out[top // factor : top // factor + len(strip)] = strip
    return out


def _jpeg(image: Image.Image, data: bytes, factor: int) -> tuple[Pixels, bytes | None]:
    """By libjpeg-turbo straight into an array, and the profile of its colours where they are not sRGB.

    What libjpeg-turbo does not convert, Pillow does, after the other one has seen that nothing is missing.
    """
    (width, height), transform = image.size, colour_transform(image)
    size = (-(-width // factor), -(-height // factor))
    if image.mode == "RGB" or (image.mode == "L" and not transform):
        found = decode_jpeg(data, "RGB", size)
        if found is not None:
            return found, image.info.get("icc_profile") if transform else None
    elif image.mode == "CMYK":
        decode_jpeg(data, "CMYK")
    image.draft(image.mode, (width // factor, height // factor))
    return _strips(image.size, image.crop, 1), None


def _crop_of(whole: NDArray[np.uint8], profile: bytes | None) -> Callable[[Box], Image.Image]:
    def crop(box: Box) -> Image.Image:
        strip = Image.fromarray(whole[box[1] : box[3]])
        if profile:
            strip.info["icc_profile"] = profile
        return strip

    return crop


def _webp(image: Image.Image, data: bytes) -> Callable[[Box], Image.Image]:
    """A large still one. Pillow's decoder is made for animations and holds the picture four times."""
    profile = image.info.get("icc_profile")
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if whole is None or whole.shape[1::-1] != image.size:
        raise OSError("the WebP stream is damaged")
    to_pillow = cv2.COLOR_BGRA2RGBA if whole.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return _crop_of(np.asarray(cv2.cvtColor(whole, to_pillow, dst=whole), np.uint8), profile)
