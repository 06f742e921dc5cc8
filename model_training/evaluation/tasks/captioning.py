"""`kind: captioning`: `data` has one or more reference captions for each image; the model writes its own.

The draw for an image, where the model draws, is keyed by the sha256 of its bytes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from curate.protocols import Captioner
from model_training.evaluation.captioning import captioning
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, Room, batches
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.tasks.retrieval import load_captioned
from model_training.evaluation.tasks.task import BATCH, ROOM, Task


@dataclass(frozen=True)
class Captioning(Task):
    items: Iterable[Item]

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "Captioning":
        return cls(evaluation, load_captioned(evaluation, room))

    def judge(self, model: Captioner, batch: int = BATCH) -> list[Metric]:
        written: list[str] = []
        references: list[tuple[str, ...]] = []
        for part in batches(self.items, batch):
            written += model.caption([item.rgb() for item in part], [_uid(item) for item in part])
            references += [item.texts for item in part]
        return captioning(written, references)


def _uid(item: Item) -> str:
    return hashlib.sha256(item.image).hexdigest()[:32]
