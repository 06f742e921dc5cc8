"""`kind: retrieval`: `data` has one or more captions for each image."""

from collections.abc import Iterator
from dataclasses import dataclass

from curate.protocols import ImageTextEncoder
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, decoded, read_items
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.retrieval import captions, retrieval
from model_training.evaluation.tasks.task import BATCH, DECODED_BYTES, Task


@dataclass(frozen=True)
class Retrieval(Task):
    items: tuple[Item, ...]

    @classmethod
    def load(cls, evaluation: Evaluation, budget: int = DECODED_BYTES) -> "Retrieval":
        return cls(evaluation, decoded(captioned(evaluation), budget)[0])

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        return retrieval(model, self.items, batch=batch)


def captioned(evaluation: Evaluation) -> Iterator[Item]:
    """The items. Raises InputError for one without a caption or with a blank one."""
    for item in read_items(evaluation.data):
        captions(item)
        yield item
