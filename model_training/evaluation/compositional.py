"""Which caption belongs to which of two images: Winoground (Thrush et al., arXiv 2204.03162), and the single-image
choice of SugarCrepe (Hsieh et al., arXiv 2306.14610). A tie is wrong: a model that sees no difference knows none.
"""

import numpy as np

from curate.errors import InputError
from model_training.evaluation.hits import Metric, metric


def winoground(similarity: np.ndarray) -> list[Metric]:
    """text, image and group score of (items, 2 images, 2 captions) float: caption i belongs to image i.

    text    each image prefers its own caption (chance 1/4)
    image   each caption prefers its own image (chance 1/4)
    group   both (chance 1/6)
    """
    s = _finite(similarity)
    if s.ndim != 3 or s.shape[1:] != (2, 2):
        raise InputError(f"similarities of shape {s.shape}", "Winoground has two images and two captions for each item")
    text = (s[:, 0, 0] > s[:, 0, 1]) & (s[:, 1, 1] > s[:, 1, 0])
    image = (s[:, 0, 0] > s[:, 1, 0]) & (s[:, 1, 1] > s[:, 0, 1])
    return [metric("text_score", text), metric("image_score", image), metric("group_score", text & image)]


def caption_choice(similarity: np.ndarray) -> Metric:
    """The share of images that prefer their caption to every hard negative: (items, captions), the right one first."""
    s = _finite(similarity)
    if s.ndim != 2 or s.shape[1] < 2:
        raise InputError(f"similarities of shape {s.shape}", "give the right caption and at least one wrong one")
    return metric("caption_choice", s[:, 0] > s[:, 1:].max(axis=1))


def _finite(similarity: np.ndarray) -> np.ndarray:
    found = np.asarray(similarity)
    if not len(found) or not np.isfinite(found).all():
        raise InputError("there are no similarities, or some are not finite", "check the model's weights")
    return found
