"""Plans the rows of the planted list: kind, links between rows, behaviour, scene and size. No pixels yet.

Rows have a number here, from 0; the list a user gets is shuffled later. Every draw is keyed by that number.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from curate.planted.answers import FAILING, OK_SHARES, Behaviour
from curate.planted.composition import (
    IMAGES_PER_CAPTION,
    MEANINGLESS,
    Duplicate,
    Kind,
    apportion,
    copies_of_originals,
    kind_counts,
)
from curate.planted.foreign import LANGUAGES
from curate.planted.pictures import sample_format
from curate.planted.scenes import Scene, Split, concepts, differs, sample_scene
from curate.uid import draw, draw_int

COPY_KINDS = tuple(kind for kind in Duplicate if kind is not Duplicate.NONE)
EXACT_SIZES: dict[Kind, list[tuple[int, int]]] = {  # on the bounds of ALIGN's image rules
    Kind.TINY: [(200, 300), (600, 200)],
    Kind.BANNER: [(201, 603), (603, 201)],
    Kind.CLEAN: [(201, 400), (402, 201)],
}


@dataclass(frozen=True)
class Draft:
    """One row to be. `source` is the row whose image (a copy's original), or whose URL too, it has."""

    number: int
    kind: Kind
    source: int | None = None
    duplicate: Duplicate = Duplicate.NONE
    behaviour: Behaviour = Behaviour.IMAGE
    wrong: bool = False  # carries another scene's caption
    language: str = "en"
    leak: int | None = None  # row of the evaluation set
    size: tuple[int, int] = (0, 0)
    format: str = "jpg"
    scene: Scene | None = None

    @property
    def name(self) -> str:
        return f"row/{self.number}"

    @property
    def shown(self) -> Scene:
        """The scene, once it is planned."""
        if self.scene is None:
            raise ValueError(f"{self.name} has no scene yet")
        return self.scene

    @property
    def meaningful(self) -> bool:
        """Downloadable, with an alt-text that says what some picture shows."""
        return self.kind is not Kind.FAILING and self.kind not in MEANINGLESS

    @property
    def same_url(self) -> bool:
        return self.kind in (Kind.REPEATED, Kind.RECAPTIONED)


def draft_rows(seed: int, pairs: int, leaks: Sequence[tuple[int, Scene, tuple[int, int]]]) -> list[Draft]:
    """All rows. `leaks` are evaluation images (row, scene, size), one for each leaked row."""
    counts = kind_counts(pairs)
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    drafts = [Draft(number, kind) for number, kind in enumerate(kinds)]
    _link(seed, drafts, pairs)
    _set_failures(drafts)
    _set_wrong(seed, drafts)
    _set_sizes(seed, drafts)
    for draft, (row, scene, size) in zip(_of(drafts, Kind.LEAKED), leaks, strict=True):
        drafts[draft.number] = replace(draft, leak=row, scene=scene, size=size)
    _set_scenes(seed, drafts)
    return drafts


def _of(drafts: list[Draft], kind: Kind) -> list[Draft]:
    return [draft for draft in drafts if draft.kind is kind]


def _link(seed: int, drafts: list[Draft], pairs: int) -> None:
    """Gives originals to the copies, and behaviours to some of the clean rows that are nobody's original."""
    clean = sorted(_of(drafts, Kind.CLEAN), key=lambda d: draw_int(seed, d.name, "clean order"))
    take = iter(clean)
    copies = iter(_of(drafts, Kind.COPY))
    made = 0
    for size in copies_of_originals(len(_of(drafts, Kind.COPY))):
        original = next(take)
        for _ in range(size):
            kind = COPY_KINDS[made % len(COPY_KINDS)]
            made += 1
            copy = next(copies)
            drafts[copy.number] = replace(copy, source=original.number, duplicate=kind)
    for again in _of(drafts, Kind.RECAPTIONED):
        drafts[again.number] = replace(again, source=next(take).number, duplicate=Duplicate.EXACT)
    for again in _of(drafts, Kind.REPEATED):
        drafts[again.number] = replace(again, source=next(take).number)
    for exact_size in EXACT_SIZES[Kind.CLEAN]:
        exact = next(take)
        drafts[exact.number] = replace(exact, size=exact_size)
    for behaviour, share in OK_SHARES.items():
        for _ in range(max(1, round(share * pairs))):
            odd = next(take, None)
            if odd is not None:
                drafts[odd.number] = replace(odd, behaviour=behaviour)


def _set_failures(drafts: list[Draft]) -> None:
    failing = iter(_of(drafts, Kind.FAILING))
    counts = apportion(len(_of(drafts, Kind.FAILING)), [share for _, share in FAILING.values()])
    for behaviour, count in zip(FAILING, counts, strict=True):
        for _ in range(count):
            draft = next(failing)
            drafts[draft.number] = replace(draft, behaviour=behaviour)


def _set_wrong(seed: int, drafts: list[Draft]) -> None:
    """Exactly half of the meaningful rows get a wrong caption; a repeated row as the row it repeats."""
    twins = {d.source: d.number for d in _of(drafts, Kind.REPEATED)}
    free = [d for d in drafts if d.meaningful and d.kind is not Kind.REPEATED]
    left = round(sum(d.meaningful for d in drafts) / 2)
    for draft in sorted(free, key=lambda d: draw_int(seed, d.name, "wrong order")):
        rows = [draft.number, *([twins[draft.number]] if draft.number in twins else [])]
        if len(rows) <= left:
            left -= len(rows)
            for row in rows:
                drafts[row] = replace(drafts[row], wrong=True)


def _set_sizes(seed: int, drafts: list[Draft]) -> None:
    originals = {d.source for d in drafts if d.kind is Kind.COPY}
    exact = {kind: iter(sizes) for kind, sizes in EXACT_SIZES.items() if kind is not Kind.CLEAN}
    languages = tuple(LANGUAGES)
    for draft in drafts:
        given = next(exact[draft.kind], None) if draft.kind in exact else None
        size = given or _size(seed, draft, draft.number in originals)
        format = "jpg" if draft.kind is Kind.FAILING else sample_format(seed, draft.name)
        language = languages[draft.number % len(languages)] if draft.kind is Kind.FOREIGN else "en"
        drafts[draft.number] = replace(
            draft, size=size if draft.size == (0, 0) else draft.size, format=format, language=language
        )


def _size(seed: int, draft: Draft, is_original: bool) -> tuple[int, int]:
    """Long-tailed; above ALIGN's least unless the kind says otherwise."""
    rng = random.Random(draw_int(seed, draft.name, "size"))
    short = 203 + int(170 * rng.random() ** 2)
    aspect = rng.choice((1.0, 1.0, 4 / 3, 1.5, rng.uniform(1, 1.8)))
    if is_original:  # large enough for its copies
        short = rng.randint(300, 460)
    elif draft.kind is Kind.TINY:
        short = rng.randint(32, 200)
    elif draft.kind is Kind.BANNER:
        short, aspect = rng.randint(203, 260), rng.uniform(3.0, 4.2)
    elif rng.random() < 0.01:
        short = rng.randint(500, 840)
    long = -int(-short * aspect // 1)
    return (short, long) if rng.random() < 0.4 else (long, short)


def _set_scenes(seed: int, drafts: list[Draft]) -> None:
    groups = {d.number: i // IMAGES_PER_CAPTION for i, d in enumerate(_of(drafts, Kind.TEN))}
    for draft in drafts:
        if draft.scene is None and draft.source is None:
            scene = _ten_scene(seed, draft, groups[draft.number]) if draft.kind is Kind.TEN else None
            scene = scene or sample_scene(seed, draft.name, Split.POOL)
            drafts[draft.number] = replace(draft, scene=scene)
    for draft in drafts:
        if draft.source is not None:
            of = drafts[draft.source]
            drafts[draft.number] = replace(draft, scene=of.scene, size=of.size, format=of.format)


def ten_concept(seed: int, group: int) -> tuple[str, str]:
    """What the alt-text of the `group`-th set of exactly ten images names."""
    return concepts(seed)[group]


def _ten_scene(seed: int, draft: Draft, group: int) -> Scene:
    """One thing alone: the one that the set's alt-text names, or plainly another."""
    named = sample_scene(seed, draft.name, Split.POOL, ten_concept(seed, group), lone=True)
    scene, turn = named, 0
    while draft.wrong and not differs(scene, named):
        turn += 1
        scene = sample_scene(seed, f"{draft.name}/{turn}", Split.POOL, lone=True)
    return scene


def choose(seed: int, number: int, among: int, purpose: str) -> list[int]:
    """`number` of the integers below `among`, in order."""
    ranked = sorted(range(among), key=lambda i: draw(seed, str(i), purpose))
    return sorted(ranked[:number])
