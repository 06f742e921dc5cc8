"""Is an image file whole? Answered from its container, without decoding a pixel.

Decoders forgive: a JPEG without its end marker, a PNG with a wrong checksum or an animation that stops after
the first frame all give a picture. A curated set wants to know, so each container is walked to its end.
"""

import struct
import zlib

JPEG_MAGIC = b"\xff\xd8\xff"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
GIF_MAGIC = b"GIF8"

MAGICS = (JPEG_MAGIC, PNG_MAGIC, GIF_MAGIC)


def looks_like_image(data: bytes) -> bool:
    """The first bytes promise an image of a format that is read here (BMP's two letters promise nothing)."""
    return data.startswith(MAGICS) or _is_webp(data) or (data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"))


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_whole(data: bytes, image_format: str) -> bool:
    """The container of this format goes to its end. Bytes after it are allowed: the web is full of them."""
    match image_format:
        case "jpeg":
            return _jpeg_ends(data)
        case "png":
            return _png_ends(data)
        case "gif":
            return gif_frames(data) is not None
        case "webp":
            return len(data) >= 12 and len(data) >= 8 + struct.unpack_from("<I", data, 4)[0]
        case "avif":
            return _boxes_end(data)
    return True  # BMP has no end to look for: its decoder counts the rows


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height as a WebP file claims them.

    Read here because the decoder allocates the canvas as soon as it is opened: 46 bytes can ask for 2 GB.
    """
    if not _is_webp(data) or len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def webp_is_still(data: bytes) -> bool:
    """The header names no animation."""
    return not (data[12:16] == b"VP8X" and len(data) > 20 and data[20] & 0x02)


def gif_frames(data: bytes) -> int | None:
    """How many frames a GIF has; None if it stops before its trailer."""
    if len(data) < 13:
        return None
    at = 13 + _colour_table(data[10])
    frames = 0
    while at < len(data):
        block = data[at]
        if block == 0x3B:
            return frames
        if block == 0x2C and at + 9 < len(data):
            frames += 1
            at = _skip_sub_blocks(data, at + 11 + _colour_table(data[at + 9]))
        elif block == 0x21:
            at = _skip_sub_blocks(data, at + 2)
        else:
            return None
    return None


def _colour_table(flags: int) -> int:
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _skip_sub_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _jpeg_ends(data: bytes) -> bool:
    """An end marker after the start of the scan; one inside an embedded thumbnail does not count."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1  # stray bytes between segments, which decoders skip too
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
        elif marker == 0xDA:
            return data.rfind(b"\xff\xd9", at) >= 0  # from the end, where it is
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _png_ends(data: bytes) -> bool:
    """Every chunk up to IEND is there and agrees with its checksum, and the pixels are all there.

    Pillow looks at neither the checksum of the pixels nor at how many rows they are.
    """
    at = len(PNG_MAGIC)
    view = memoryview(data)
    pixels, palette = [], False
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            return False
        kind = data[at + 4 : at + 8]
        critical = not kind[0] & 0x20
        if critical and zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return False
        palette |= kind == b"PLTE"
        if kind == b"IDAT":
            pixels.append(view[at + 8 : end - 4])
        if kind == b"IEND":
            return (palette or data[25] != _PALETTE) and _inflates_to(pixels, _png_bytes(data))
        at = end
    return False


_PALETTE = 3  # colour type of a PNG
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _png_bytes(data: bytes) -> int:
    """How many bytes the rows of a PNG are, each with its filter's, before compression."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _SAMPLES.get(colour, 0)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = max(0, -(-(width - left) // across)), max(0, -(-(height - top) // down))
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _inflates_to(pieces: list[memoryview], size: int) -> bool:
    """Nothing is kept of what is inflated, and no more than `size` is."""
    inflate, found = zlib.decompressobj(), 0
    try:
        for piece in pieces:
            rest: bytes | memoryview = piece
            while len(rest) and found < size:
                found += len(inflate.decompress(rest, min(1 << 20, size - found)))
                rest = inflate.unconsumed_tail
    except zlib.error:
        return False
    return found >= size


def _boxes_end(data: bytes) -> bool:
    """The top-level boxes of an ISO base media file fill it to its end."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            return False
        (size,) = struct.unpack_from(">I", data, at)
        if size == 0:  # this box goes to the end of the file, wherever that is
            return True
        if size == 1:
            if at + 16 > len(data):
                return False
            (size,) = struct.unpack_from(">Q", data, at + 8)
        if size < 8:
            return False
        at += size
    return at == len(data)
