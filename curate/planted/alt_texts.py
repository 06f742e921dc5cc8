"""Gives every planned row its alt-text, and the alt-text it should have had."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from curate.planted import junk
from curate.planted.captions import describe, describe_at_length, describe_shortly, with_article
from curate.planted.composition import IMAGES_PER_CAPTION, Kind, shared_sizes
from curate.planted.foreign import describe_in
from curate.planted.rows import Draft, ten_concept
from curate.planted.scenes import Scene, differs
from curate.uid import draw_int

MOST_USES = 5  # of one alt-text by chance: far from ALIGN's bound
WORDY_FROM = 60  # boilerplate rows; with fewer, three-word boilerplate would not be shared by enough images


def alt_texts(seed: int, drafts: list[Draft]) -> list[tuple[str, str]]:
    """(caption, true caption) of every row."""
    donors = [d.shown for d in drafts if d.meaningful]
    junk_texts = _junk_texts(seed, drafts)
    ten = {d.number: i // IMAGES_PER_CAPTION for i, d in enumerate(d for d in drafts if d.kind is Kind.TEN)}
    hostile = {d.number: i for i, d in enumerate(d for d in drafts if d.kind is Kind.HOSTILE)}
    used: Counter[str] = Counter()
    texts: list[tuple[str, str]] = []
    for draft in drafts:
        if draft.kind is Kind.REPEATED and draft.source is not None:
            texts.append(("", ""))  # set below, as its source may come later
            continue
        true = describe_row(seed, draft, draft.shown, "true")
        told = _donor(seed, draft, donors) if draft.wrong else draft.shown
        if draft.number in junk_texts:
            caption = junk_texts[draft.number]
        elif draft.number in ten:
            caption = f"Simple picture of {with_article(' '.join(ten_concept(seed, ten[draft.number])))}"
        else:
            caption = fresh(lambda salt, d=draft, s=told: describe_row(seed, d, s, salt), used)  # type: ignore[misc]
        if draft.number in hostile:
            caption = junk.hostile(caption, hostile[draft.number])
        elif not draft.wrong and draft.number not in junk_texts:
            true = caption
        texts.append((caption, true))
    for draft in drafts:
        if draft.kind is Kind.REPEATED and draft.source is not None:
            texts[draft.number] = texts[draft.source]
    return texts


def describe_row(seed: int, draft: Draft, scene: Scene, salt: str) -> str:
    """The scene in the row's language and length."""
    rng = random.Random(draw_int(seed, draft.name, f"caption {salt}"))
    if draft.language != "en":
        return describe_in(draft.language, scene, rng)
    if draft.kind is Kind.TOO_SHORT:
        return describe_shortly(scene, rng)
    if draft.kind is Kind.TOO_LONG:
        return describe_at_length(scene, rng)
    return describe(scene, rng)


def fresh(say: Callable[[str], str], used: Counter[str]) -> str:
    """The first phrasing that is not in use too often."""
    for salt in count():
        text = say(str(salt))
        if used[text] < MOST_USES:
            used[text] += 1
            return text
    raise AssertionError


def _donor(seed: int, draft: Draft, donors: list[Scene]) -> Scene:
    """Another row's scene that this row's picture does not show."""
    for turn in count():
        scene = donors[draw_int(seed, draft.name, f"donor {turn}") % len(donors)]
        beside = draft.shown.other
        if differs(scene, draft.shown) and (beside is None or beside.concept != scene.main.concept):
            return scene
    raise AssertionError


def _junk_texts(seed: int, drafts: list[Draft]) -> dict[int, str]:
    shared = [d.number for d in drafts if d.kind is Kind.SHARED]
    texts: Iterator[str] = (
        junk.SHARED[group % len(junk.SHARED)]
        for group, size in enumerate(shared_sizes(len(shared)))
        for _ in range(size)
    )
    result = dict(zip(shared, texts, strict=True))
    plain = [d for d in drafts if d.kind is Kind.BOILERPLATE]
    for index, draft in enumerate(plain):
        wordy = index // (IMAGES_PER_CAPTION + 2)
        if len(plain) >= WORDY_FROM and wordy < len(junk.WORDY_BOILERPLATE):
            result[draft.number] = junk.WORDY_BOILERPLATE[wordy]
        else:
            result[draft.number] = junk.boilerplate(random.Random(draw_int(seed, draft.name, "junk")))
    return result
