"""Zero-shot classification with prompt ensembles (CLIP, arXiv 2103.00020, section 3.1).

A class is the mean of its prompts' unit vectors, made a unit vector again; an image belongs to the class with
the largest cosine. As open_clip's src/open_clip/zero_shot_classifier.py and LAION-AI/CLIP_benchmark compute it;
their logits are 100 times the cosines, which changes no rank.
"""

from collections.abc import Iterable

import numpy as np

from curate.protocols import ImageTextEncoder
from model_training.evaluation.classes import Classes
from model_training.evaluation.hits import Metric, metric
from model_training.evaluation.items import Item, batches
from model_training.evaluation.ranking import rank_of
from model_training.evaluation.vectors import cosines, image_vectors, text_vectors, unit

BATCH = 256
TOP_5 = 5


def class_vectors(encoder: ImageTextEncoder, classes: Classes, batch: int = BATCH) -> np.ndarray:
    """(classes, dim) float32, unit. `batch` prompts are encoded in a call."""
    together = max(1, batch // len(classes.templates))
    found = []
    for start in range(0, len(classes.classes), together):
        names = classes.classes[start : start + together]
        prompts = [prompt for name in names for prompt in classes.prompts(name)]
        # Each prompt counts alike: without this first normalisation a long vector would decide for its class.
        vectors = text_vectors(encoder, prompts, batch)
        means = vectors.reshape(len(names), len(classes.templates), -1).mean(axis=1, dtype=np.float64)
        found.append(unit(means, f"class {names[0]!r} and those after it"))
    return np.concatenate(found)


def zero_shot(encoder: ImageTextEncoder, items: Iterable[Item], classes: Classes, batch: int = BATCH) -> list[Metric]:
    """top1, top5 (where there are 5 classes or more) and mean_per_class_recall.

    Of classes with equal cosines the one with the lower number wins. Raises InputError for a damaged image, a
    label that is not among the classes, and vectors that are not finite. Holds one batch of images at a time.
    """
    weights = class_vectors(encoder, classes, batch)
    labels, ranks = [], []
    for part in batches(items, batch):
        own = np.array([classes.number(item) for item in part])
        labels.append(own)
        ranks.append(rank_of(cosines(image_vectors(encoder, part), weights), own))
    return classification_metrics(np.concatenate(ranks), np.concatenate(labels), len(classes.classes))


def classification_metrics(ranks: np.ndarray, labels: np.ndarray, classes: int) -> list[Metric]:
    """The metrics from each item's rank of its own class (0 is first) and the class: both (items,) int.

    Recall is the mean over the classes that have items; for a class without items there is none to be measured.
    """
    found = [metric("top1", ranks < 1)]
    if classes >= TOP_5:
        found.append(metric("top5", ranks < TOP_5))
    counts = np.bincount(labels, minlength=classes)
    present = counts > 0
    right = np.bincount(labels, weights=ranks < 1, minlength=classes)
    value = float((right[present] / counts[present]).mean())
    weights = len(labels) / (present.sum() * counts[labels])
    return [*found, Metric("mean_per_class_recall", value, len(labels), ((ranks < 1) * weights).astype(np.float32))]
