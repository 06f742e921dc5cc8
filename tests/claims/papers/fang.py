"""Fang et al. 2022, Data Determines Distributional Robustness in CLIP: the pictures do it, not the language."""

from pathlib import Path

from tests.claims import arena, shifted
from tests.claims.claim import Claim, Paper

PAPER = Paper("Fang et al. 2022", "2205.01397")
SEEDS = (0, 1, 2)


def robustness(seed: int, cache: Path) -> dict[str, float]:
    photos, line = arena.cifar_train(seed), shifted.baseline(seed, cache)
    labels = shifted.classifier(seed, cache, arena.SEEN)
    captions, others = (arena.train(frame, seed, cache) for frame in (photos, shifted.grey(photos)))
    return {
        "labels": shifted.robustness(line, labels, ("{}",), cache),
        "captions": shifted.robustness(line, captions, arena.FORMS, cache),
        "captions, grey pictures": shifted.robustness(line, others, arena.FORMS, cache),
    }


CLAIMS = (
    Claim(
        "fang/language-adds-none",
        PAPER,
        "captions instead of labels on the same pictures make no model more robust",
        "models of ImageNet-Captions lie on the line of those of ImageNet",
        "labels",
        "captions",
        shifted.DATA,
        SEEDS,
        robustness,
        margin=2.0,
    ),
    Claim(
        "fang/pictures-do",
        PAPER,
        "another distribution of pictures does",
        "models of YFCC lie far above that line",
        "captions, grey pictures",
        "captions",
        shifted.DATA,
        SEEDS,
        robustness,
    ),
)
