"""Where the things of a scene lie: the canvas is cut in two for a relation, then in cells for a count."""

import random
from dataclasses import dataclass

from curate.planted.scenes import Scene

Box = tuple[float, float, float, float]  # left, top, width, height


@dataclass(frozen=True)
class Place:
    """The middle and the side of the square that a thing is drawn in, px."""

    x: float
    y: float
    side: float


def places(
    scene: Scene, size: tuple[int, int], rng: random.Random, looseness: float = 0.0
) -> tuple[list[Place], Place | None]:
    """Places of the main things, and of the other thing. The main things are the larger ones.

    `looseness` from 0 to 1 lets a thing that is alone be smaller and nearer to an edge.
    """
    width, height = size
    canvas: Box = (0.02 * width, 0.02 * height, 0.96 * width, 0.96 * height)
    if scene.other is None or scene.relation is None:
        if scene.count == 1:
            return [_place(canvas, 0.76 - 0.26 * looseness, 0.99, rng, 0.2 * (1 - looseness))], None
        return _cells(canvas, scene.count, rng), None
    if scene.relation == "around":
        main = _place(canvas, 0.78, 0.97, rng)
        low = main.y + 0.06 * main.side if scene.main.shape == "triangle" else main.y
        return [main], Place(main.x, low, main.side * rng.uniform(0.3, 0.38))
    main_box, other_box = _halves(canvas, scene.relation, rng)
    return _cells(main_box, scene.count, rng), _place(other_box, 0.7, 0.95, rng)


def _halves(canvas: Box, relation: str, rng: random.Random) -> tuple[Box, Box]:
    """The larger part for the main things, the smaller for the other."""
    if relation == "next to":
        relation = rng.choice(("left of", "right of"))
    left, top, width, height = canvas
    share = rng.uniform(0.66, 0.74)
    first = share if relation in ("left of", "above") else 1 - share
    if relation in ("left of", "right of"):
        cut = width * first
        boxes = (left, top, cut, height), (left + cut, top, width - cut, height)
    else:
        cut = height * first
        boxes = (left, top, width, cut), (left, top + cut, width, height - cut)
    return boxes if first == share else boxes[::-1]


def _cells(box: Box, count: int, rng: random.Random) -> list[Place]:
    left, top, width, height = box
    columns = min(count, 2)
    if height > 1.25 * width and count == 2:
        columns = 1
    if width > 1.7 * height:
        columns = count
    if height > 1.7 * width:
        columns = 1
    rows = -(-count // columns)
    wide, tall = width / columns, height / rows
    return [
        _place((left + (i % columns) * wide, top + (i // columns) * tall, wide, tall), 0.86, 1.0, rng)
        for i in range(count)
    ]


def _place(box: Box, low: float, high: float, rng: random.Random, rim: float = 0.2) -> Place:
    """Somewhere in the box, filling it by a share of its shorter side; of the room left, `rim` stays on each side."""
    left, top, width, height = box
    side = min(width, height) * rng.uniform(low, high)
    x = left + side / 2 + rng.uniform(rim, 1 - rim) * (width - side)
    y = top + side / 2 + rng.uniform(rim, 1 - rim) * (height - side)
    return Place(x, y, side)
