"""Training and test images with their classes, as kNN and linear probes need them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from curate.errors import InputError
from model_training.evaluation.classes import Classes
from model_training.evaluation.items import Item, OnDisk, data_files, decoded, read_items
from model_training.evaluation.kinds import Evaluation

HELD_BYTES = 2 << 30  # of files: the images of a larger split are read anew for each model
TRAIN = "`train` under `eval`"


@dataclass(frozen=True)
class Labelled:
    """Images of one split, and their classes (items,) int64."""

    items: Iterable[Item]
    labels: np.ndarray


def load_splits(evaluation: Evaluation, budget: int, held: int = HELD_BYTES) -> tuple[Labelled, Labelled, Classes]:
    """Training images, test images and the classes: of the classes file, or the training images' labels.

    A split whose files are larger than `held` bytes stays on disk. Raises InputError for an image without one label, a
    test label that training does not know, training images of a single class, and a file that is in both splits.
    """
    if not evaluation.train:
        raise InputError(
            f"evaluation {evaluation.name!r}: {evaluation.kind} has no training images", "add `train: eval/train.tar`"
        )
    tested, learnt = data_files(evaluation.data), data_files(evaluation.train, TRAIN, "train")
    _refuse_shared(tested, learnt)
    test, budget = _split(evaluation.data, "test", tested, budget, held)
    train, _ = _split(evaluation.train, "train", learnt, budget, held)
    known = _bare(train)
    classes = Classes.load(evaluation.classes) if evaluation.classes else Classes.of_labels(known)
    labels = np.array([classes.number(item) for item in known])
    if len(np.unique(labels)) < 2:
        raise InputError(f"evaluation {evaluation.name!r}: the training images are of one class", "give two or more")
    asked = np.array([classes.number(item) for item in _bare(test)])
    return Labelled(train, labels), Labelled(test, asked), classes


def _split(places: tuple[str, ...], name: str, files: list[str], budget: int, held: int) -> tuple[Iterable[Item], int]:
    if sum(map(os.path.getsize, files)) > held:
        return OnDisk(places, name), budget
    return decoded(read_items(places, split=name), budget)


def _bare(items: Iterable[Item]) -> list[Item]:
    """Their places and labels, without bytes and pixels."""
    return [Item(item.key, b"", (), item.label) for item in items]


def _refuse_shared(tested: list[str], learnt: list[str]) -> None:
    known = set(map(os.path.realpath, learnt))
    for path in tested:
        if os.path.realpath(path) in known:
            raise InputError(f"{path}: is also among the training images", "name other files in `train` under `eval`")
