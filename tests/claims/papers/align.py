"""ALIGN (Jia et al. 2021): many noisy pairs instead of few clean ones."""

from pathlib import Path

import polars as pl

from tests.claims import arena
from tests.claims.claim import Claim, Paper

PAPER = Paper("ALIGN", "2102.05918")
SEEDS = (0, 1, 2)
FEW, MANY = 3_000, 12_000
CLEAN, NOISY_FEW = "3,000 clean", "3,000, 20 % wrong"
NOISY = {share: f"12,000, {share:.0%} wrong".replace("%", " %") for share in (0.2, 0.6)}
DATA = "CIFAR-10, wrong captions name another class; 19,200 samples seen; zero-shot, 3,000 pictures"


def scale(seed: int, cache: Path) -> dict[str, float]:
    """The wrong pairs of a larger share contain those of a smaller one, and the clean pairs are some of the many.

    All arms see as many samples, 3,000 pairs 6.4 times and 12,000 of them 1.6 times: at this compute 12,000 right
    pairs teach no more than 3,000 (see clip/prompts), so that only the noise is left to be seen.
    """
    many = arena.cifar_train(seed, MANY)
    arms = {CLEAN: many.head(FEW), NOISY_FEW: arena.mislabelled(many.head(FEW), 0.2, seed)}
    arms |= {name: arena.mislabelled(many, share, seed) for share, name in NOISY.items()}
    return {name: accuracy(frame, seed, cache) for name, frame in arms.items()}


def accuracy(frame: pl.DataFrame, seed: int, cache: Path) -> float:
    model = arena.train(frame, seed, cache)
    return arena.zero_shot(model, arena.cifar_test(), arena.cifar_classes(), arena.FORMS, cache).accuracy


CLAIMS = (
    Claim(
        "align/scale-beats-cleaning",
        PAPER,
        "four times as many noisy pairs teach more than clean ones",
        "12M noisy pairs overtake the 3M of Conceptual Captions",
        NOISY[0.2],
        CLEAN,
        DATA,
        SEEDS,
        scale,
    ),
    Claim(
        "align/equal-size",
        PAPER,
        "of as many pairs the clean ones teach more",
        "3M noisy pairs are behind the 3M of Conceptual Captions",
        CLEAN,
        NOISY_FEW,
        DATA,
        SEEDS,
        scale,
    ),
    Claim(
        "align/where-it-turns",
        PAPER,
        "where most captions are wrong, a quarter as many clean ones teach more",
        "not in the paper",
        CLEAN,
        NOISY[0.6],
        DATA,
        SEEDS,
        scale,
    ),
)
