"""A word hidden in every place where a file can carry one, a real run over those files, and a search for the word.

The search looks into tars, Parquet, gzip, the compressed chunks of PNG and the data URIs of pages; and it is made
to find every word in the files as they are served, so that finding nothing means something.
"""

import base64
import gzip
import io
import re
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image, ImageCms, PngImagePlugin

from pipelines.recipe import load
from pipelines.run import Runner
from tests.conftest import picture
from tests.hostile.cases import Case, Facts, distinct
from tests.hostile.raw_images import PNG_MAGIC
from tests.pipelines.web import SITE, Site, recipe_for

STORED_AS = ("jpg", "webp")


def needle(place: str) -> str:
    return "needle" + "".join(letter for letter in place.lower() if letter.isalnum()) + "7f3a"


def _saved(place: int, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(100 + place))).save(out, kind, **options)
    return out.getvalue()


# -- the places ---------------------------------------------------------------------------------------------
def _exif(word: str, tag: int, ifd: int | None = None, *, as_bytes: bool = True) -> Image.Exif:
    exif = Image.Exif()
    table = exif.get_ifd(ifd) if ifd else exif
    table[tag] = b"ASCII\0\0\0" + word.encode() if as_bytes else word
    if ifd == 0x8825:
        table.update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return exif


def _segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment, right after its start."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


def _thumbnail(word: str) -> bytes:
    """An EXIF block whose second directory points to a small JPEG of its own."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", comment=word)
    small = out.getvalue()
    first = struct.pack("<HI", 0, 14)  # no entries; the next directory
    second = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 44, 0x0202, 4, 1, len(small), 0)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second.ljust(30, b"\0") + small


def _photoshop(word: str) -> bytes:
    caption = b"\x1c\x02\x78" + struct.pack(">H", len(word)) + word.encode()
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(caption)) + caption + bytes(len(caption) % 2)


def _profile(word: str) -> bytes:
    """A profile that says the word where it should say whose it is."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    said = "No copyright, use freely"
    assert said.encode("utf-16-be") in data and len(word) <= len(said)
    return data.replace(said.encode("utf-16-be"), word.ljust(len(said)).encode("utf-16-be"))


def _png_text(word: str, **how: bool) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    if how.pop("international", False):
        info.add_itxt("XML:com.adobe.xmp", f"<x>{word}</x>", **how)
    else:
        info.add_text("Comment", word, **how)
    return info


def _xmp(word: str) -> bytes:
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:creator>{word}</dc:creator></x:xmpmeta>".encode()


PLACES: dict[str, Callable[[int, str], bytes]] = {
    "EXIF GPS": lambda n, w: _saved(n, "JPEG", exif=_exif(w, 28, 0x8825)),
    "EXIF Artist": lambda n, w: _saved(n, "JPEG", exif=_exif(w, 0x013B, as_bytes=False)),
    "EXIF UserComment": lambda n, w: _saved(n, "JPEG", exif=_exif(w, 0x9286, 0x8769)),
    "EXIF MakerNote": lambda n, w: _saved(n, "JPEG", exif=_exif(w, 0x927C, 0x8769)),
    "EXIF thumbnail": lambda n, w: _segment(_saved(n, "JPEG"), 0xE1, _thumbnail(w)),
    "XMP": lambda n, w: _saved(n, "JPEG", xmp=_xmp(w)),
    "IPTC": lambda n, w: _segment(_saved(n, "JPEG"), 0xED, _photoshop(w)),
    "JPEG comment": lambda n, w: _saved(n, "JPEG", comment=w),
    "ICC profile": lambda n, w: _saved(n, "JPEG", icc_profile=_profile(w)),
    "behind a JPEG": lambda n, w: _saved(n, "JPEG") + w.encode(),
    "PNG tEXt": lambda n, w: _saved(n, "PNG", pnginfo=_png_text(w)),
    "PNG zTXt": lambda n, w: _saved(n, "PNG", pnginfo=_png_text(w, zip=True)),
    "PNG iTXt": lambda n, w: _saved(n, "PNG", pnginfo=_png_text(w, zip=True, international=True)),
    "PNG eXIf": lambda n, w: _saved(n, "PNG", exif=_exif(w, 0x013B, as_bytes=False)),
    "PNG iCCP": lambda n, w: _saved(n, "PNG", icc_profile=_profile(w)),
    "WebP EXIF": lambda n, w: _saved(n, "WEBP", exif=_exif(w, 0x013B, as_bytes=False)),
    "WebP XMP": lambda n, w: _saved(n, "WEBP", xmp=_xmp(w)),
    "GIF comment": lambda n, w: _saved(n, "GIF", comment=w.encode()),
    "AVIF EXIF": lambda n, w: _saved(n, "AVIF", exif=_exif(w, 0x013B, as_bytes=False), speed=10),
}
PASSWORD = "URL password"

# Where nothing was stored, to find nothing means nothing.
HIDDEN: dict[str, object] = {"in what is served": True}
for _kind in STORED_AS:
    HIDDEN |= {f"in a run of {_kind}": False, f"stored as {_kind}": True}
CASES = distinct([Case(place, HIDDEN, place) for place in [*PLACES, PASSWORD]])


# -- the search ---------------------------------------------------------------------------------------------
def layers(data: bytes) -> Iterator[bytes]:
    """The bytes, and all that lies in them once it is taken apart."""
    yield data
    if data[:4] == b"PAR1":
        for column in pq.read_table(io.BytesIO(data)).columns:
            yield "\n".join(map(str, column.to_pylist())).encode("utf-8", "replace")
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                yield from layers(tar.extractfile(member).read())  # type: ignore[union-attr]
    elif data[:2] == b"\x1f\x8b":
        yield from layers(gzip.decompress(data))
    elif data[:8] == PNG_MAGIC:
        yield from _inflated(data)
    for found in re.finditer(rb";base64,([A-Za-z0-9+/=]{20,})", data):
        yield from layers(base64.b64decode(found[1]))


def _inflated(data: bytes) -> Iterator[bytes]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 8 : at + 8 + length]
        if data[at + 4 : at + 8] in (b"zTXt", b"iTXt", b"iCCP"):
            start = next((n for n in range(len(body)) if body[n : n + 2] in (b"x\x9c", b"x\xda", b"x\x01")), None)
            if start is not None:
                yield zlib.decompressobj().decompress(body[start:])
        at += 12 + length


def contains(data: bytes, word: str) -> bool:
    forms = [word.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    return any(form in layer for layer in layers(data) for form in forms)


# -- the run ------------------------------------------------------------------------------------------------
def results() -> dict[str, Facts]:
    pages = {f"/{n}.jpg": make(n, needle(place)) for n, (place, make) in enumerate(PLACES.items())}
    pages["/last.jpg"] = picture(99)
    paths = {place: f"/{n}.jpg" for n, place in enumerate(PLACES)} | {PASSWORD: "/last.jpg"}
    last = f"http://me:{needle(PASSWORD)}@{SITE}/last.jpg"
    served = [*pages.values(), last.encode()]
    found: dict[str, Facts] = {}
    with tempfile.TemporaryDirectory() as scratch, Site(pages) as site:
        runs = {kind: _run(Path(scratch) / kind, site, pages, last, kind) for kind in STORED_AS}
    for place in [*PLACES, PASSWORD]:
        word = needle(place)
        facts: dict[str, object] = {"in what is served": any(contains(data, word) for data in served)}
        for kind, (files, stored) in runs.items():
            facts[f"in a run of {kind}"] = [name for name, data in files.items() if contains(data, word)] or False
            facts[f"stored as {kind}"] = paths[place] in stored
        found[place] = facts
    return found


def _run(folder: Path, site: Site, pages: dict[str, bytes], last: str, kind: str) -> tuple[dict[str, bytes], set[str]]:
    """Every file of a run over the pages, and the paths of the pages that it stored."""
    pairs = [(f"http://{SITE}{path}", f"a picture of thing {path}") for path in pages if path != "/last.jpg"]
    path = recipe_for(folder, site, [*pairs, (last, "a picture behind a password")], filters=[{"align_image": {}}])
    text = path.read_text().replace("  retries: 0\n", f"  retries: 0\n  encode_format: {kind}\n")
    path.write_text(text)
    Runner(load(path)).run()
    files = {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "run").rglob("*") if p.is_file()}
    pools = [data for name, data in files.items() if re.fullmatch(r"run/pool/\w+\.parquet", name)]
    rows = [row for data in pools for row in pq.read_table(io.BytesIO(data), columns=["url", "outcome"]).to_pylist()]
    return files, {"/" + row["url"].rpartition("/")[2] for row in rows if row["outcome"] == "ok"}
