"""Mean average precision over classes, for images that show several (LAION-AI/CLIP_benchmark,
zeroshot_classification.py, after Pascal VOC 2007's set): per class, the mean of the precisions at each of its images.
"""

import numpy as np

from curate.errors import InputError


def mean_average_precision(scores: np.ndarray, shown: np.ndarray) -> float:
    """scores (images, classes) float, shown (images, classes) bool, to a number in [0, 1].

    Of equal scores the image with the lower number stands first. A class that no image shows is left out: there is
    nothing to be found (CLIP_benchmark counts it as 0). Raises InputError where nothing is shown at all.
    """
    if scores.shape != shown.shape or not np.isfinite(scores).all() or not shown.any():
        raise InputError(
            f"scores of shape {scores.shape} that are not finite, or no image with a label", "check the set and model"
        )
    order = np.argsort(-scores, axis=0, kind="stable")
    right = np.take_along_axis(shown, order, axis=0)
    precision = right.cumsum(axis=0) / np.arange(1, len(right) + 1)[:, None]
    counts = right.sum(axis=0)
    present = counts > 0
    return float(((precision * right).sum(axis=0)[present] / counts[present]).mean())
