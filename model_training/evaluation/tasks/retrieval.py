"""`kind: retrieval`: `data` has one or more captions for each image."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from curate.protocols import ImageTextEncoder
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Item, Room, bare, data_files, loaded, read_items
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.retrieval import captions, retrieval
from model_training.evaluation.tasks.task import BATCH, ROOM, Task


@dataclass(frozen=True)
class Retrieval(Task):
    items: Iterable[Item]

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "Retrieval":
        return cls(evaluation, load_captioned(evaluation, room))

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        return retrieval(model, self.items, batch=batch)


def load_captioned(evaluation: Evaluation, room: Room) -> Iterable[Item]:
    """Items that have captions. Raises InputError for one without, now and not when a model asks."""
    items, _ = loaded(partial(captioned, evaluation), data_files(evaluation.data), room)
    bare(items)
    return items


def captioned(evaluation: Evaluation) -> Iterator[Item]:
    """The items. Raises InputError for one without a caption or with a blank one."""
    for item in read_items(evaluation.data):
        captions(item)
        yield item
