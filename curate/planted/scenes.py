"""What a planted picture shows, as data: things with a shape, a colour and a fill, before a background.

A *concept* is a colour and a shape ("red circle"); concepts follow Zipf's law. A *combination* is a concept
with a fill and a background. Each combination belongs to one split for good, so that no evaluation picture
shows a combination that the pool has.
"""

import json
import random
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache

from curate.uid import draw_int

Concept = tuple[str, str]
Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (214, 34, 38),
    "yellow": (250, 214, 36),
    "green": (44, 150, 58),
    "blue": (38, 82, 208),
    "purple": (126, 46, 160),
    "pink": (246, 118, 176),
    "black": (26, 26, 28),
    "white": (250, 250, 250),
}
SHAPES = ("circle", "triangle", "ring", "cross", "crescent", "fish")
FILLS = ("solid", "striped", "dotted", "checked", "shaded")
BACKDROPS: dict[str, Rgb] = {
    "white": (244, 244, 241),
    "gray": (156, 158, 162),
    "black": (24, 24, 27),
    "light blue": (176, 212, 242),
    "beige": (226, 208, 178),
    "pale pink": (247, 212, 218),
    "mint": (188, 230, 204),
    "navy": (22, 34, 86),
    "dark green": (20, 66, 40),
    "maroon": (94, 20, 34),
    "lavender": (208, 198, 238),
    "cream": (250, 243, 214),
}
COLOURED = ("plain", "gradient", "grain")  # backgrounds that take a backdrop's colour
BACKGROUNDS = (*COLOURED, "meadow", "beach", "wood", "paper", "night", "lights", "bricks")
HIDES: dict[str, frozenset[str]] = {  # a thing of this colour would be lost on that background
    "meadow": frozenset({"green"}),
    "beach": frozenset({"yellow"}),
    "paper": frozenset({"white"}),
    "night": frozenset({"black", "blue"}),
    "lights": frozenset({"black"}),
    "bricks": frozenset({"red"}),
}
HOLDERS = ("circle", "triangle", "ring")  # shapes with room for another thing inside
RELATIONS = ("left of", "right of", "above", "below", "next to", "around")
CLASSES = 40  # of the 48 concepts
ZIPF_EXPONENT = 0.5
CONTRAST = 125.0  # smallest RGB distance between a thing and the backdrop


class Split(StrEnum):
    POOL = "pool"
    OBJECTS = "objects"
    PAIRS = "pairs"
    TRUSTED = "trusted"


SPLIT_SHARES = {Split.POOL: 0.5, Split.OBJECTS: 0.15, Split.PAIRS: 0.08, Split.TRUSTED: 0.27}


@dataclass(frozen=True)
class Thing:
    colour: str
    shape: str
    fill: str

    @property
    def concept(self) -> str:
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """`count` main things, perhaps one smaller other thing, before a background."""

    main: Thing
    count: int
    background: str
    backdrop: str | None  # the background's colour, where it takes one
    relation: str | None = None  # how the main thing lies to the other; "around" holds it inside
    other: Thing | None = None

    @property
    def combination(self) -> tuple[str, str, str, str]:
        return self.main.colour, self.main.shape, self.main.fill, self.background

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


@lru_cache(maxsize=8)
def concepts(seed: int) -> tuple[Concept, ...]:
    """Every (colour, shape), the most frequent first. The first `CLASSES` are the evaluation's classes."""
    every = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    return tuple(sorted(every, key=lambda c: draw_int(seed, f"{c[0]} {c[1]}", "concept rank")))


@lru_cache(maxsize=4096)
def combinations(seed: int, concept: Concept, split: Split) -> tuple[tuple[str, str], ...]:
    """The (fill, background) pairs that a concept may have in a split."""
    every = [(f, b) for f in FILLS for b in BACKGROUNDS if concept[0] not in HIDES.get(b, ())]
    every.sort(key=lambda pair: draw_int(seed, "/".join((*concept, *pair)), "split"))
    start = 0.0
    for name, share in SPLIT_SHARES.items():
        if name is split:
            return tuple(every[round(start * len(every)) : round((start + share) * len(every))])
        start += share
    raise ValueError(split)


def sample_scene(seed: int, name: str, split: Split, concept: Concept | None = None, *, lone: bool = False) -> Scene:
    """The scene called `name`, of a concept drawn by Zipf's law unless given; `lone` is one thing only."""
    rng = random.Random(draw_int(seed, name, "scene"))
    if concept is None:
        ranked = concepts(seed)
        concept = rng.choices(ranked, [(r + 1) ** -ZIPF_EXPONENT for r in range(len(ranked))])[0]
    pairs = combinations(seed, concept, split)
    fill, background = rng.choices(pairs, [6 if f == "solid" else 1 for f, _ in pairs])[0]
    scene = Scene(Thing(*concept, fill), 1, background, None)
    if not lone:
        scene = replace(scene, count=rng.choices((1, 2, 3, 4), (92, 4, 2, 2))[0])
        if scene.count <= 2 and rng.random() < 0.1:  # more would be too small to see
            scene = _with_other(scene, rng)
    if background in COLOURED:
        shown = [t.colour for t in (scene.main, scene.other) if t is not None]
        scene = replace(scene, backdrop=rng.choice(_backdrops(*shown)))
    return scene


def differs(a: Scene, b: Scene) -> bool:
    """Whether a caption of one is plainly wrong for the other: neither main colour nor main shape agree."""
    return a.main.colour != b.main.colour and a.main.shape != b.main.shape


def _with_other(scene: Scene, rng: random.Random) -> Scene:
    hidden = HIDES.get(scene.background, frozenset())
    colours = [c for c in COLOURS if c != scene.main.colour and c not in hidden]
    if scene.background in COLOURED:  # some backdrop must suit both
        colours = [c for c in colours if _backdrops(c, scene.main.colour)]
    other = Thing(rng.choice(colours), rng.choice([s for s in SHAPES if s != scene.main.shape]), rng.choice(FILLS))
    around = scene.count == 1 and scene.main.shape in HOLDERS
    return replace(scene, other=other, relation=rng.choice(RELATIONS if around else RELATIONS[:-1]))


def _backdrops(*colours: str) -> list[str]:
    """The backdrops that things of all these colours stand out from."""
    return [d for d in BACKDROPS if d not in colours and all(_contrast(c, d) >= CONTRAST for c in colours)]


def _contrast(colour: str, backdrop: str) -> float:
    return sum((x - y) ** 2 for x, y in zip(COLOURS[colour], BACKDROPS[backdrop], strict=True)) ** 0.5
