"""Training and test images with their classes, as kNN and linear probes need them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.errors import InputError
from model_training.evaluation.classes import Classes
from model_training.evaluation.items import Item, decoded, read_items
from model_training.evaluation.kinds import Evaluation


@dataclass(frozen=True)
class Labelled:
    """Images of one split, and their classes (items,) int64."""

    items: tuple[Item, ...]
    labels: np.ndarray


def load_splits(evaluation: Evaluation, budget: int) -> tuple[Labelled, Labelled, Classes]:
    """Training images, test images and the classes: of the classes file, or the training images' labels.

    Raises InputError for an image without one label, a test label that training does not know, a single class, and
    training images that are among the test images byte for byte: a score would say nothing.
    """
    if not evaluation.train:
        raise InputError(
            f"evaluation {evaluation.name!r}: {evaluation.kind} has no training images", "add `train: eval/train.tar`"
        )
    test, budget = decoded(read_items(evaluation.data), budget)
    train, _ = decoded(read_items(evaluation.train, "`train` under `eval`", "train"), budget)
    _refuse_shared(train, test)
    classes = Classes.load(evaluation.classes) if evaluation.classes else Classes.of_labels(train)
    learnt = np.array([classes.number(item) for item in train])
    if len(np.unique(learnt)) < 2:
        raise InputError(f"evaluation {evaluation.name!r}: the training images are of one class", "give two or more")
    return Labelled(train, learnt), Labelled(test, np.array([classes.number(item) for item in test])), classes


def _refuse_shared(train: Sequence[Item], test: Sequence[Item]) -> None:
    known = {item.image: item.key for item in train}
    for item in test:
        if item.image in known:
            raise InputError(
                f"{item.key}: is also a training image: {known[item.image]}", "leave it out of `train` under `eval`"
            )
