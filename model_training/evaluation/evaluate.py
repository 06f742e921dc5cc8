"""An evaluation of the recipe, run on a model: the table of the kinds."""

import hashlib
from typing import Any

from curate.files import file_sha256
from model_training.evaluation.classes import Classes, class_files
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Room, data_files
from model_training.evaluation.kinds import Evaluation, Kind, refuse_unable
from model_training.evaluation.tasks.caption_choice import CaptionChoice
from model_training.evaluation.tasks.captioning import Captioning
from model_training.evaluation.tasks.knn import Knn
from model_training.evaluation.tasks.retrieval import Retrieval
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.tasks.winogavil import Winogavil
from model_training.evaluation.tasks.winoground import Winoground
from model_training.evaluation.tasks.zero_shot import ZeroShot

__all__ = ["Evaluation", "content", "evaluate", "load", "refuse_absent"]

HINT = "check `eval` in the recipe"
TRAIN = "`train` under `eval`"
TASKS: dict[Kind, type[Task]] = {
    "zero_shot": ZeroShot,
    "retrieval": Retrieval,
    "knn": Knn,
    "captioning": Captioning,
    "winoground": Winoground,
    "caption_choice": CaptionChoice,
    "winogavil": Winogavil,
}


def _task(kind: Kind) -> type[Task]:
    if kind == "linear_probe":  # the one kind that fits with torch, which takes seconds to load
        from model_training.evaluation.tasks.linear_probe import LinearProbe

        return LinearProbe
    return TASKS[kind]


def load(evaluation: Evaluation, room: Room = ROOM) -> Task:
    """Read an evaluation, and check every label or caption before a model is asked.

    Images are held and decoded here as far as there is room; those beyond are decoded when a model asks, and a set
    whose files are too large is read anew for each model. Raises InputError for what cannot be read or used.
    """
    return _task(evaluation.kind).load(evaluation, room)


def evaluate(model: Any, given: Evaluation | Task, batch: int = BATCH) -> list[Metric]:
    """The metrics of one model. To judge several, `load` the evaluation once and give what it returns.

    Raises InputError for a model that cannot what the kind asks (`kinds.NEEDS`), before a file is read.
    """
    refuse_unable(model, given.evaluation if isinstance(given, Task) else given)
    return (given if isinstance(given, Task) else load(given)).judge(model, batch)


def refuse_absent(evaluation: Evaluation) -> None:
    """Are the files there, and the classes readable? For the door: no image is read. Raises InputError."""
    data_files(evaluation.data)
    if evaluation.train:
        data_files(evaluation.train, TRAIN, "train")
    if evaluation.classes is not None:
        Classes.load(evaluation.classes)


def content(evaluation: Evaluation) -> str:
    """sha256 over what decides the metrics of a model: the content of the files, in their order, and the options.

    64 hex digits. Names and paths do not bear on it. Raises InputError for a file that is not there.
    """
    digest = hashlib.sha256()

    def add(what: str, value: object) -> None:
        digest.update(f"{what} {value}\n".encode())

    for path in data_files(evaluation.data):
        add("data", file_sha256(path, HINT))
    for path in class_files(evaluation.classes) if evaluation.classes is not None else ():
        add("classes", file_sha256(path, HINT))
    for path in data_files(evaluation.train, TRAIN, "train") if evaluation.train else ():
        add("train", file_sha256(path, HINT))
    for option in ("recipe", "ks", "per_class", "iterations"):
        if value := getattr(evaluation, option):
            add(option, value)
    return digest.hexdigest()
