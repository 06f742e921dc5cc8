"""Training and test images with their classes, as kNN and linear probes need them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from curate.errors import InputError
from model_training.evaluation.classes import Classes
from model_training.evaluation.items import Item, Room, bare, data_files, loaded, read_items
from model_training.evaluation.kinds import Evaluation

TRAIN = "`train` under `eval`"


@dataclass(frozen=True)
class Labelled:
    """Images of one split, and their classes (items,) int64."""

    items: Iterable[Item]
    labels: np.ndarray


def load_splits(evaluation: Evaluation, room: Room) -> tuple[Labelled, Labelled, Classes]:
    """Training images, test images and the classes: of the classes file, or the training images' labels.

    A split for whose files there is no room stays on disk. Raises InputError for an image without one label, a test
    label that training does not know, training images of a single class, and a file that is in both splits.
    """
    if not evaluation.train:
        raise InputError(
            f"evaluation {evaluation.name!r}: {evaluation.kind} has no training images", "add `train: eval/train.tar`"
        )
    tested, learnt = data_files(evaluation.data), data_files(evaluation.train, TRAIN, "train")
    _refuse_shared(tested, learnt)
    test, room = loaded(partial(read_items, evaluation.data, split="test"), tested, room)
    train, _ = loaded(partial(read_items, evaluation.train, split="train"), learnt, room)
    known = bare(train)
    classes = Classes.load(evaluation.classes) if evaluation.classes else Classes.of_labels(known)
    labels = np.array([classes.number(item) for item in known])
    if len(np.unique(labels)) < 2:
        raise InputError(f"evaluation {evaluation.name!r}: the training images are of one class", "give two or more")
    asked = np.array([classes.number(item) for item in bare(test)])
    return Labelled(train, labels), Labelled(test, asked), classes


def _refuse_shared(tested: list[str], learnt: list[str]) -> None:
    known = set(map(os.path.realpath, learnt))
    for path in tested:
        if os.path.realpath(path) in known:
            raise InputError(f"{path}: is also among the training images", "name other files in `train` under `eval`")
