"""Nguyen et al. 2022, Quality Not Quantity: mixing sources of pairs interpolates between their robustness."""

from pathlib import Path

import polars as pl

from tests.claims import arena, shifted
from tests.claims.claim import Claim, Paper

PAPER = Paper("Nguyen et al. 2022", "2208.05516")
SEEDS = (0, 1, 2)


def mixture(seed: int, cache: Path) -> dict[str, float]:
    """Two sources, and half of each: 12,000 pairs of the same 12,000 pictures in all three."""
    photos, line = arena.cifar_train(seed), shifted.baseline(seed, cache)
    half = len(photos) // 2
    mixed = pl.concat([photos.head(half), shifted.grey(photos[half:])])
    arms = {"photos": photos, "grey": shifted.grey(photos), "half of each": mixed}
    return {
        name: shifted.robustness(line, arena.train(frame, seed, cache), arena.FORMS, cache)
        for name, frame in arms.items()
    }


CLAIMS = (
    Claim(
        "nguyen/not-above-the-best",
        PAPER,
        "a mixture is less robust than the best of its sources",
        "YFCC and LAION, half of each, lie between (figure 3)",
        "grey",
        "half of each",
        shifted.DATA,
        SEEDS,
        mixture,
    ),
    Claim(
        "nguyen/above-the-worst",
        PAPER,
        "and more robust than the worst",
        "YFCC and LAION, half of each, lie between (figure 3)",
        "half of each",
        "photos",
        shifted.DATA,
        SEEDS,
        mixture,
    ),
)
