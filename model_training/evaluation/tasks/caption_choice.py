"""`kind: caption_choice`: does an image prefer its caption to hard negatives? (SugarCrepe, arXiv 2306.14610)

`data` has for each image its captions, the right one first (an image table's list, a tar's lines). Or a Parquet has
the columns jpg, caption and negative_caption, the last one a text or a list of them. Images may differ in the number
of wrong captions.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from curate import schema as c
from curate.errors import InputError
from curate.protocols import ImageTextEncoder
from model_training.evaluation.compositional import caption_choice
from model_training.evaluation.hits import Metric
from model_training.evaluation.image_table import IMAGE, opened
from model_training.evaluation.items import Item, Room, bare, batches, data_files, loaded, read_items
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.rows import image, read_rows, text
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.vectors import image_vectors, text_vectors

NEGATIVE = "negative_caption"


@dataclass(frozen=True)
class CaptionChoice(Task):
    items: Iterable[Item]  # `texts`: the right one first

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "CaptionChoice":
        items, _ = loaded(partial(_items, evaluation), data_files(evaluation.data), room)
        bare(items)  # refuses what is no choice, now and not when a model asks
        return cls(evaluation, items)

    def judge(self, model: ImageTextEncoder, batch: int = BATCH) -> list[Metric]:
        vectors: list[np.ndarray] = []
        asked: list[tuple[str, ...]] = []
        for part in batches(self.items, batch):
            vectors.append(image_vectors(model, part))
            asked += [item.texts for item in part]
        images, counts = np.concatenate(vectors).astype(np.float64), [len(own) for own in asked]
        texts = text_vectors(model, [text for own in asked for text in own], batch)
        similarity = (texts * np.repeat(images, counts, axis=0)).sum(axis=1).astype(np.float32)
        found = np.full((len(images), max(counts)), -2.0, np.float32)  # less than any cosine: no caption is there
        found[np.arange(max(counts)) < np.array(counts)[:, None]] = similarity
        return [caption_choice(found)]


def _items(evaluation: Evaluation) -> Iterator[Item]:
    for path in data_files(evaluation.data):
        for item in _with_negatives(path) if _has_negatives(path) else read_items((path,)):
            if len(item.texts) < 2 or not all(one.strip() for one in item.texts):
                raise InputError(
                    f"{item.key}: has not two captions or more, or a blank one",
                    f"list the right caption first and the wrong ones after it, or add a column {NEGATIVE}",
                )
            yield item


def _has_negatives(path: str) -> bool:
    if os.path.splitext(path)[1] != ".parquet":
        return False
    with opened(path) as file:
        return NEGATIVE in file.schema_arrow.names


def _with_negatives(path: str) -> Iterator[Item]:
    for place, row in read_rows((path,), (IMAGE, c.CAPTION, NEGATIVE)):
        wrong: Any = row[NEGATIVE]
        texts = [text(row[c.CAPTION], f"{place}: {c.CAPTION}")]
        texts += [text(one, f"{place}: {NEGATIVE}") for one in (wrong if isinstance(wrong, list) else [wrong])]
        yield Item(place, image(row[IMAGE], place).image, tuple(texts), None)
