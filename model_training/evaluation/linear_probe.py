"""Linear probes: how well a line reads classes from frozen features. Two published recipes, by L-BFGS:

* CLIP (arXiv 2103.00020, appendix A.3): L-BFGS; lambda on 96 logarithmic steps from 1e-6 to 1e6, 7 of them first,
  then the step is halved around the best; chosen by a validation split.
* DINOv2's logistic regression (facebookresearch/dinov2, dinov2/eval/log_regression.py): C = 10^linspace(-6, 5, 45),
  chosen by 10 % of the training images.

The strength is chosen by validation images, and the probe is fitted anew to both. No function that chooses is given
a test label. The recipes by AdamW are in `adamw_probe`, that by SGD is in `dinov2_linear`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curate.errors import InputError
from curate.uid import draw_int
from model_training.evaluation.hits import Metric
from model_training.evaluation.logistic_regression import ITERATIONS, Linear, fit
from model_training.evaluation.ranking import rank_of
from model_training.evaluation.zero_shot import classification_metrics

CLIP_LAMBDAS = np.logspace(-6, 6, 97)  # 96 steps, 8 in a decade
FIRST_STEP = 16  # 7 points: 1e-6, 1e-4, ..., 1e6
DINOV2_CS = 10.0 ** np.linspace(-6, 5, 45)
Search = Callable[[Callable[[float], float]], float]  # the accuracy that a C has to the C that is chosen


def dinov2_search(accuracy: Callable[[float], float]) -> float:
    """The best of DINOv2's 45 values of C; of equals the smallest, the simplest model."""
    return float(max(DINOV2_CS, key=lambda c: accuracy(float(c))))


def clip_search(accuracy: Callable[[float], float]) -> float:
    """CLIP's search, in C = 1 / lambda: `peak_search` over lambda."""
    return 1 / peak_search(CLIP_LAMBDAS, lambda strength: accuracy(1 / strength))


def peak_search(strengths: np.ndarray, accuracy: Callable[[float], float]) -> float:
    """The best of 97 regularisation strengths by halved steps around the peak; asks for each at most once.

    7 of them first, then 8, 4, 2 and 1 steps around the best. Of equals the largest strength, the simplest model.
    """
    known: dict[int, float] = {}

    def best(numbers: range) -> int:
        for number in numbers:
            if number not in known:
                known[number] = accuracy(float(strengths[number]))
        return max(sorted(known, reverse=True), key=lambda number: known[number])

    step = FIRST_STEP
    peak = best(range(0, len(strengths), step))
    while step > 1:
        step //= 2
        peak = best(range(max(0, peak - step), min(len(strengths), peak + step + 1), step))
    return float(strengths[peak])


def held_out(n: int, seed: int, share: float = 0.1) -> np.ndarray:
    """(n,) bool: the training images that DINOv2's recipe validates with, at least one and not all."""
    if n < 2:
        raise InputError(f"{n} images cannot be split", "give two or more")
    count = min(max(1, round(share * n)), n - 1)
    out = np.zeros(n, bool)
    out[np.random.default_rng(draw_int(seed, str(n), "linear_probe")).permutation(n)[:count]] = True
    return out


@dataclass(frozen=True)
class Probe:
    """A fitted probe and what was chosen: C, or the weight decay, or the learning rate."""

    linear: Linear
    c: float
    classes: int

    def metrics(self, features: np.ndarray, labels: np.ndarray) -> list[Metric]:
        """top1, top5 (with 5 classes or more: not the largest label, CLIP_benchmark's rule) and
        mean_per_class_recall: features (n, dim), labels (n,) int."""
        return classification_metrics(rank_of(self.linear.scores(features), labels), labels, self.classes)


def linear_probe(
    features: np.ndarray,
    labels: np.ndarray,
    validation: np.ndarray,
    classes: int,
    search: Search = clip_search,
    iterations: int = ITERATIONS,
) -> Probe:
    """Choose C on the validation images, then fit to all: features (n, dim), labels (n,) int, validation (n,) bool.

    Raises InputError where one side of the split is empty, and as `fit` does.
    """
    refuse_one_sided(validation)
    train = ~validation

    def accuracy(c: float) -> float:
        fitted = fit(features[train], labels[train], classes, c, iterations)
        return accuracy_of(fitted, features[validation], labels[validation])

    c = search(accuracy)
    return Probe(fit(features, labels, classes, c, iterations), c, classes)


def accuracy_of(linear: Linear, features: np.ndarray, labels: np.ndarray) -> float:
    """The share of features (n, dim) whose class (n,) int has the largest score."""
    return float((rank_of(linear.scores(features), labels) < 1).mean())


def refuse_one_sided(validation: np.ndarray) -> None:
    """Raises InputError for a split (n,) bool without validation images or without training images."""
    if not 0 < validation.sum() < len(validation):
        raise InputError("validation images and training images are both needed", "split with `held_out`")
