"""From downloaded bytes to a stored image: decode, resize, encode.

What is stored carries no metadata at all: no EXIF, no GPS position, no thumbnail, no comment, no XMP, no colour
profile (its colours were converted to sRGB).
"""

import io
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import simplejpeg
from PIL import Image

from curate.image_pixels import memory_of, pixels_of
from curate.image_resize import Pixels, Resize, scale
from curate.image_rgb import BAD_BYTES, turned
from curate.images import MAX_PIXELS, MAX_SIDE, Failed, Opened, open_image
from curate.outcomes import Outcome

EncodeFormat = Literal["jpg", "png", "webp"]
ENCODE_FORMATS = ("jpg", "png", "webp")
LONGEST = {"jpg": 65_500, "png": 65_500, "webp": 16_383}  # px of a side, by the encoders
DECODE_MEMORY = 480_000_000  # bytes


@dataclass(frozen=True)
class StorePolicy(Resize):
    """How an image is stored; the names and meanings of the first five are img2dataset's.

    There is no way to keep the downloaded bytes as they are: their metadata would stay.
    `encode_quality` is 1 to 100 for jpg and webp, and the compression level 0 to 9 for png.
    """

    encode_format: EncodeFormat = "jpg"
    encode_quality: int = 95
    min_image_size: int = 0  # of the shorter side, as downloaded
    max_aspect_ratio: float = math.inf
    max_pixels: int = MAX_PIXELS
    max_side: int = MAX_SIDE
    decode_memory: int = DECODE_MEMORY

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encode_format not in ENCODE_FORMATS:
            raise ValueError(f"encode_format is one of {', '.join(ENCODE_FORMATS)}; not {self.encode_format!r}")
        best = 9 if self.encode_format == "png" else 100
        if not 0 <= self.encode_quality <= best:
            raise ValueError(f"encode_quality for {self.encode_format} is 0 to {best}; not {self.encode_quality}")


@dataclass(frozen=True)
class Stored:
    data: bytes
    width: int
    height: int
    original_width: int
    original_height: int
    format: str  # as downloaded
    frames: int


def store(data: bytes, policy: StorePolicy) -> Stored | Failed:
    """The bytes to keep for downloaded bytes. The same bytes and policy give the same bytes."""
    opened = open_image(data, policy.max_pixels, policy.max_side)
    if isinstance(opened, Failed):
        return opened
    width, height = opened.displayed_size
    if failed := _unfit(opened, data, policy):
        return failed
    size = policy.scaled_size(width, height)
    sideways = opened.orientation >= 5
    try:
        part = pixels_of(opened, data, size[::-1] if sideways else size)
    except BAD_BYTES as error:
        return opened.damaged(error)
    scaled = part.in_srgb(scale(part.pixels, size[::-1] if sideways else size, part.covers))
    kept = policy.framed(turned(scaled, opened.orientation), (width, height))
    return Stored(encode(kept, policy), kept.shape[1], kept.shape[0], width, height, opened.format, opened.frames)


def _unfit(opened: Opened, data: bytes, policy: StorePolicy) -> Failed | None:
    width, height = opened.displayed_size
    if min(width, height) < policy.min_image_size:
        return Failed(Outcome.TOO_SMALL, f"{width}x{height}, the shorter side is under {policy.min_image_size}")
    if max(width, height) > policy.max_aspect_ratio * min(width, height):
        return Failed(Outcome.BAD_ASPECT, f"{width}x{height} is longer than {policy.max_aspect_ratio:g} to 1")
    size = policy.scaled_size(width, height)
    if max(size) > LONGEST[policy.encode_format] or size[0] * size[1] > policy.max_pixels:
        return Failed(Outcome.TOO_MANY_PIXELS, f"{width}x{height} would be stored as {size[0]}x{size[1]}")
    need = memory_of(opened, data)
    if need > policy.decode_memory:
        what = f"{width}x{height} as {opened.format} may take {need / 1e6:,.0f} MB to decode"
        return Failed(Outcome.TOO_MANY_PIXELS, f"{what}, {policy.decode_memory / 1e6:,.0f} MB are allowed")
    return None


def encode(pixels: Pixels, policy: StorePolicy) -> bytes:
    """The pixels and nothing else, as the policy's format."""
    pixels = np.ascontiguousarray(pixels)
    if policy.encode_format == "jpg":
        return simplejpeg.encode_jpeg(pixels, policy.encode_quality, "RGB", "420", fastdct=False)
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if policy.encode_format == "png":
        image.save(out, "PNG", compress_level=policy.encode_quality)
    else:
        image.save(out, "WEBP", quality=policy.encode_quality, exif=b"", xmp=b"", icc_profile=b"")
    return out.getvalue()
