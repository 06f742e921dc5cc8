"""One conversion of any image to 8-bit sRGB on white."""

import io
import struct
import warnings
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# What Pillow's parsers raise for hostile bytes. MemoryError is not here: it is the machine's answer, and
# whoever limited the memory of this process decides what it means.
BAD_BYTES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
)

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_rgb(image: Image.Image, *, turn: bool = True) -> Image.Image:
    """The one conversion to 8-bit sRGB, as a browser would show the image on a white page.

    1. The first frame of an animation, turned as its EXIF orientation says (`turn`).
    2. 16-bit grey is scaled to 8 bits (Pillow's own conversion would clip it to white); 32-bit integer
       images hold 16-bit values too; floats are taken as levels 0 to 255.
    3. Transparency is laid on white; palettes, 1-bit and CMYK images are expanded.
    4. A colour profile other than sRGB is applied; a broken one is ignored.
    """
    profile = image.info.get("icc_profile")
    orientation = orientation_of(image) if turn else 1
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(image)
    elif image.has_transparency_data:
        image = _on_white(image)
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    image = _to_srgb(image, profile) if profile else image
    if image.mode != "RGB":
        image = image.convert("RGB")
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Pixels (height, width, 3) as displayed."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def colour_transform(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """What `to_rgb` will do to the colours of an RGB or grey image; None for nothing."""
    profile = image.info.get("icc_profile")
    return _transform(profile, image.mode) if profile else None


def _to_8_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image)
    if image.mode == "F":
        grey = np.nan_to_num(levels, nan=0.0, posinf=255.0, neginf=0.0).clip(0, 255).round().astype(np.uint8)
    else:
        grey = ((levels.clip(0, 65_535).astype(np.uint32) + 128) // 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[levels == transparent] = 255
    return Image.fromarray(grey)


def _on_white(image: Image.Image) -> Image.Image:
    grey = image.mode in ("L", "LA", "La")
    alpha = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(alpha, mask=alpha)
    # Back to one band so that a grey profile still fits.
    return white.convert("L") if grey else white


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    transform = _transform(profile, image.mode)
    if transform is None:
        return image
    try:
        return ImageCms.applyTransform(image, transform) or image
    except (ImageCms.PyCMSError, ValueError):
        return image


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None for sRGB itself, a broken profile or one of another colour space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and "srgb" in ImageCms.getProfileName(source).lower():
            return None
        return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
    except (ImageCms.PyCMSError, *BAD_BYTES):
        return None


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when there is none or it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken EXIF is common and is no news
            orientation = image.getexif().get(_ORIENTATION, 1)
    except BAD_BYTES:
        return 1
    return orientation if orientation in _TRANSPOSE else 1
