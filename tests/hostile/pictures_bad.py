"""Image files that must not be stored: bombs, cut ones, altered ones, and what only looks like one."""

import random
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.hostile.cases import Case
from tests.hostile.pictures_good import FRAMES, IMAGE, PALETTE
from tests.hostile.raw_images import PNG_MAGIC, bmp_rle8, encoded, png, png_chunk


def bad(name: str, make: Callable[[], bytes], outcome: str, known: str = "") -> Case:
    return Case(name, {"outcome": outcome, "stored": False}, (make, None), known)


# -- bombs: the header claims, or the file really holds ------------------------------------------------------
def patched(
    kind: str, at: Callable[[bytes], int], value: bytes, image: Image.Image = IMAGE, **options: object
) -> bytes:
    data = encoded(image, kind, **options)
    place = at(data)
    return data[:place] + value + data[place + len(value) :]


def jpeg_claiming(width: int, height: int) -> bytes:
    return patched("JPEG", lambda data: data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def webp_claiming(width: int, height: int) -> bytes:
    return patched("WEBP", lambda data: 26, struct.pack("<HH", width, height))


def webp_canvas_claiming(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return patched("WEBP", lambda data: 24, sides, save_all=True, append_images=FRAMES[1:])


def gif_claiming(width: int, height: int) -> bytes:
    return patched("GIF", lambda data: 6, struct.pack("<HH", width, height), PALETTE)


def bmp_claiming(width: int, height: int) -> bytes:
    return patched("BMP", lambda data: 18, struct.pack("<ii", width, height))


def avif_claiming(width: int, height: int) -> bytes:
    return patched("AVIF", lambda data: data.index(b"ispe") + 8, struct.pack(">II", width, height), speed=10)


BOMBS = [
    bad("bomb: PNG 20,000x20,000 grey, really", lambda: png(20_000, 20_000, b"\0", colour=0), "too_many_pixels"),
    bad("bomb: PNG 12,000x12,000 RGBA", lambda: png(12_000, 12_000, bytes(4), colour=6, rows=400), "too_many_pixels"),
    bad("bomb: PNG 20,000x20,000 RGB", lambda: png(20_000, 20_000, bytes(3), rows=400), "too_many_pixels"),
    bad("bomb: PNG 100,000x100,000", lambda: png(100_000, 100_000, bytes(3), rows=1), "too_many_pixels"),
    bad("bomb: PNG 2^31-1 x 2^31-1", lambda: png(2**31 - 1, 2**31 - 1, b"", rows=1), "too_many_pixels"),
    bad("bomb: PNG interlaced", lambda: png(9_000, 9_000, bytes(3), rows=2, interlaced=True), "too_many_pixels"),
    bad("bomb: PNG just over", lambda: png(10_000, 5_001, bytes(3), rows=1), "too_many_pixels"),
    bad("bomb: PNG 20,000x1", lambda: png(20_000, 1, bytes(3)), "too_many_pixels"),
    bad("bomb: PNG 1x20,000", lambda: png(1, 20_000, bytes(3)), "too_many_pixels"),
    bad("bomb: JPEG 20,000x20,000", lambda: jpeg_claiming(20_000, 20_000), "too_many_pixels"),
    bad("bomb: JPEG 65,535x65,535", lambda: jpeg_claiming(65_535, 65_535), "too_many_pixels"),
    bad("bomb: JPEG 8,000x8,000, really", lambda: encoded(Image.new("L", (8_000, 8_000)), "JPEG"), "too_many_pixels"),
    bad("bomb: WebP 12,000x12,000", lambda: webp_claiming(12_000, 12_000), "too_many_pixels"),
    bad("bomb: WebP, its canvas", lambda: webp_canvas_claiming(13_000, 13_000), "too_many_pixels"),
    bad("bomb: WebP canvas of 2^24", lambda: webp_canvas_claiming(1 << 24, 1 << 24), "too_many_pixels"),
    bad("bomb: GIF 60,000x60,000", lambda: gif_claiming(60_000, 60_000), "too_many_pixels"),
    bad("bomb: GIF 8,000x8,000, really", lambda: encoded(Image.new("P", (8_000, 8_000)), "GIF"), "too_many_pixels"),
    bad("bomb: BMP 15,000x15,000", lambda: bmp_claiming(15_000, 15_000), "too_many_pixels"),
    bad("bomb: BMP 20,000x20,000 run-length coded, really", lambda: bmp_rle8(20_000, 20_000), "too_many_pixels"),
    bad("bomb: BMP of 2^31-1", lambda: bmp_claiming(2**31 - 1, 2**31 - 1), "too_many_pixels"),
    bad("bomb: AVIF 16,000x16,000", lambda: avif_claiming(16_000, 16_000), "too_many_pixels"),
    bad(
        "bomb: a comment of 200 MB", lambda: png(8, 8, bytes(3), chunks=_inflating(b"zTXt", b"a\0\0")), "damaged_image"
    ),
    Case(
        "bomb: a profile of 200 MB",
        {"answered": True},
        (lambda: png(8, 8, bytes(3), chunks=_inflating(b"iCCP", b"a\0\0")), None),
    ),
]


def _inflating(kind: bytes, head: bytes) -> bytes:
    return png_chunk(kind, head + zlib.compress(bytes(200_000_000), 9))


# -- headers that make no sense ------------------------------------------------------------------------------
SENSELESS = [
    bad("PNG 0x0", lambda: png(0, 0, b""), "damaged_image"),
    bad("PNG 0x5", lambda: png(0, 5, b""), "damaged_image"),
    bad("PNG of depth 3", lambda: png(8, 8, bytes(3), depth=3), "damaged_image"),
    bad(
        "PNG of colour type 7",
        lambda: encoded(IMAGE, "PNG").replace(b"\x08\x02\0\0\0", b"\x08\x07\0\0\0", 1),
        "damaged_image",
    ),
    bad("PNG without pixels", lambda: PNG_MAGIC + png(8, 8, b"")[8:33] + png_chunk(b"IEND", b""), "damaged_image"),
    bad("PNG with too few rows", lambda: png(8, 8, bytes(3), rows=4), "damaged_image"),
    bad(
        "PNG with a wrong checksum in its header",
        lambda: png(8, 8, bytes(3))[:29] + bytes(4) + png(8, 8, bytes(3))[33:],
        "damaged_image",
    ),
    bad(
        "PNG with a chunk of 4 GB",
        lambda: png(8, 8, bytes(3))[:33] + b"\xff\xff\xff\xffIDAT" + bytes(50),
        "damaged_image",
    ),
    bad("PNG magic alone", lambda: PNG_MAGIC, "damaged_image"),
    bad("PNG palette without a palette", lambda: png(8, 8, b"\1", colour=3), "damaged_image"),
    bad("JPEG 0x0", lambda: jpeg_claiming(0, 0), "damaged_image"),
    bad("JPEG twice as high as its pixels", lambda: jpeg_claiming(96, 4_000), "damaged_image"),
    bad("JPEG magic alone", lambda: b"\xff\xd8\xff", "damaged_image"),
    bad("JPEG without tables", lambda: encoded(IMAGE, "JPEG").replace(b"\xff\xdb", b"\xff\xfe"), "damaged_image"),
    bad("GIF magic alone", lambda: b"GIF89a", "damaged_image"),
    bad("GIF without a picture", lambda: b"GIF89a\1\0\1\0\0\0\0;", "damaged_image"),
    bad("WebP magic alone", lambda: b"RIFF\4\0\0\0WEBP", "damaged_image"),
    bad("WebP that is a sound", lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(28), "not_an_image"),
    bad("AVIF magic alone", lambda: b"\0\0\0\x0cftypavif", "damaged_image"),
    bad("BMP 0x0", lambda: bmp_claiming(0, 0), "not_an_image"),
    bad("BMP with rows missing", lambda: encoded(IMAGE, "BMP")[:-500], "damaged_image"),
]

# -- not what they say, or nothing that is read here -----------------------------------------------------------
OTHER_FORMATS = ("TIFF", "ICO", "PPM", "PDF", "TGA", "PCX", "DDS", "SGI", "JPEG2000", "EPS", "ICNS")
STRANGERS = [
    *[bad(f"{kind} is not read", lambda kind=kind: encoded(IMAGE, kind), "not_an_image") for kind in OTHER_FORMATS],
    bad("empty", lambda: b"", "not_an_image"),
    bad("NULs", lambda: bytes(5_000), "not_an_image"),
    bad("noise", lambda: random.Random(3).randbytes(5_000), "not_an_image"),
    bad("a page", lambda: b"<html><body>no image</body></html>", "not_an_image"),
    bad("SVG", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
    bad(
        "SVG that reads a file",
        lambda: b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "not_an_image",
    ),
    bad("PostScript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n", "not_an_image"),
    bad(
        "ImageMagick script",
        lambda: b"push graphic-context\nfill 'url(https://127.0.0.1/x.jpg\"|ls \"-la)'\n",
        "not_an_image",
    ),
    bad(
        "XBM",
        lambda: b"#define x_width 8\n#define x_height 8\nstatic char x_bits[] = {1,2,3,4,5,6,7,8};",
        "not_an_image",
    ),
    bad("PSD", lambda: b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x08\0\0\0\x08\0\x08\0\3" + bytes(400), "not_an_image"),
    bad("FITS", lambda: b"SIMPLE  =                    T" + b" " * 2_850, "not_an_image"),
    bad("HEIC", lambda: b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(60), "not_an_image"),
    bad("JPEG XL", lambda: b"\xff\x0a" + bytes(60), "not_an_image"),
    bad("a pickle", lambda: b"\x80\4cos\nsystem\n(S'echo'\ntR.", "not_an_image"),
    bad("gzip", lambda: b"\x1f\x8b\x08" + bytes(30), "not_an_image"),
    bad("a JPEG behind 4 bytes", lambda: b"abcd" + encoded(IMAGE, "JPEG"), "not_an_image"),
    bad("a PDF with a JPEG in it", lambda: b"%PDF-1.4\nstream\n" + encoded(IMAGE, "JPEG"), "not_an_image"),
    bad("a GIF that is a script", lambda: b"GIF89a=1;alert(document.domain);//" + bytes(20), "damaged_image"),
    bad("a BMP that is a script", lambda: b"BM=1;alert(document.domain);//" + bytes(60), "not_an_image"),
    bad("JPEG magic on a PNG", lambda: b"\xff\xd8\xff\xe0" + encoded(IMAGE, "PNG")[4:], "damaged_image"),
    bad("PNG magic on a JPEG", lambda: PNG_MAGIC + encoded(IMAGE, "JPEG"), "damaged_image"),
    bad("WebP magic on a JPEG", lambda: b"RIFF\x99\0\0\0WEBPVP8 " + encoded(IMAGE, "JPEG"), "damaged_image"),
]

NOISE = Image.frombytes("RGB", (96, 64), random.Random(5).randbytes(96 * 64 * 3))

# -- cut and altered ---------------------------------------------------------------------------------------------
SOURCES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(IMAGE, "JPEG", quality=95),
    "JPEG progressive": lambda: encoded(IMAGE, "JPEG", progressive=True),
    "PNG": lambda: encoded(IMAGE, "PNG"),
    "PNG interlaced": lambda: png(40, 40, b"\1\2\3", interlaced=True),
    "GIF": lambda: encoded(PALETTE, "GIF"),
    "GIF animated": lambda: encoded(IMAGE, "GIF", save_all=True, append_images=FRAMES[1:]),
    "WEBP lossy": lambda: encoded(IMAGE, "WEBP"),
    "WEBP lossless": lambda: encoded(IMAGE, "WEBP", lossless=True),
    "WEBP animated": lambda: encoded(IMAGE, "WEBP", save_all=True, append_images=FRAMES[1:]),
    "AVIF": lambda: encoded(IMAGE, "AVIF", speed=10),
    "BMP": lambda: encoded(IMAGE, "BMP"),
}


def cut(source: str, share: float, make: Callable[[], bytes]) -> Case:
    def shorter() -> bytes:
        data = make()
        return data[: min(len(data) - 1, round(len(data) * share))]

    return Case(f"{source}, cut at {share:.1%}", {"stored": False, "answered": True}, (shorter, None))


def altered(source: str, seed: int, make: Callable[[], bytes]) -> Case:
    """A few wrong bytes: PNGs have checksums and are refused; of the others an answer is all that can be asked."""

    def changed() -> bytes:
        rng, data = random.Random(f"{source}{seed}"), bytearray(make())
        for _ in range((1, 3, 20)[seed]):
            data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        return bytes(data)

    sure = {"stored": False} if source.startswith("PNG") else {}
    return Case(
        f"{source}, altered {('once', '3 times', '20 times')[seed]}", {"answered": True, **sure}, (changed, None)
    )


def ended(data: bytes, share: float) -> bytes:
    """A JPEG cut inside its first scan, with an end marker put behind the cut."""
    scan = data.index(b"\xff\xda") + 14
    end = data.find(b"\xff\xc4", scan)  # a progressive one goes on with other tables
    return data[: scan + round(((end if end > 0 else len(data)) - scan) * share)] + b"\xff\xd9"


def gif_with_few_pixels() -> bytes:
    """Its compressed pixels end after a few, properly; so does the file."""
    data = encoded(PALETTE, "GIF")
    start = data.index(b"\x2c", 13 + 3 * 4) + 11
    return data[:start] + b"\x04" + data[start + 1 : start + 5] + b"\0;"


PATCHED = [
    bad("JPEG, cut and ended again", lambda: ended(SOURCES["JPEG"](), 0.5), "damaged_image"),
    bad("JPEG progressive, cut and ended again", lambda: ended(SOURCES["JPEG progressive"](), 0.5), "damaged_image"),
    bad("JPEG of noise, cut and ended again", lambda: ended(encoded(NOISE, "JPEG"), 0.7), "damaged_image"),
    bad("PNG interlaced with too few rows", lambda: png(40, 40, b"\1\2\3", interlaced=True, rows=3), "damaged_image"),
    bad("PNG of 16 bits with too few rows", lambda: png(8, 8, bytes(6), depth=16, rows=7), "damaged_image"),
    bad("PNG in grey with too few rows", lambda: png(9, 9, b"\1", colour=0, rows=8), "damaged_image"),
    bad("GIF with too few pixels", gif_with_few_pixels, "damaged_image"),
]

CUTS = [cut(name, share, make) for name, make in SOURCES.items() for share in (0.01, 0.1, 0.3, 0.6, 0.9, 0.99, 1.0)]
ALTERED = [altered(name, seed, make) for name, make in SOURCES.items() for seed in range(3)]

CASES = [*BOMBS, *SENSELESS, *STRANGERS, *PATCHED, *CUTS, *ALTERED]
