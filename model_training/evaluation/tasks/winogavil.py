"""`kind: winogavil`: a Parquet with columns cue (a text), images or candidates (a list of image bytes) and
associations (a list of the numbers, from 0, of the images that the cue goes with).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.errors import InputError
from curate.protocols import ImageTextEncoder
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, decoded
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.rows import image, read_rows, text
from model_training.evaluation.tasks.task import BATCH, DECODED_BYTES, Task
from model_training.evaluation.vectors import all_image_vectors, cosines, text_vectors
from model_training.evaluation.winogavil import prompt, winogavil

CUE, IMAGES, CANDIDATES, ASSOCIATIONS = "cue", "images", "candidates", "associations"


@dataclass(frozen=True)
class Winogavil(Task):
    cues: tuple[str, ...]  # as prompts
    images: tuple[Item, ...]  # of all items, one after the other
    meant: tuple[np.ndarray, ...]  # (candidates,) bool, for each item

    @classmethod
    def load(cls, evaluation: Evaluation, budget: int = DECODED_BYTES) -> "Winogavil":
        cues: list[str] = []
        images: list[Item] = []
        meant: list[np.ndarray] = []
        for place, row in read_rows(evaluation.data, (CUE, ASSOCIATIONS)):
            given = row.get(IMAGES, row.get(CANDIDATES)) or []
            found, budget = decoded([image(one, f"{place}: image {i}") for i, one in enumerate(given)], budget)
            cues.append(prompt(text(row[CUE], f"{place}: {CUE}")))
            images += found
            meant.append(_meant(row[ASSOCIATIONS], len(found), place))
        return cls(evaluation, tuple(cues), tuple(images), tuple(meant))

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        cues, images = text_vectors(model, self.cues, batch), all_image_vectors(model, self.images, batch)
        ends = np.cumsum([len(own) for own in self.meant])[:-1]
        similarity = [cosines(cues[i : i + 1], own)[0] for i, own in enumerate(np.split(images, ends))]
        return winogavil(similarity, self.meant)


def _meant(numbers: Any, candidates: int, place: str) -> np.ndarray:
    listed = numbers if isinstance(numbers, list) else []
    if not listed or not all(isinstance(one, int) and 0 <= one < candidates for one in listed):
        raise InputError(
            f"{place}: {ASSOCIATIONS} is {numbers!r}, and there are {candidates} images",
            f"list the images' bytes as `{IMAGES}`, and in `{ASSOCIATIONS}` the numbers from 0 of those that are meant",
        )
    found = np.zeros(candidates, bool)
    found[listed] = True
    return found
