"""`kind: winoground`: a Parquet with columns image_0, image_1 (bytes) and caption_0, caption_1, as Hugging Face's
facebook/winoground has them. Caption i belongs to image i.
"""

from dataclasses import dataclass

import numpy as np

from curate.protocols import ImageTextEncoder
from model_training.evaluation.compositional import winoground
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, decoded
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.rows import image, read_rows, text
from model_training.evaluation.tasks.task import BATCH, DECODED_BYTES, Task
from model_training.evaluation.vectors import all_image_vectors, cosines, text_vectors

IMAGES, CAPTIONS = ("image_0", "image_1"), ("caption_0", "caption_1")


@dataclass(frozen=True)
class Winoground(Task):
    images: tuple[Item, ...]  # two and two
    captions: tuple[str, ...]

    @classmethod
    def load(cls, evaluation: Evaluation, budget: int = DECODED_BYTES) -> "Winoground":
        images: list[Item] = []
        captions: list[str] = []
        for place, row in read_rows(evaluation.data, (*IMAGES, *CAPTIONS)):
            found, budget = decoded([image(row[name], f"{place}: {name}") for name in IMAGES], budget)
            images += found
            captions += [text(row[name], f"{place}: {name}") for name in CAPTIONS]
        return cls(evaluation, tuple(images), tuple(captions))

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        images, texts = all_image_vectors(model, self.images, batch), text_vectors(model, self.captions, batch)
        pairs = [cosines(images[i : i + 2], texts[i : i + 2]) for i in range(0, len(images), 2)]
        return winoground(np.stack(pairs))
