"""CIFAR-10 with a long tail, and what balancing its captions does for the rare classes.

Classes have 1,200, 719, 431, ... 12 pictures, each the 0.6 part of the one before (as in CIFAR-10-LT, Cui et al.,
arXiv 1901.05555, with a ratio of 100); which class is how frequent is drawn by the seed. The cap of 100 is such that
the entries above it hold 93 % of all matches, as MetaCLIP's does (94.5 %, arXiv 2309.16671, section 3.3).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars as pl

from curate.ask import ask
from curate.filters.concepts import Concepts
from curate.filters.random_subset import RandomSubset
from curate.uid import draw_int
from tests.claims import arena

LARGEST, RATIO, CAP, RARE = 1200, 100, 100, 5
DATA = "CIFAR-10 with a long tail (1,200 to 12 a class), cap 100; zero-shot, recall of the 5 rarest classes"


def by_frequency(seed: int) -> list[str]:
    """The classes, the most frequent one first."""
    return sorted(arena.cifar_classes(), key=lambda name: draw_int(seed, name, "rank"))


def pool(seed: int) -> pl.DataFrame:
    frame = arena.cifar_train(seed)
    parts = []
    for rank, name in enumerate(by_frequency(seed)):
        parts.append(frame.filter(pl.col("label") == name).head(round(LARGEST * RATIO ** (-rank / 9))))
    return pl.concat(parts)


def balanced(frame: pl.DataFrame, mode: Literal["balance", "hard_cap"], seed: int, cache: Path) -> pl.DataFrame:
    """What the filter `concepts` keeps, its entries being the class names."""
    entries = cache / "entries.txt"
    entries.parent.mkdir(parents=True, exist_ok=True)
    entries.write_text("\n".join(arena.cifar_classes()) + "\n", encoding="utf-8")
    item = Concepts(entries=str(entries), cap=CAP, mode=mode, seed=seed)
    return frame.filter(pl.Series(ask(frame, [item]).keep))


def as_many(frame: pl.DataFrame, rows: int, seed: int) -> pl.DataFrame:
    """A random subset of so many rows."""
    item = RandomSubset(keep=rows, seed=seed)
    return frame.filter(pl.Series(ask(frame, [item]).keep))


def judged(arms: Mapping[str, pl.DataFrame], seed: int, cache: Path) -> dict[str, float]:
    """The mean recall of the rarest classes, of a model trained on each arm for as many samples."""
    rare, found = by_frequency(seed)[-RARE:], {}
    for name, frame in arms.items():
        model = arena.train(frame, seed, cache)
        told = arena.zero_shot(model, arena.cifar_test(), arena.cifar_classes(), arena.FORMS, cache)
        found[name] = told.of(rare)
        found[f"{name}, all classes"] = told.mean_recall
    return found
