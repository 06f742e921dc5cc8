"""JPEG by libjpeg-turbo, which says what Pillow keeps to itself: that data were missing and it made something up."""

import re
from typing import Any

import simplejpeg

# Stray bytes between two segments: every viewer passes over a few. Many are pixels that the decoder lost its way in.
_STRAY = re.compile(r"(\d+) extraneous bytes before marker")
FEW = 16


def decode_jpeg(data: bytes, colours: str = "GRAY", size: tuple[int, int] = (1, 1)) -> Any:
    """(height, width, bands) uint8, decoded at the smallest eighth that is no smaller than `size` (width, height).

    None for a file whose oddity is harmless, but which libjpeg-turbo's strict mode does not decode. Raises OSError
    for a damaged one, and MemoryError.
    """
    try:
        return simplejpeg.decode_jpeg(data, colours, min_width=size[0], min_height=size[1])
    except ValueError as error:
        what = str(error)
        stray = _STRAY.search(what)
        if stray and int(stray[1]) <= FEW:
            return None
        if "memory" in what.lower():
            raise MemoryError(what) from error
        raise OSError(what) from error
