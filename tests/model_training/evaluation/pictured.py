"""Sets of pictures whose colour is their class."""

import io

import numpy as np
from PIL import Image

NAMES = ("red", "green", "blue", "grey", "white")
COLOURS = ((220, 30, 30), (30, 200, 40), (40, 40, 220), (90, 90, 90), (240, 240, 240))


def coloured(number, name, size=(32, 32)):
    """A PNG of noise around the colour of a name; every number is another picture."""
    rng = np.random.default_rng(number)
    middle = np.array(COLOURS[NAMES.index(name)])
    pixels = np.clip(middle + rng.integers(-25, 26, (*size, 3)), 0, 255).astype(np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return sink.getvalue()


def labels_of(count, classes=3):
    return [NAMES[i % classes] for i in range(count)]


def images_of(labels, first=0):
    return [coloured(first + i, label) for i, label in enumerate(labels)]
