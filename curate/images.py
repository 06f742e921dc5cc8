"""From downloaded bytes to a stored image: check, decode, convert to RGB, resize, encode.

Bad bytes are answers (`Failed`), never exceptions. The header is judged before a pixel is decoded, every
format is decoded to its last row, and what is stored carries no metadata at all: no EXIF, no GPS position,
no thumbnail, no comment, no XMP, no colour profile (its colours were converted to sRGB).
"""

import io
import math
import warnings
from dataclasses import dataclass
from typing import Literal

# AVIF and WebP register themselves when imported; without that Pillow imports all of its forty plugins.
from PIL import AvifImagePlugin, Image, ImageFile, WebPImagePlugin

from curate.errors import MachineError
from curate.image_files import gif_frames, is_whole, looks_like_image, webp_size
from curate.image_rgb import BAD_BYTES, orientation_of, to_rgb
from curate.schema import Outcome

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_384
PILLOW_PIXELS = 2 * 89_478_485  # Pillow refuses more, whoever asks

ResizeMode = Literal["no", "keep_ratio", "center_crop", "border", "keep_ratio_largest"]
RESIZE_MODES = ("no", "keep_ratio", "center_crop", "border", "keep_ratio_largest")
EncodeFormat = Literal["jpg", "png", "webp"]
ENCODE_FORMATS = ("jpg", "png", "webp")
Box = tuple[float, float, float, float]

assert AvifImagePlugin and WebPImagePlugin


@dataclass(frozen=True)
class StorePolicy:
    """How an image is stored; the names and meanings of the first five are img2dataset's.

    There is no way to keep the downloaded bytes as they are: their metadata would stay.
    `encode_quality` is 1 to 100 for jpg and webp, and the compression level 0 to 9 for png.
    """

    image_size: int = 384
    resize_mode: ResizeMode = "keep_ratio_largest"
    resize_only_if_bigger: bool = True
    encode_format: EncodeFormat = "jpg"
    encode_quality: int = 95
    min_image_size: int = 0  # of the shorter side, as downloaded
    max_aspect_ratio: float = math.inf
    max_pixels: int = MAX_PIXELS
    max_side: int = MAX_SIDE

    def __post_init__(self) -> None:
        if self.resize_mode not in RESIZE_MODES:
            raise ValueError(f"resize_mode is one of {', '.join(RESIZE_MODES)}; not {self.resize_mode!r}")
        if self.encode_format not in ENCODE_FORMATS:
            raise ValueError(f"encode_format is one of {', '.join(ENCODE_FORMATS)}; not {self.encode_format!r}")
        best = 9 if self.encode_format == "png" else 100
        if not 0 <= self.encode_quality <= best:
            raise ValueError(f"encode_quality for {self.encode_format} is 0 to {best}; not {self.encode_quality}")
        if self.image_size < 1:
            raise ValueError(f"image_size is at least 1; not {self.image_size}")


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


@dataclass(frozen=True)
class Stored:
    data: bytes
    width: int
    height: int
    original_width: int
    original_height: int
    format: str  # as downloaded
    frames: int


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> Decoded | Failed:
    """The whole image as RGB, at its full size."""
    opened = _open(data, max_pixels, max_side)
    return opened if isinstance(opened, Failed) else _load(opened)


def store(data: bytes, policy: StorePolicy) -> Stored | Failed:
    """The bytes to keep for downloaded bytes. The same bytes and policy give the same bytes."""
    opened = _open(data, policy.max_pixels, policy.max_side)
    if isinstance(opened, Failed):
        return opened
    width, height = opened.displayed_size
    if min(width, height) < policy.min_image_size:
        return Failed(Outcome.TOO_SMALL, f"{width}x{height}, the shorter side is under {policy.min_image_size}")
    if max(width, height) > policy.max_aspect_ratio * min(width, height):
        return Failed(Outcome.BAD_ASPECT, f"{width}x{height} is longer than {policy.max_aspect_ratio:g} to 1")
    decoded = _load(opened, scaled_size(width, height, policy))
    if isinstance(decoded, Failed):
        return decoded
    box = _decoded_box(decoded.image.size, (width, height), opened.orientation)
    kept = _resize(decoded.image, policy, (width, height), box)
    return Stored(encode(kept, policy), kept.width, kept.height, width, height, decoded.format, decoded.frames)


def open_stored(data: bytes) -> Image.Image | None:
    """An already stored image as RGB, to be measured; None if it is damaged.

    Whatever `max_pixels` let in opens here: up to what Pillow itself calls a decompression bomb.
    """
    decoded = decode(data, max_pixels=PILLOW_PIXELS)
    return None if isinstance(decoded, Failed) else decoded.image


# -- opening: the header alone ------------------------------------------------------------------------
@dataclass(frozen=True)
class _Opened:
    image: Image.Image  # its header was read, its pixels were not
    orientation: int
    format: str
    frames: int

    @property
    def displayed_size(self) -> tuple[int, int]:
        width, height = self.image.size
        return (height, width) if self.orientation >= 5 else (width, height)


def _open(data: bytes, max_pixels: int, max_side: int) -> _Opened | Failed:
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
    return _Opened(image, orientation_of(image), image_format, _frames(image, image_format, data))


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


# -- decoding -----------------------------------------------------------------------------------------
def _load(opened: _Opened, wanted: tuple[int, int] | None = None) -> Decoded | Failed:
    """Decode to the last row; a JPEG much bigger than what is wanted is decoded at a half, quarter or eighth.

    That scaled decoding is the average of blocks, like the area resizing that follows. It is used only
    down to twice the wanted size, so that the last factor of two or more is always the exact resize.
    """
    image = opened.image
    width, height = opened.displayed_size
    try:
        if wanted and opened.format == "jpeg":
            if opened.orientation >= 5:
                wanted = wanted[::-1]
            image.draft(image.mode, (2 * wanted[0], 2 * wanted[1]))
        image.load()
        rgb = to_rgb(image)
    except BAD_BYTES as error:
        return Failed(Outcome.DAMAGED_IMAGE, f"the {opened.format} file cannot be decoded: {_line(error)}")
    return Decoded(rgb, width, height, opened.format, opened.frames)


# -- resizing: img2dataset's semantics -----------------------------------------------------------------
def scaled_size(width: int, height: int, policy: StorePolicy) -> tuple[int, int]:
    """The size an image is scaled to, before any crop or border.

    `keep_ratio` and `center_crop` bring the shorter side to image_size, `border` and `keep_ratio_largest`
    the longer one: 300x200 at 256 gives 384x256 or 256x171. The other side is rounded, half to even.
    """
    if policy.resize_mode == "no":
        return width, height
    side = min(width, height) if policy.resize_mode in ("keep_ratio", "center_crop") else max(width, height)
    if policy.resize_only_if_bigger and side <= policy.image_size:
        return width, height
    scale = policy.image_size / side
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize(image: Image.Image, policy: StorePolicy) -> Image.Image:
    """Scale, then crop or pad as the mode says: area averaging when shrinking, Lanczos when growing.

    Area averaging is Pillow's HAMMING: its BOX takes whole source pixels only, which moves edges, and is two
    to three times further from OpenCV's area interpolation (mean 0.2 to 0.3 levels against 0.4 to 0.8).
    As in img2dataset, an image left alone by `resize_only_if_bigger` is neither cropped nor padded.
    """
    return _resize(image, policy, image.size, (0, 0, *image.size))


def _resize(image: Image.Image, policy: StorePolicy, original: tuple[int, int], box: Box) -> Image.Image:
    """As `resize`, for an image that was of the original size; `box` is what of it is image now."""
    size = scaled_size(*original, policy)
    if size != image.size:
        shrinks = max(size) < max(original)
        filtering = Image.Resampling.HAMMING if shrinks else Image.Resampling.LANCZOS
        image = image.resize(size, filtering, box=box)
    if policy.resize_mode == "no" or (policy.resize_only_if_bigger and size == original):
        return image
    if policy.resize_mode == "center_crop":
        left, top = ((side - policy.image_size) // 2 for side in size)
        return image.crop((left, top, left + policy.image_size, top + policy.image_size))
    if policy.resize_mode == "border":
        square = Image.new("RGB", (policy.image_size, policy.image_size), (255, 255, 255))
        square.paste(image, ((policy.image_size - size[0]) // 2, (policy.image_size - size[1]) // 2))
        return square
    return image


def _decoded_box(size: tuple[int, int], original: tuple[int, int], orientation: int) -> Box:
    """The part of a decode that is image.

    Decoded at 1/8, 333 rows are 41.6: the 42nd row is partly padding, and the rotation moves that edge.
    """
    factor = max(1, round(original[0] / size[0]), round(original[1] / size[1]))
    width, height = (min(have, all_of_it / factor) for have, all_of_it in zip(size, original, strict=True))
    left = size[0] - width if orientation in (2, 3, 6, 7) else 0.0
    top = size[1] - height if orientation in (3, 4, 7, 8) else 0.0
    return left, top, left + width, top + height


# -- encoding -----------------------------------------------------------------------------------------
def encode(image: Image.Image, policy: StorePolicy) -> bytes:
    """The pixels and nothing else, as the policy's format."""
    image = image.copy()
    image.info = {}
    out = io.BytesIO()
    if policy.encode_format == "jpg":
        image.save(out, "JPEG", quality=policy.encode_quality, subsampling="4:2:0")
    elif policy.encode_format == "png":
        image.save(out, "PNG", compress_level=policy.encode_quality)
    else:
        image.save(out, "WEBP", quality=policy.encode_quality, exif=b"", xmp=b"", icc_profile=b"")
    return out.getvalue()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
