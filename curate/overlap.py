"""How much of a model's score on an evaluation set is memory: CLIP's overlap analysis (arXiv 2103.00020, section 5).

The set is split in two: items that the pool has too (`overlap`) and the others (`clean`). Nothing is removed. By how
much the score on all exceeds that on the clean ones is what the overlap has added; whether the overlap's score could
be chance is a one-tailed binomial test with the clean accuracy as the null hypothesis.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest


@dataclass(frozen=True)
class Overlap:
    """Accuracies are shares of items; null where there are none."""

    items: int
    overlapping: int
    accuracy: float | None
    overlap_accuracy: float | None
    clean_accuracy: float | None
    p_value: float | None  # that the overlap's items are no easier than the clean ones
    interval: tuple[float, float] | None  # of the overlap's accuracy: Clopper-Pearson, 99.5 %

    @property
    def inflation(self) -> float | None:
        """What the overlap has added to the accuracy."""
        if self.accuracy is None or self.clean_accuracy is None:
            return None
        return self.accuracy - self.clean_accuracy


def overlap(correct: np.ndarray, overlapping: np.ndarray) -> Overlap:
    """`correct` and `overlapping`: (items,) bool. Which overlap, at a threshold chosen for this set by looking:
    `cosine > threshold` or `distance <= limit` in the table `items` of the pass that compares with it.
    """
    inside, outside = correct[overlapping], correct[~overlapping]
    clean = _share(outside)
    tested = binomtest(int(inside.sum()), len(inside), clean, "greater") if len(inside) and clean is not None else None
    found = binomtest(int(inside.sum()), len(inside)).proportion_ci(0.995, "exact") if len(inside) else None
    return Overlap(
        len(correct),
        len(inside),
        _share(correct),
        _share(inside),
        clean,
        float(tested.pvalue) if tested else None,
        (float(found.low), float(found.high)) if found else None,
    )


def _share(correct: np.ndarray) -> float | None:
    return float(correct.mean()) if len(correct) else None
