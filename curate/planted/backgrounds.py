"""What lies behind the things of a scene: ten kinds of background, each a pure function of its rng."""

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from curate.planted.scenes import BACKDROPS, Rgb

Size = tuple[int, int]
WHITE: Rgb = (255, 255, 255)
LAMPS: tuple[Rgb, ...] = ((255, 200, 120), (255, 150, 110), (140, 190, 255), (200, 255, 210))


def paint_background(kind: str, backdrop: str | None, size: Size, rng: random.Random) -> Image.Image:
    """A picture of `size` with nothing on it yet."""
    return PAINTERS[kind](size, BACKDROPS.get(backdrop or "", (255, 255, 255)), rng)


def vary(colour: Rgb, rng: random.Random, by: int = 10) -> Rgb:
    """A colour a little lighter, darker or off."""
    red, green, blue = (min(255, max(0, channel + rng.randint(-by, by))) for channel in colour)
    return red, green, blue


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`share` of b in a."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def numbers(rng: random.Random) -> np.random.Generator:
    """The array generator that goes on where `rng` is."""
    return np.random.default_rng(rng.getrandbits(64))


def _corners(size: Size, colours: list[Rgb]) -> Image.Image:
    """A smooth blend from the four corners."""
    small = Image.new("RGB", (2, 2))
    small.putdata(colours)
    # The blend is between pixel centres: show only what lies between them.
    return small.resize(size, Image.Resampling.BILINEAR, box=(0.5, 0.5, 1.5, 1.5))


def _plain(size: Size, colour: Rgb, rng: random.Random) -> Image.Image:
    return Image.new("RGB", size, vary(colour, rng, 6))


def _gradient(size: Size, colour: Rgb, rng: random.Random) -> Image.Image:
    end = mix(colour, (255, 255, 255) if sum(colour) < 380 else (90, 90, 100), rng.uniform(0.25, 0.45))
    colours = [colour, mix(colour, end, rng.random()), mix(colour, end, rng.random()), end]
    rng.shuffle(colours)
    return _corners(size, colours)


def _grain(size: Size, colour: Rgb, rng: random.Random) -> Image.Image:
    width, height = size
    coarse = max(2, round(min(size) / 90))
    shape = (height // coarse + 1, width // coarse + 1, 1)
    pixels = np.array(vary(colour, rng), np.float32) + numbers(rng).normal(0, 15, shape)
    cells = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return cells.resize((shape[1] * coarse, shape[0] * coarse), Image.Resampling.NEAREST).crop((0, 0, *size))


def _meadow(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    width, height = size
    sky = vary((150, 205, 245), rng)
    haze = [mix(sky, WHITE, share) for share in (0.6, 0.5)]
    image = _corners(size, [sky, vary(sky, rng), *haze])
    horizon = round(height * rng.uniform(0.45, 0.75))
    grass = vary((96, 168, 70), rng, 14)
    dark = mix(grass, (20, 60, 20), 0.4)
    ground = [mix(grass, (220, 235, 150), 0.3), grass, dark, dark]
    image.paste(_corners((width, height - horizon), ground), (0, horizon))
    pen = ImageDraw.Draw(image)
    for _blade in range(width // 3):
        x, y, tall = rng.randrange(width), rng.randint(horizon, height), rng.uniform(0.01, 0.05) * height
        pen.line([(x, y), (x + rng.uniform(-3, 3), y - tall)], fill=vary(mix(grass, dark, 0.6), rng, 18))
    return image


def _beach(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, vary((196, 228, 248), rng))
    sea, sand = round(height * rng.uniform(0.2, 0.4)), round(height * rng.uniform(0.5, 0.68))
    water = [(96, 160, 204)] * 2 + [vary((128, 196, 216), rng)] * 2
    image.paste(_corners((width, sand - sea), water), (0, sea))
    light = vary((240, 222, 176), rng)
    dry = [mix(light, WHITE, 0.4), light, vary(light, rng), (214, 190, 140)]
    image.paste(_corners((width, height - sand), dry), (0, sand))
    return image


def _wood(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    width, height = size
    planks = rng.randint(3, 6)
    image = Image.new("RGB", size)
    base = (178, 128, 80)
    tall = height / planks
    for plank in range(planks):
        top, bottom = round(plank * tall), round((plank + 1) * tall)
        grain = numbers(rng).normal(0, 9, (max(1, (bottom - top) // 3), 6, 1)).repeat(3, 2)
        tone = np.array(vary(mix(base, (110, 70, 40), rng.uniform(0, 0.45)), rng), np.float32)
        board = Image.fromarray(np.clip(grain + tone, 0, 255).astype(np.uint8))
        image.paste(board.resize((width, bottom - top), Image.Resampling.BILINEAR), (0, top))
        ImageDraw.Draw(image).line([(0, top), (width, top)], fill=(70, 44, 26), width=max(1, height // 120))
    return image


def _paper(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    image = Image.new("RGB", size, vary((250, 249, 244), rng, 4))
    pen, step = ImageDraw.Draw(image), max(6, round(min(size) / rng.uniform(9, 16)))
    line, wide = rng.choice([(150, 186, 222), (222, 168, 168), (160, 205, 176)]), max(1, min(size) // 200)
    for x in range(rng.randrange(step), size[0], step):
        pen.line([(x, 0), (x, size[1])], fill=line, width=wide)
    for y in range(rng.randrange(step), size[1], step):
        pen.line([(0, y), (size[0], y)], fill=line, width=wide)
    return image


def _night(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    width, height = size
    image = _corners(size, [vary((12, 14, 40), rng, 6)] * 2 + [vary((44, 36, 86), rng, 12)] * 2)
    pen = ImageDraw.Draw(image)
    for _star in range(rng.randint(30, 70)):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.3, 1.0) * min(size) / 130
        pen.ellipse([x - r, y - r, x + r, y + r], fill=(rng.randint(170, 255),) * 3)
    moon, mx, my = min(size) * rng.uniform(0.05, 0.09), rng.uniform(0.08, 0.92) * width, 0.12 * height
    pen.ellipse([mx - moon, my - moon, mx + moon, my + moon], fill=(236, 232, 205))
    return image


def _lights(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    small = (max(8, size[0] // 4), max(8, size[1] // 4))
    image = Image.new("RGB", small, vary((34, 32, 44), rng, 12))
    for _light in range(rng.randint(14, 30)):
        layer = Image.new("L", small, 0)
        x, y, r = rng.uniform(0, small[0]), rng.uniform(0, small[1]), min(small) * rng.uniform(0.05, 0.14)
        ImageDraw.Draw(layer).ellipse([x - r, y - r, x + r, y + r], fill=rng.randint(50, 130))
        image.paste(rng.choice(LAMPS), (0, 0), layer)
    return image.filter(ImageFilter.GaussianBlur(1.2)).resize(size, Image.Resampling.BICUBIC)


def _bricks(size: Size, _: Rgb, rng: random.Random) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, vary((192, 150, 132), rng))
    pen, tall = ImageDraw.Draw(image), max(6.0, min(size) / rng.uniform(7, 11))
    wide, gap = tall * rng.uniform(1.9, 2.4), max(1.0, tall / 9)
    y, odd = -rng.random() * tall, False
    while y < height:
        x = -wide * (0.5 if odd else 0.0) - wide * 0.5
        while x < width:
            pen.rectangle([x, y, x + wide - gap, y + tall - gap], fill=vary((168, 84, 62), rng, 14))
            x += wide
        y, odd = y + tall, not odd
    return image


PAINTERS: dict[str, Callable[[Size, Rgb, random.Random], Image.Image]] = {
    "plain": _plain,
    "gradient": _gradient,
    "grain": _grain,
    "meadow": _meadow,
    "beach": _beach,
    "wood": _wood,
    "paper": _paper,
    "night": _night,
    "lights": _lights,
    "bricks": _bricks,
}
