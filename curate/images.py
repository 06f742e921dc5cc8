"""From bytes that a stranger wrote to an image: check, decode, convert to RGB.

Bad bytes are answers (`Failed`), never exceptions. The header is judged before a pixel is decoded, and every
format is decoded to its last row.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# AVIF and WebP register themselves when imported; without that Pillow imports all of its forty plugins.
from PIL import AvifImagePlugin, Image, ImageFile, WebPImagePlugin

from curate.errors import MachineError
from curate.image_files import gif_frames, is_whole, looks_like_image, webp_size
from curate.image_jpeg import decode_jpeg
from curate.image_rgb import BAD_BYTES, colour_transform, orientation_of, to_rgb, turned
from curate.outcomes import Outcome

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_384
PILLOW_PIXELS = 2 * 89_478_485  # Pillow refuses more, whoever asks

assert AvifImagePlugin and WebPImagePlugin


@dataclass(frozen=True)
class Failed:
    outcome: Outcome
    message: str


@dataclass(frozen=True)
class Decoded:
    """`width` and `height` are as displayed, that is after the EXIF rotation."""

    image: Image.Image  # RGB, nothing in `info`
    width: int
    height: int
    format: str
    frames: int


def decode(
    data: bytes, *, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE, strict: bool = True
) -> Decoded | Failed:
    """The whole image as RGB, at its full size. `strict`: also refuse what Pillow would fill up with grey."""
    opened = open_image(data, max_pixels, max_side)
    if isinstance(opened, Failed):
        return opened
    try:
        if strict and opened.format == "jpeg":
            decode_jpeg(data, "CMYK" if opened.image.mode == "CMYK" else "GRAY")
    except BAD_BYTES as error:
        return opened.damaged(error)
    rgb = _decoded(opened)
    return rgb if isinstance(rgb, Failed) else Decoded(rgb, *opened.displayed_size, opened.format, opened.frames)


def _decoded(opened: "Opened") -> Image.Image | Failed:
    try:
        opened.image.load()
        rgb = to_rgb(opened.image)
    except BAD_BYTES as error:
        return opened.damaged(error)
    if rgb is opened.image:
        rgb = rgb.copy()  # a plain image: no file behind it, no metadata methods of its format
    rgb.info = {}
    return rgb


def open_stored(data: bytes) -> Image.Image | None:
    """An already stored image as RGB, to be measured; None if it is damaged.

    Whatever `max_pixels` let in opens here: up to what Pillow itself calls a decompression bomb.
    """
    found = _stored(data)
    return Image.fromarray(found) if isinstance(found, np.ndarray) else found


def stored_pixels(data: bytes) -> NDArray[np.uint8] | None:
    """The same as an array, (height, width, 3): of a JPEG, Pillow never holds the pixels."""
    found = _stored(data)
    return None if found is None else np.asarray(found)


def _stored(data: bytes) -> NDArray[np.uint8] | Image.Image | None:
    opened = open_image(data, PILLOW_PIXELS, MAX_SIDE)
    if isinstance(opened, Failed):
        return None
    if (whole := _whole_jpeg(opened, data)) is not None:
        return whole
    decoded = _decoded(opened)
    return None if isinstance(decoded, Failed) else decoded


def _whole_jpeg(opened: "Opened", data: bytes) -> NDArray[np.uint8] | None:
    """By libjpeg-turbo straight into an array: the same pixels as Pillow's, in two thirds of the time.

    None for what needs more than that: other formats and colours, and what lacks data, which Pillow fills up.
    """
    if opened.format != "jpeg" or opened.image.mode not in ("RGB", "L") or colour_transform(opened.image):
        return None
    try:
        pixels = decode_jpeg(data, "RGB", opened.image.size)
    except OSError:
        return None
    return None if pixels is None else turned(pixels, opened.orientation)


# -- opening: the header alone ------------------------------------------------------------------------
@dataclass(frozen=True)
class Opened:
    image: Image.Image  # its header was read, its pixels were not
    orientation: int
    format: str
    frames: int

    @property
    def displayed_size(self) -> tuple[int, int]:
        width, height = self.image.size
        return (height, width) if self.orientation >= 5 else (width, height)

    def damaged(self, error: Exception) -> Failed:
        return Failed(Outcome.DAMAGED_IMAGE, f"the {self.format} file cannot be decoded: {_line(error)}")


def open_image(data: bytes, max_pixels: int, max_side: int) -> Opened | Failed:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise MachineError(
            "another library has set PIL.ImageFile.LOAD_TRUNCATED_IMAGES: cut images would be stored as grey",
            "do not import that library in the same process",
        )
    claimed = webp_size(data)
    if claimed and (failed := _too_big(claimed, max_pixels, max_side)):
        return failed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning from 89 Mpixel up: the limit here is max_pixels
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        return Failed(Outcome.TOO_MANY_PIXELS, str(error))
    except BAD_BYTES as error:
        if looks_like_image(data):
            return Failed(Outcome.DAMAGED_IMAGE, f"the header cannot be read: {_line(error)}")
        return Failed(Outcome.NOT_AN_IMAGE, f"not one of {', '.join(FORMATS)}")
    if failed := _too_big(image.size, max_pixels, max_side):
        return failed
    # MPO is a JPEG with further pictures behind it (a preview, a depth map); the first one is the photo.
    image_format = "jpeg" if image.format == "MPO" else str(image.format).lower()
    if not is_whole(data, image_format):
        return Failed(Outcome.DAMAGED_IMAGE, f"the {image_format} file stops before its end")
    return Opened(image, orientation_of(image), image_format, _frames(image, image_format, data))


def _too_big(size: tuple[int, int], max_pixels: int, max_side: int) -> Failed | None:
    width, height = size
    if width * height <= max_pixels and max(size) <= max_side:
        return None
    limit = f"{max_pixels:,} pixels, {max_side:,} a side"
    return Failed(Outcome.TOO_MANY_PIXELS, f"{width}x{height} is over the limit ({limit})")


def _frames(image: Image.Image, image_format: str, data: bytes) -> int:
    if image_format == "gif":
        return max(1, gif_frames(data) or 1)
    return 1 if image_format == "jpeg" else int(getattr(image, "n_frames", 1))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
