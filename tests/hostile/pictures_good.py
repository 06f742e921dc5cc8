"""Image files that are rare but right, and the pixels that a browser on a white page would show."""

import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from tests.hostile.cases import Case
from tests.hostile.profiles import P3, SWAPPED, profile, shown
from tests.hostile.raw_images import bmp_rle8, encoded, png, png_chunk

COLOURS = ((200, 30, 40), (20, 180, 60), (30, 60, 210), (230, 220, 120))
NEEDLE = "needle-7f3a"


def quarters(*colours: tuple[int, ...], width: int = 96, height: int = 64) -> np.ndarray:
    """Four rectangles of one colour each; their sides are whole blocks of every codec."""
    rows = np.arange(height)[:, None] * 2 // height
    columns = np.arange(width)[None, :] * 2 // width
    return np.array(colours or COLOURS, np.uint8)[rows * 2 + columns]


def flat(*colour: int, width: int = 8, height: int = 8) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


PIXELS = quarters()
IMAGE = Image.fromarray(PIXELS)
GREY = np.asarray(IMAGE.convert("L"))
GREY_SHOWN = np.repeat(GREY[..., None], 3, 2)
PALETTE = IMAGE.quantize(4)


def good(name: str, make: Callable[[], bytes], pixels: np.ndarray, known: str = "", **facts: object) -> Case:
    expected = {"outcome": "ok", "size": pixels.shape[1::-1], "pixels": True, "clean": True, **facts}
    return Case(name, expected, (make, pixels), known)


def saved(name: str, kind: str, image: Image.Image = IMAGE, pixels: np.ndarray = PIXELS, **options: object) -> Case:
    return good(f"{kind} {name}", lambda: encoded(image, kind, **options), pixels, format=kind.lower())


def on_white(pixels: np.ndarray, alpha: float) -> np.ndarray:
    return (pixels * alpha + 255 * (1 - alpha)).round()


def with_alpha(alpha: int, mode: str = "RGBA") -> Image.Image:
    image = IMAGE.convert(mode)
    image.putalpha(alpha)
    return image


# -- JPEG -----------------------------------------------------------------------------------------------
def exif(**tags: object) -> Image.Exif:
    found = Image.Exif()
    for tag, value in tags.items():
        found[{"orientation": 0x0112, "artist": 0x013B}[tag]] = value
    return found


CMYK = Image.fromarray(255 - np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)]), "CMYK")
JPEGS = [
    saved("4:4:4", "JPEG", quality=95, subsampling=0),
    saved("4:2:2", "JPEG", quality=95, subsampling=1),
    saved("4:2:0", "JPEG", quality=95, subsampling=2),
    saved("of quality 100", "JPEG", quality=100),
    saved("kept in RGB", "JPEG", quality=95, keep_rgb=True),
    saved("grey", "JPEG", IMAGE.convert("L"), GREY_SHOWN, quality=95),
    saved("progressive", "JPEG", quality=95, progressive=True),
    saved("progressive grey", "JPEG", IMAGE.convert("L"), GREY_SHOWN, quality=95, progressive=True),
    saved("with restart markers", "JPEG", quality=95, restart_marker_blocks=1),
    saved("with its own tables", "JPEG", quality=95, optimize=True),
    saved("in CMYK", "JPEG", CMYK, quality=95),
    saved("in CMYK, progressive", "JPEG", CMYK, quality=95, progressive=True),
    saved("with a comment of 60 KB", "JPEG", quality=95, comment=(NEEDLE * 5_000)[:60_000]),
    saved("with an EXIF that is none", "JPEG", quality=95, exif=b"Exif\0\0no tiff header " + NEEDLE.encode()),
    saved("with an artist", "JPEG", quality=95, exif=exif(artist=NEEDLE)),
    saved("with orientation 99", "JPEG", quality=95, exif=exif(orientation=99)),
    good("JPEG with bytes behind it", lambda: encoded(IMAGE, "JPEG", quality=95) + NEEDLE.encode(), PIXELS),
    good("JPEG with 1 MB behind it", lambda: encoded(IMAGE, "JPEG", quality=95) + bytes(1 << 20), PIXELS),
    good("JPEG that is a zip too", lambda: encoded(IMAGE, "JPEG", quality=95) + b"PK\5\6" + bytes(18), PIXELS),
    good(
        "JPEG with a page in its comment",
        lambda: encoded(IMAGE, "JPEG", quality=95, comment=f"<script>{NEEDLE}</script>"),
        PIXELS,
    ),
    good("JPEG followed by another", lambda: encoded(IMAGE, "JPEG", quality=95) + encoded(CMYK, "JPEG"), PIXELS),
    good(
        "JPEG with fill bytes",
        lambda: encoded(IMAGE, "JPEG", quality=95).replace(b"\xff\xdb", b"\xff\xff\xff\xff\xdb", 1),
        PIXELS,
    ),
    good(
        "MPO: two photos in one",
        lambda: encoded(IMAGE, "MPO", save_all=True, append_images=[CMYK.convert("RGB")], quality=95),
        PIXELS,
        format="jpeg",
    ),
]


def turned(orientation: int, kind: str) -> Case:
    """Stored as the camera held it; shown upright."""
    k = {3: 2, 6: -1, 8: 1}
    upright = {
        2: PIXELS[:, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.transpose(1, 0, 2),
        7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
    }.get(orientation, np.rot90(PIXELS, k.get(orientation, 0)))
    lossless = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    return saved(
        f"with orientation {orientation}", kind, IMAGE, upright, exif=exif(orientation=orientation), **lossless
    )


TURNED = [turned(orientation, "JPEG") for orientation in range(1, 9)]
TURNED += [turned(orientation, kind) for kind in ("PNG", "WEBP") for orientation in (3, 6, 7)]

# -- PNG ------------------------------------------------------------------------------------------------
# Colour type, bit depth, bytes of one pixel, extra chunks, and what is shown of it.
KINDS = [
    ("grey 1", 0, 1, b"\xff", b"", (255,) * 3),
    ("grey 2", 0, 2, b"\xaa", b"", (170,) * 3),
    ("grey 4", 0, 4, b"\x77", b"", (119,) * 3),
    ("grey 8", 0, 8, b"\x4d", b"", (77,) * 3),
    ("grey 16", 0, 16, b"\x80\x00", b"", (128,) * 3),
    ("grey 8 made transparent", 0, 8, b"\x4d", png_chunk(b"tRNS", b"\0\x4d"), (255,) * 3),
    ("grey 16 made transparent", 0, 16, b"\x80\x01", png_chunk(b"tRNS", b"\x80\x01"), (255,) * 3),
    ("rgb 8", 2, 8, b"\x0a\x78\xe6", b"", (10, 120, 230)),
    ("rgb 16", 2, 16, b"\x0a\x0a\x78\x78\xe6\xe6", b"", (10, 120, 230)),
    ("rgb 8 made transparent", 2, 8, b"\1\2\3", png_chunk(b"tRNS", b"\0\1\0\2\0\3"), (255,) * 3),
    ("palette 1", 3, 1, b"\xff", png_chunk(b"PLTE", b"\0\0\0\x0a\xc8\x1e"), (10, 200, 30)),
    ("palette 4", 3, 4, b"\x11", png_chunk(b"PLTE", b"\0\0\0\x0a\xc8\x1e"), (10, 200, 30)),
    ("palette 8", 3, 8, b"\1", png_chunk(b"PLTE", b"\0\0\0\x0a\xc8\x1e"), (10, 200, 30)),
    (
        "palette 8, half transparent",
        3,
        8,
        b"\1",
        png_chunk(b"PLTE", b"\0\0\0\x0a\xc8\x1e") + png_chunk(b"tRNS", b"\xff\x80"),
        (132, 227, 142),
    ),
    ("grey+alpha 8", 4, 8, b"\x64\x80", b"", (177,) * 3),
    ("grey+alpha 16", 4, 16, b"\x64\x64\x80\x80", b"", (177,) * 3),
    ("rgb+alpha 8", 6, 8, b"\xc8\0\0\x80", b"", (227, 127, 127)),
    ("rgb+alpha 16", 6, 16, b"\xc8\xc8\0\0\0\0\x80\x80", b"", (227, 127, 127)),
    ("rgb+alpha, invisible", 6, 8, b"\x09\x09\x09\0", b"", (255,) * 3),
]


def plain_png(
    name: str, colour: int, depth: int, pixel: bytes, chunks: bytes, rgb: tuple[int, ...], lace: bool
) -> Case:
    def make() -> bytes:
        return png(17, 13, pixel, colour=colour, depth=depth, interlaced=lace, chunks=chunks)

    return good(f"PNG {name}{', interlaced' * lace}", make, flat(*rgb, width=17, height=13), format="png")


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", NEEDLE)
    info.add_text("Hidden", NEEDLE, zip=True)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{NEEDLE}</x>", zip=True)
    return info


PNGS = [plain_png(*kind, lace) for kind in KINDS for lace in (False, True)]
PNGS += [
    saved("with texts", "PNG", pnginfo=texts()),
    saved("in 1 bit", "PNG", Image.new("1", (8, 8), 1), flat(255, 255, 255)),
    saved("without compression", "PNG", compress_level=0),
    good("PNG with bytes behind it", lambda: encoded(IMAGE, "PNG") + NEEDLE.encode(), PIXELS),
    good(
        "PNG with an unknown chunk",
        lambda: png(8, 8, b"\1\2\3", chunks=png_chunk(b"abCd", NEEDLE.encode())),
        flat(1, 2, 3),
    ),
    good(
        "PNG with a wrong checksum on a comment",
        lambda: png(8, 8, b"\1\2\3", chunks=struct.pack(">I", 2) + b"tEXtab" + bytes(4)),
        flat(1, 2, 3),
        "Pillow is stricter",
    ),
    good(
        "PNG with a script",
        lambda: png(8, 8, b"\1\2\3", chunks=png_chunk(b"tEXt", b"a\0<?php needle-7f3a ?>")),
        flat(1, 2, 3),
    ),
]

# -- profiles, animations, the other formats ----------------------------------------------------------------
PROFILES = [
    *[
        saved(
            f"with {name} primaries", kind, IMAGE, shown(PIXELS, primaries), icc_profile=profile(primaries), **options
        )
        for name, primaries in (("wide", P3), ("swapped", SWAPPED))
        for kind, options in (("PNG", {}), ("JPEG", {"quality": 95, "subsampling": 0}), ("WEBP", {"lossless": True}))
    ],
    saved(
        "with swapped primaries",
        "AVIF",
        IMAGE,
        shown(PIXELS, SWAPPED),
        icc_profile=profile(SWAPPED),
        quality=100,
        subsampling="4:4:4",
    ),
    saved(
        "with an sRGB profile", "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ),
    saved("with a profile that is none", "PNG", icc_profile=b"no profile at all"),
    saved("with half a profile", "JPEG", quality=95, icc_profile=profile(P3)[:200]),
    saved("in grey with an RGB profile", "PNG", IMAGE.convert("L"), GREY_SHOWN, icc_profile=profile(P3)),
]

FRAMES = [IMAGE, *(Image.fromarray(np.roll(PIXELS, 16 * n, 1)) for n in (1, 2))]
ANIMATED = [
    good(
        f"{kind} animated",
        lambda kind=kind, more=more: encoded(IMAGE, kind, save_all=True, append_images=FRAMES[1:], duration=40, **more),
        PIXELS,
        frames=3,
    )
    for kind, more in (
        ("GIF", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    )
]


def gif_87a() -> bytes:
    data = encoded(PALETTE, "GIF")
    assert data[:3] == b"GIF"
    return b"GIF87a" + data[6:]


def gif_without_screen() -> bytes:
    data = encoded(PALETTE, "GIF")
    return data[:6] + bytes(4) + data[10:]


def bmp_top_down() -> bytes:
    data = bytearray(encoded(Image.fromarray(PIXELS[::-1]), "BMP"))
    struct.pack_into("<i", data, 22, -struct.unpack_from("<i", data, 22)[0])
    return bytes(data)


OTHERS = [
    saved("lossless", "WEBP", lossless=True),
    saved("lossy", "WEBP", quality=100),
    saved("lossless with alpha", "WEBP", with_alpha(128), on_white(PIXELS, 128 / 255), lossless=True),
    saved("with an artist", "WEBP", lossless=True, exif=exif(artist=NEEDLE)),
    saved("with bytes behind it", "WEBP", lossless=True),
    saved("in 4 colours", "GIF", PALETTE),
    saved("transparent", "GIF", Image.new("P", (8, 8), 0), flat(255, 255, 255), transparency=0),
    saved("interlaced", "GIF", PALETTE, interlace=1),
    saved("with a comment", "GIF", PALETTE, comment=NEEDLE.encode()),
    good("GIF of 1987", gif_87a, PIXELS),
    good("GIF on a screen of 0x0", gif_without_screen, PIXELS),
    good("GIF with bytes behind it", lambda: encoded(PALETTE, "GIF") + NEEDLE.encode(), PIXELS),
    saved("4:4:4", "AVIF", quality=100, subsampling="4:4:4"),
    saved("4:2:0", "AVIF", quality=100),
    saved("with alpha", "AVIF", with_alpha(128), on_white(PIXELS, 128 / 255), quality=100, subsampling="4:4:4"),
    saved(
        "with orientation 6",
        "AVIF",
        IMAGE,
        np.rot90(PIXELS, -1),
        quality=100,
        subsampling="4:4:4",
        exif=exif(orientation=6),
    ),
    saved("in 24 bits", "BMP"),
    saved("in 8 bits", "BMP", PALETTE),
    saved("in 1 bit", "BMP", Image.new("1", (8, 8), 0), flat(0, 0, 0)),
    saved("in 32 bits", "BMP", with_alpha(255)),
    good("BMP from top to bottom", bmp_top_down, PIXELS),
    good("BMP run-length coded", lambda: bmp_rle8(300, 9, 77), flat(77, 77, 77, width=300, height=9)),
    *[
        saved("of one pixel", kind, Image.new("RGB", (1, 1), (80, 80, 80)), flat(80, 80, 80, width=1, height=1))
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
    ],
    saved("of 16384x1", "PNG", Image.new("RGB", (16_384, 1), (9, 9, 9)), flat(9, 9, 9, width=16_384, height=1)),
    saved("of 1x16384", "JPEG", Image.new("RGB", (1, 16_384), (9, 9, 9)), flat(9, 9, 9, width=1, height=16_384)),
]

CASES = [*JPEGS, *TURNED, *PNGS, *PROFILES, *ANIMATED, *OTHERS]
