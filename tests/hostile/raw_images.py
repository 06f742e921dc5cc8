"""Image files written by hand: what no encoder here can write, and headers that lie."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# Of each of the seven passes of an interlaced PNG: first column and row, step between columns and rows.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int,
    height: int,
    pixel: bytes,
    *,
    colour: int = 2,
    depth: int = 8,
    interlaced: bool = False,
    rows: int | None = None,
    chunks: bytes = b"",
) -> bytes:
    """A PNG of one colour. `pixel` is its bytes (below 8 bits a byte full of pixels); `rows` cuts it short."""
    packer = zlib.compressobj(6)
    bits = depth * CHANNELS[colour]
    body = b""
    left = height if rows is None else rows
    for x, y, right, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, lines = -(-(width - x) // right), -(-(height - y) // down)
        if columns <= 0 or lines <= 0:
            continue
        row = b"\0" + (pixel * columns if bits >= 8 else pixel * -(-columns * bits // 8))
        for _ in range(min(lines, left)):
            body += packer.compress(row)
    body += packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    parts = png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return PNG_MAGIC + parts


def bmp_rle8(width: int, height: int, index: int = 1) -> bytes:
    """A run-length coded BMP of one colour: 2 bytes for 255 pixels."""
    full, rest = divmod(width, 255)
    line = bytes((255, index)) * full + (bytes((rest, index)) if rest else b"") + b"\0\0"
    body = line * height + b"\0\1"
    palette = b"".join(bytes((n, n, n, 0)) for n in range(256))
    offset = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", offset + len(body), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 2835, 2835, 256, 0)
    return head + info + palette + body
