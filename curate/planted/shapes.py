"""The outlines of things: closed polygons in the unit box [-1, 1] x [-1, 1], y pointing down.

An outline is a list of (filled, points): a later part with filled = False cuts a hole.
"""

from collections.abc import Callable
from math import atan2, cos, hypot, pi, sin

Point = tuple[float, float]
Outline = list[tuple[bool, list[Point]]]


def _ellipse(cx: float, cy: float, rx: float, ry: float, steps: int = 48) -> list[Point]:
    return [(cx + rx * cos(2 * pi * i / steps), cy + ry * sin(2 * pi * i / steps)) for i in range(steps)]


def _crescent() -> list[Point]:
    """A disc less a shifted disc, as one curve: the outer arc one way, the inner arc back."""
    shift, horn = 0.45, 0.3 * pi
    outer = [(cos(a), sin(a)) for a in _sweep(horn, 2 * pi - horn)]
    radius, end = hypot(cos(horn) - shift, sin(horn)), atan2(sin(horn), cos(horn) - shift)
    inner = [(shift + radius * cos(a), radius * sin(a)) for a in _sweep(2 * pi - end, end)]
    return [(x + 0.2, y) for x, y in outer + inner]


def _sweep(start: float, end: float, steps: int = 36) -> list[float]:
    return [start + (end - start) * i / steps for i in range(steps + 1)]


def _fish() -> Outline:
    body = _ellipse(-0.18, 0, 0.8, 0.55)
    tail = [(0.42, 0.0), (1.0, -0.62), (0.86, 0.0), (1.0, 0.62)]
    eye = _ellipse(-0.62, -0.14, 0.1, 0.1, 16)
    return [(True, body), (True, tail), (False, eye)]


def _cross() -> list[Point]:
    arm = 0.32
    return [
        (-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm),
        (arm, 1), (-arm, 1), (-arm, arm), (-1, arm), (-1, -arm), (-arm, -arm),
    ]  # fmt: skip


OUTLINES: dict[str, Callable[[], Outline]] = {
    "circle": lambda: [(True, _ellipse(0, 0, 0.98, 0.98, 64))],
    "triangle": lambda: [(True, [(0.0, -0.95), (1.0, 0.8), (-1.0, 0.8)])],
    "ring": lambda: [(True, _ellipse(0, 0, 0.98, 0.98, 64)), (False, _ellipse(0, 0, 0.52, 0.52))],
    "cross": lambda: [(True, _cross())],
    "crescent": lambda: [(True, _crescent())],
    "fish": _fish,
}
