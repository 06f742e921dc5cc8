"""Stored bytes to a small picture inside the page: decoded and encoded anew, so nothing of a file survives."""

import base64
import io
from dataclasses import dataclass

from PIL import Image

SIDE = 120  # px of the longer side
QUALITY = 78
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 50_000_000


@dataclass(frozen=True)
class Thumbnail:
    uri: str
    width: int
    height: int


def thumbnail(data: bytes | None) -> Thumbnail | None:
    """A data URI of at most SIDE px, or None for bytes that are no picture."""
    if not data:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (SIDE * 2, SIDE * 2))  # a JPEG is then decoded at a fraction of its size
            small = image.convert("RGB")
            small.thumbnail((SIDE, SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # Pillow's ways to say that a file is damaged
    small.info = {}  # a JPEG's comment would be written again
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY, optimize=True)
    uri = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return Thumbnail(uri, small.width, small.height)
