"""`kind: winogavil`: a Parquet with columns cue (a text), images or candidates (a list of image bytes) and
associations (a list of the numbers, from 0, of the images that the cue goes with).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from curate.errors import InputError
from curate.protocols import ImageTextEncoder
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, Room, bare, data_files, loaded
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.rows import image, read_rows, text
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.vectors import all_image_vectors, cosines, text_vectors
from model_training.evaluation.winogavil import prompt, winogavil

CUE, IMAGES, CANDIDATES, ASSOCIATIONS = "cue", "images", "candidates", "associations"


@dataclass(frozen=True)
class Winogavil(Task):
    cues: tuple[str, ...]  # as prompts
    images: Iterable[Item]  # of all items, one after the other
    meant: tuple[np.ndarray, ...]  # (candidates,) bool, for each item

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "Winogavil":
        cues: list[str] = []
        meant: list[np.ndarray] = []
        for place, row in read_rows(evaluation.data, (CUE, ASSOCIATIONS), (IMAGES, CANDIDATES)):
            cues.append(prompt(text(row[CUE], f"{place}: {CUE}")))
            meant.append(_meant(row[ASSOCIATIONS], len(_candidates(row)), place))
        images, _ = loaded(partial(_images, evaluation), data_files(evaluation.data), room)
        bare(images)  # refuses what is no image, now and not when a model asks
        return cls(evaluation, tuple(cues), images, tuple(meant))

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        cues, images = text_vectors(model, self.cues, batch), all_image_vectors(model, self.images, batch)
        ends = np.cumsum([len(own) for own in self.meant])[:-1]
        similarity = [cosines(cues[i : i + 1], own)[0] for i, own in enumerate(np.split(images, ends))]
        return winogavil(similarity, self.meant)


def _images(evaluation: Evaluation) -> Iterator[Item]:
    for place, row in read_rows(evaluation.data, (), (IMAGES, CANDIDATES)):
        for i, one in enumerate(_candidates(row)):
            yield image(one, f"{place}: image {i}")


def _candidates(row: dict[str, Any]) -> list[Any]:
    return _listed(row.get(IMAGES, row.get(CANDIDATES)))


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _meant(numbers: Any, candidates: int, place: str) -> np.ndarray:
    listed = _listed(numbers)
    if not listed or not all(type(one) is int and 0 <= one < candidates for one in listed):  # True is an int too
        raise InputError(
            f"{place}: {ASSOCIATIONS} is {numbers!r}, and there are {candidates} images",
            f"list the images' bytes as `{IMAGES}`, and in `{ASSOCIATIONS}` the numbers from 0 of those that are meant",
        )
    found = np.zeros(candidates, bool)
    found[listed] = True
    return found
