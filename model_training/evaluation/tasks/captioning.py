"""`kind: captioning`: `data` has one or more reference captions for each image; the model writes its own.

The draw for an image, where the model draws, is keyed by the sha256 of its bytes.
"""

import hashlib
from dataclasses import dataclass

from curate.protocols import Captioner
from model_training.evaluation.captioning import captioning
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, batches, decoded
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.tasks.retrieval import captioned
from model_training.evaluation.tasks.task import BATCH, DECODED_BYTES, Task


@dataclass(frozen=True)
class Captioning(Task):
    items: tuple[Item, ...]

    @classmethod
    def load(cls, evaluation: Evaluation, budget: int = DECODED_BYTES) -> "Captioning":
        return cls(evaluation, decoded(captioned(evaluation), budget)[0])

    def judge(self, model: Captioner, batch: int = BATCH) -> list[Metric]:
        written: list[str] = []
        for part in batches(self.items, batch):
            written += model.caption([item.rgb() for item in part], [_uid(item) for item in part])
        return captioning(written, [item.texts for item in self.items])


def _uid(item: Item) -> str:
    return hashlib.sha256(item.image).hexdigest()[:32]
