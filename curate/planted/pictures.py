"""Pictures of the planted web as bytes: an original and its copies, with the perceptual hash of each.

A `Picture` says what to make, `make` makes it: a pure function, so that any process can. The hash is taken
of what a downloader would store: RGB, at most 384 px on the longer side.
"""

import io
import random
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from curate.planted.composition import Duplicate
from curate.planted.render import render
from curate.planted.scenes import Scene
from curate.uid import draw_int

STORED_SIDE = 384
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
FORMATS = {"jpg": 90, "png": 4, "webp": 3, "gif": 3}  # in per cent of the pictures
LOOSE_AFTER = 4  # attempts: by then a thing lies as freely as it may
WATERMARKS = ("(c) planted", "SAMPLE", "stock-photos", "preview", "www.pix")


@dataclass(frozen=True)
class Picture:
    """An image to make, and the copies to make of it. `name` keys every draw."""

    name: str
    scene: Scene
    size: tuple[int, int]
    format: str = "jpg"
    copies: tuple[Duplicate, ...] = ()


@dataclass(frozen=True)
class Made:
    """One image file."""

    body: bytes
    format: str
    width: int
    height: int
    phash: int


def sample_format(seed: int, name: str) -> str:
    rng = random.Random(draw_int(seed, name, "format"))
    return rng.choices(list(FORMATS), list(FORMATS.values()))[0]


def make(seed: int, picture: Picture, attempt: int) -> list[Made]:
    """The original and its copies, in the order of `picture.copies`; the later the attempt, the freer the layout."""
    name = f"{picture.name}/{attempt}"
    image = render(seed, name, picture.scene, picture.size, min(1.0, attempt / LOOSE_AFTER))
    rng = random.Random(draw_int(seed, name, "encode"))
    original = _made(encode(image, picture.format, rng.randint(80, 95)), picture.format)
    made = [original]
    for number, kind in enumerate(picture.copies):
        rng = random.Random(draw_int(seed, f"{name}/{number}", "copy"))
        made.append(original if kind is Duplicate.EXACT else _copy(original, kind, rng))
    return made


def encode(image: Image.Image, format: str, quality: int) -> bytes:
    buffer = io.BytesIO()
    if format == "jpg":
        image.save(buffer, "JPEG", quality=quality)
    elif format == "webp":
        image.save(buffer, "WEBP", quality=quality, method=1)
    elif format == "png":
        image.save(buffer, "PNG", compress_level=2)
    else:
        image.quantize(128, Image.Quantize.FASTOCTREE).save(buffer, "GIF")
    return buffer.getvalue()


def stored_hash(image: Image.Image) -> int:
    """imagehash's 64-bit pHash of the image as a downloader would store it."""
    small = image.convert("RGB")
    small.thumbnail((STORED_SIDE, STORED_SIDE), Image.Resampling.BICUBIC)
    return int.from_bytes(np.packbits(imagehash.phash(small).hash.ravel()).tobytes(), "big")


def _made(body: bytes, format: str) -> Made:
    image = Image.open(io.BytesIO(body))
    return Made(body, format, image.width, image.height, stored_hash(image))


def _copy(original: Made, kind: Duplicate, rng: random.Random) -> Made:
    """What another site made of the image it found."""
    image = Image.open(io.BytesIO(original.body)).convert("RGB")
    width, height = image.size
    quality, format = rng.randint(80, 92), "jpg"
    if kind is Duplicate.REENCODED:
        quality, format = rng.randint(50, 75), rng.choice(("jpg", "jpg", "webp", "png"))
    elif kind is Duplicate.RESIZED:
        # No less than ALIGN's smallest, so that a copy is a duplicate and nothing else.
        share = rng.uniform(max(0.5, 202 / min(width, height)), 0.9)
        image = image.resize((round(width * share), round(height * share)), Image.Resampling.LANCZOS)
    elif kind is Duplicate.CROPPED:
        left, top = rng.uniform(0, 0.05) * width, rng.uniform(0, 0.05) * height
        image = image.crop((round(left), round(top), round(left + 0.95 * width), round(top + 0.95 * height)))
    elif kind is Duplicate.BRIGHTENED:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(1.1, 1.2))
    elif kind is Duplicate.WATERMARKED:
        pen, at = ImageDraw.Draw(image), (rng.uniform(0.03, 0.5) * width, rng.uniform(0.03, 0.88) * height)
        pen.text(at, rng.choice(WATERMARKS), fill=(235, 235, 235), font_size=max(10, height // 18))
    return _made(encode(image, format, quality), format)
