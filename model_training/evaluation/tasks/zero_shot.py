"""`kind: zero_shot`: `data` has a `label` for each image, `classes` the names and templates.

Where `label` is a list, an image shows several classes: real_top1 and mean_average_precision are reported instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from curate.errors import InputError
from curate.protocols import ImageTextEncoder
from model_training.evaluation.classes import Classes
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, decoded, read_items
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.multi_label import multi_label_metrics
from model_training.evaluation.tasks.task import BATCH, DECODED_BYTES, Task
from model_training.evaluation.vectors import all_image_vectors, cosines
from model_training.evaluation.zero_shot import class_vectors, zero_shot


@dataclass(frozen=True)
class ZeroShot(Task):
    items: tuple[Item, ...]
    classes: Classes

    @classmethod
    def load(cls, evaluation: Evaluation, budget: int = DECODED_BYTES) -> "ZeroShot":
        if evaluation.classes is None:
            raise InputError(
                f"evaluation {evaluation.name!r}: zero_shot has no classes", "add `classes: eval/classes.yaml` to it"
            )
        classes = Classes.load(evaluation.classes)

        def checked() -> Iterator[Item]:
            for item in read_items(evaluation.data):
                classes.numbers(item)
                yield item

        items, _ = decoded(checked(), budget)
        if not _several(items):
            for item in items:
                classes.number(item)
        return cls(evaluation, items, classes)

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        if not _several(self.items):
            return zero_shot(model, self.items, self.classes, batch)
        weights = class_vectors(model, self.classes, batch)
        similarity = cosines(all_image_vectors(model, self.items, batch), weights)
        return multi_label_metrics(similarity, [self.classes.numbers(item) for item in self.items])


def _several(items: tuple[Item, ...]) -> bool:
    return any(isinstance(item.label, tuple) for item in items)
