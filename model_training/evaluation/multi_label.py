"""Zero-shot classification of images that show several classes: ReaL accuracy and mean average precision."""

from collections.abc import Sequence

import numpy as np

from model_training.evaluation.hits import Metric
from model_training.evaluation.mean_average_precision import mean_average_precision
from model_training.evaluation.real_labels import real_accuracy


def multi_label_metrics(similarity: np.ndarray, labels: Sequence[Sequence[int]]) -> list[Metric]:
    """real_top1, and mean_average_precision (without hits: it is no mean over images).

    similarity (images, classes) float, finite; the classes of each image. Images without any are skipped. Of classes
    that are equally similar the one with the lower number is predicted.
    """
    known = [number for number, own in enumerate(labels) if own]
    top1 = real_accuracy(similarity.argmax(axis=1), labels)
    shown = np.zeros((len(known), similarity.shape[1]), bool)
    for row, number in enumerate(known):
        shown[row, list(labels[number])] = True
    return [
        top1, Metric("mean_average_precision", mean_average_precision(similarity[known], shown), len(known)),
    ]  # fmt: skip
