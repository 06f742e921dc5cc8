"""`kind: zero_shot`: `data` has a `label` for each image, `classes` the names and templates.

Where `label` is a list, an image shows several classes: real_top1 and mean_average_precision are reported instead.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from curate.errors import InputError
from curate.protocols import ImageTextEncoder
from model_training.evaluation.classes import Classes
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, Room, bare, data_files, loaded, read_items
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.multi_label import multi_label_metrics
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.vectors import all_image_vectors, cosines
from model_training.evaluation.zero_shot import class_vectors, zero_shot


@dataclass(frozen=True)
class ZeroShot(Task):
    items: Iterable[Item]
    classes: Classes
    several: tuple[tuple[int, ...], ...] | None  # the classes that each image shows; None: one each

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "ZeroShot":
        if evaluation.classes is None:
            raise InputError(
                f"evaluation {evaluation.name!r}: zero_shot has no classes", "add `classes: eval/classes.yaml` to it"
            )
        classes = Classes.load(evaluation.classes)

        def checked() -> Iterator[Item]:
            for item in read_items(evaluation.data):
                classes.numbers(item)
                yield item

        items, _ = loaded(checked, data_files(evaluation.data), room)
        labels = bare(items)
        if any(isinstance(item.label, tuple) for item in labels):
            return cls(evaluation, items, classes, tuple(tuple(classes.numbers(item)) for item in labels))
        for item in labels:
            classes.number(item)
        return cls(evaluation, items, classes, None)

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        if self.several is None:
            return zero_shot(model, self.items, self.classes, batch)
        weights = class_vectors(model, self.classes, batch)
        similarity = cosines(all_image_vectors(model, self.items, batch), weights)
        return multi_label_metrics(similarity, self.several)
