"""Weighted k-nearest-neighbour classification of frozen features (Wu et al., Unsupervised Feature Learning via
Non-Parametric Instance Discrimination, arXiv 1805.01978, section 3.4), as facebookresearch/dinov2 runs it
(dinov2/eval/knn.py): the classes of the k nearest training images, weighted by softmax(cosine / 0.07).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from curate.errors import InputError
from curate.uid import draw_int
from model_training.evaluation.hits import Metric
from model_training.evaluation.ranking import rank_of
from model_training.evaluation.vectors import cosines, unit
from model_training.evaluation.zero_shot import classification_metrics

KS = (10, 20, 100, 200)
TEMPERATURE = 0.07
BLOCK = 4_000_000  # similarities held at a time
QUERIES = 64  # at a time, however many training images there are: the product of fewer is no faster


def nearest(similarity: np.ndarray, k: int) -> np.ndarray:
    """The k most similar candidates of every query, the most similar first: (queries, candidates) to (queries, k).

    Of equally similar candidates the one with the lower number stands before.
    """
    if not np.isfinite(similarity).all():
        raise InputError("similarities that are not finite cannot be ranked", "check the model's weights")
    place = similarity.shape[1] - k
    least = np.partition(similarity, place, axis=1)[:, place]
    found = np.empty((len(similarity), k), np.int64)
    for number, row in enumerate(similarity):
        near = np.flatnonzero(row >= least[number])
        found[number] = near[np.argsort(-row[near], kind="stable")[:k]]
    return found


def weights(similarity: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """softmax(similarity / temperature) over the last axis: (queries, k) float to float64.

    Taken once over the largest k, and cut to the first of them for a smaller one: they need not add up to 1 then,
    which changes no rank.
    """
    exact = np.asarray(similarity, np.float64)
    grown = np.exp((exact - exact.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))


def class_scores(weight: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The sum of the neighbours' weights by class: (queries, k) float and int to (queries, classes) float64."""
    own = np.arange(len(weight))[:, None] * classes + labels
    return np.bincount(own.ravel(), weights=weight.ravel(), minlength=len(weight) * classes).reshape(-1, classes)


def knn(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    classes: int,
    ks: Sequence[int] = KS,
    temperature: float = TEMPERATURE,
) -> dict[int, list[Metric]]:
    """For every k: top1, top5 (with 5 classes or more) and mean_per_class_recall of the test images.

    train (n, dim) and test (m, dim) are features of any length; train_labels (n,) and test_labels (m,) are classes
    from 0. A k beyond the number of training images is left out. Raises InputError where none is left, and for
    features without direction.
    """
    asked = sorted({k for k in ks if 1 <= k <= len(train)})
    if not asked:
        raise InputError(f"no k of {list(ks)} is within the {len(train)} training images", "give a smaller k")
    bank, queries = unit(train, "training features").astype(np.float64), unit(test, "test features")
    ranks: dict[int, list[np.ndarray]] = {k: [] for k in asked}
    for part in _blocks(len(queries), max(QUERIES, BLOCK // len(bank))):
        similarity = cosines(queries[part], bank)
        near = nearest(similarity, asked[-1])
        weight = weights(np.take_along_axis(similarity, near, axis=1), temperature)
        for k in asked:
            scores = class_scores(weight[:, :k], train_labels[near[:, :k]], classes)
            ranks[k].append(rank_of(scores, test_labels[part]))
    return {k: classification_metrics(np.concatenate(found), test_labels, classes) for k, found in ranks.items()}


def few_shot(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """The numbers of `per_class` training images of every class, sorted; several seeds are to be averaged.

    labels (n,) int. Raises InputError for a class with fewer images: its score would be of another task.
    """
    rng = np.random.default_rng(draw_int(seed, str(per_class), "few_shot"))
    found = []
    for own in np.unique(labels):
        members = np.flatnonzero(labels == own)
        if len(members) < per_class:
            raise InputError(f"class {own} has {len(members)} of {per_class} images", "draw fewer for each class")
        found.append(rng.choice(members, per_class, replace=False))
    return np.sort(np.concatenate(found))


def _blocks(count: int, rows: int) -> Iterator[slice]:
    return (slice(start, start + rows) for start in range(0, count, rows))
