"""Accuracy where an image may show several classes, with ReaL's reassessed labels (Beyer et al., Are we done with
ImageNet?, arXiv 2006.07159): a prediction is right if it is among the image's labels; an image without any is
skipped.
"""

from collections.abc import Collection, Sequence

import numpy as np

from curate.errors import InputError
from model_training.evaluation.hits import Metric, metric


def real_accuracy(predicted: np.ndarray, labels: Sequence[Collection[int]]) -> Metric:
    """predicted (images,) int, and the labels of each image. `n` counts the images that have labels.

    Raises InputError where no image has, and for lists of different length.
    """
    if len(predicted) != len(labels) or not any(labels):
        raise InputError(f"{len(predicted)} predictions and {len(labels)} label lists, or no label", "check the labels")
    hits = [int(p) in own for p, own in zip(predicted, labels, strict=True) if own]
    return metric("real_top1", np.array(hits))
