"""`kind: winoground`: a Parquet with columns image_0, image_1 (bytes) and caption_0, caption_1, as Hugging Face's
facebook/winoground has them. Caption i belongs to image i.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from curate.protocols import ImageTextEncoder
from model_training.evaluation.compositional import winoground
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, Room, bare, data_files, loaded
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.rows import image, read_rows, text
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.vectors import all_image_vectors, cosines, text_vectors

IMAGES, CAPTIONS = ("image_0", "image_1"), ("caption_0", "caption_1")


@dataclass(frozen=True)
class Winoground(Task):
    images: Iterable[Item]  # two and two
    captions: tuple[str, ...]

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "Winoground":
        rows = read_rows(evaluation.data, CAPTIONS)
        captions = tuple(text(row[name], f"{place}: {name}") for place, row in rows for name in CAPTIONS)
        images, _ = loaded(partial(_images, evaluation), data_files(evaluation.data), room)
        bare(images)  # refuses what is no image, now and not when a model asks
        return cls(evaluation, images, captions)

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        images, texts = all_image_vectors(model, self.images, batch), text_vectors(model, self.captions, batch)
        pairs = [cosines(images[i : i + 2], texts[i : i + 2]) for i in range(0, len(images), 2)]
        return winoground(np.stack(pairs))


def _images(evaluation: Evaluation) -> Iterator[Item]:
    for place, row in read_rows(evaluation.data, IMAGES):
        for name in IMAGES:
            yield image(row[name], f"{place}: {name}")
