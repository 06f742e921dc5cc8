"""Draws a scene: background, then things, then what a camera and an editor do to a picture.

The picture is a pure function of (seed, name, scene, size, looseness). What is not in the scene (place, size,
turn, light, noise) is nuisance, drawn from the same key; `name` ends in the attempt, so that a picture that
looks too much like another can be drawn anew without changing what it shows.
"""

import random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from curate.planted.backgrounds import Size, mix, numbers, paint_background, vary
from curate.planted.layout import Place, places
from curate.planted.scenes import COLOURS, Rgb, Scene, Thing
from curate.planted.shapes import OUTLINES
from curate.uid import draw_int

SUPERSAMPLE = 3
MAX_TURN = 15.0  # degrees: a cross turned by 45 is an X, and what people photograph is nearly upright


def render(seed: int, name: str, scene: Scene, size: Size, looseness: float = 0.0) -> Image.Image:
    """The RGB picture of a scene; `layout.places` says what looseness does."""
    rng = random.Random(draw_int(seed, name, "render"))
    image = paint_background(scene.background, scene.backdrop, size, rng)
    mains, other = places(scene, size, rng, looseness)
    colour = vary(COLOURS[scene.main.colour], rng)
    shadow = rng.random() < 0.4
    for place in mains:
        _draw(image, scene.main, colour, place, shadow, rng)
    if scene.other is not None and other is not None:
        _draw(image, scene.other, vary(COLOURS[scene.other.colour], rng), other, shadow, rng)
    return _photograph(image, rng)


def _draw(image: Image.Image, thing: Thing, colour: Rgb, place: Place, shadow: bool, rng: random.Random) -> None:
    """One thing, with its shadow under it and its second colour over it."""
    side = max(6, round(place.side))
    mask = _mask(thing.shape, side, rng.uniform(-MAX_TURN, MAX_TURN))
    corner = (round(place.x - side / 2), round(place.y - side / 2))
    if shadow:
        away = max(1, side // 22)
        image.paste((12, 12, 16), (corner[0] + away, corner[1] + away), mask.point(lambda value: value * 0.4))
    image.paste(colour, corner, mask)
    if thing.fill != "solid":
        image.paste(_second(colour), corner, ImageChops.multiply(mask, _pattern(thing.fill, side, rng)))


def _second(colour: Rgb) -> Rgb:
    """The colour of stripes, dots and checks: the first one lighter or darker, so that its name fits."""
    return mix(colour, (255, 255, 255), 0.5) if sum(colour) < 520 else mix(colour, (60, 60, 60), 0.35)


def _mask(shape: str, side: int, turn: float) -> Image.Image:
    """Where the shape is, anti-aliased: drawn large, turned, made small."""
    large = side * SUPERSAMPLE
    angle = turn * np.pi / 180
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mask = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(mask)
    for filled, points in OUTLINES[shape]():
        at = (np.array(points) @ rotation * 0.9 + 1) * (large / 2)
        pen.polygon([(float(x), float(y)) for x, y in at], fill=255 if filled else 0)
    return mask.reduce(SUPERSAMPLE)


def _pattern(fill: str, side: int, rng: random.Random) -> Image.Image:
    """Where the second colour goes, within a square of `side`."""
    if fill == "shaded":
        ramp = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270)))
        return ramp.resize((side, side), Image.Resampling.BILINEAR)
    large = side * 2
    pattern = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(pattern)
    step = large / rng.uniform(5.0, 7.0)
    cells = int(large / step) + 2
    if fill == "striped":
        slope = rng.choice((0.0, 0.0, 0.5, -0.5)) * large
        for i in range(-cells, 2 * cells):
            left, right = i * step, (i + 0.5) * step
            pen.polygon([(left, 0), (right, 0), (right + slope, large), (left + slope, large)], fill=255)
        if rng.random() < 0.5:
            pattern = pattern.transpose(Image.Transpose.ROTATE_90)
    elif fill == "dotted":
        for row in range(-1, cells):
            for column in range(-1, cells):
                x, y, r = (column + 0.5 * (row % 2)) * step, row * step, 0.3 * step
                pen.ellipse([x - r, y - r, x + r, y + r], fill=255)
    else:
        for row in range(cells):
            for column in range(row % 2, cells, 2):
                x, y = column * step, row * step
                pen.rectangle([x, y, x + step - 1, y + step - 1], fill=255)
    return pattern.reduce(2)


def _photograph(image: Image.Image, rng: random.Random) -> Image.Image:
    """Uneven light, a little noise, sometimes a little blur."""
    width, height = image.size
    draws = numbers(rng)
    cells = np.clip(128 + draws.normal(0, 1, (5, 5)) * rng.uniform(14, 26), 60, 196).astype(np.uint8)
    light = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
    factor = np.asarray(light, np.float32) * (0.9 / 128 * 0.45) + 0.595
    pixels = np.array(image, np.float32)
    pixels *= np.repeat(factor, 3).reshape(pixels.shape)  # faster than a broadcast along so short an axis
    if rng.random() < 0.35:
        tile = draws.normal(0, rng.uniform(2, 7), (128, 128)).astype(np.float32)
        pixels += np.tile(tile, (height // 128 + 1, width // 128 + 1))[:height, :width, None]
    done = Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
    if rng.random() < 0.2:
        done = done.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 1.4) * min(width, height) / 300))
    return done
