"""A second image distribution: CIFAR-10 in grey and blurred; and effective robustness towards it.

The line is fitted over classifiers that were trained with labels on photos, for a quarter, half and all of the
samples; the last one is an arm too, so that it has next to none.
"""

import io
from functools import lru_cache
from pathlib import Path

import polars as pl
from PIL import Image, ImageFilter

from model_training.evaluation.effective_robustness import Baseline, fitted
from tests.claims import arena, bag_of_words

BLUR = 1.0  # px of 32
BUDGETS = (arena.SEEN // 4, arena.SEEN // 2, arena.SEEN)
_told: dict[tuple[str, tuple[str, ...]], tuple[float, float]] = {}  # claims of one seed share models
DATA = (
    "CIFAR-10 photos (12,000), and the same in grey and blurred; 19,200 samples seen; "
    "effective robustness from photos to grey, 3,000 pictures each"
)


def grey(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.Series("jpg", [_grey(body) for body in frame["jpg"]]))


def _grey(body: bytes) -> bytes:
    image = Image.open(io.BytesIO(body)).convert("L").filter(ImageFilter.GaussianBlur(BLUR)).convert("RGB")
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=95)
    return sink.getvalue()


def classifier(seed: int, cache: Path, samples_seen: int) -> arena.Model:
    """The tiny image tower with a softmax over the classes, on photos with their labels."""
    frame = arena.cifar_train(seed)
    labelled = frame.with_columns(pl.col("label").alias("caption"))
    return bag_of_words.train(labelled, seed, cache, samples_seen=samples_seen)


def accuracies(model: arena.Model, templates: tuple[str, ...], cache: Path) -> tuple[float, float]:
    """On photos and on grey pictures, in [0, 1]."""
    if (model.path, templates) not in _told:
        tests = (arena.cifar_test(), _grey_test())
        told = [arena.zero_shot(model, test, arena.cifar_classes(), templates, cache).accuracy for test in tests]
        _told[model.path, templates] = told[0] / 100, told[1] / 100
    return _told[model.path, templates]


@lru_cache
def _grey_test() -> pl.DataFrame:
    return grey(arena.cifar_test())


def baseline(seed: int, cache: Path) -> Baseline:
    found = [accuracies(classifier(seed, cache, budget), ("{}",), cache) for budget in BUDGETS]
    return fitted([photos for photos, _ in found], [shifted for _, shifted in found])


def robustness(line: Baseline, model: arena.Model, templates: tuple[str, ...], cache: Path) -> float:
    """In points: accuracy on grey pictures beyond what the line foretells from that on photos."""
    photos, shifted = accuracies(model, templates, cache)
    return 100 * float(line.effective_robustness(photos, shifted))
