"""`kind: knn`: which class do the nearest training images have? `train` and `data` have a `label` for each image.

With `per_class: n`, it is learnt from n training images of each class, drawn with five seeds; metrics and hits are
the means over the draws. Metrics are named knn20_top1 and so on.
"""

from dataclasses import dataclass

import numpy as np

from curate.protocols import ImageEncoder
from model_training.evaluation.classes import Classes
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Room
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.knn import KS, few_shot, knn
from model_training.evaluation.tasks.labelled import Labelled, load_splits
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.vectors import all_image_vectors

DRAWS = 5


@dataclass(frozen=True)
class Knn(Task):
    train: Labelled
    test: Labelled
    classes: Classes

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "Knn":
        return cls(evaluation, *load_splits(evaluation, room))

    def judge(self, model: ImageEncoder, batch: int = BATCH) -> list[Metric]:
        bank, queries = (all_image_vectors(model, split.items, batch) for split in (self.train, self.test))
        tries = [self._judged(bank, queries, own) for own in self._drawn()]
        return [_mean(list(same)) for same in zip(*tries, strict=True)]

    def _drawn(self) -> list[np.ndarray]:
        each = self.evaluation.per_class
        if each is None:
            return [np.arange(len(self.train.labels))]
        return [few_shot(self.train.labels, each, seed) for seed in range(DRAWS)]

    def _judged(self, bank: np.ndarray, queries: np.ndarray, own: np.ndarray) -> list[Metric]:
        ks, classes = self.evaluation.ks or KS, len(self.classes.classes)
        found = knn(bank[own], self.train.labels[own], queries, self.test.labels, classes, ks)
        return [Metric(f"knn{k}_{m.name}", m.value, m.n, m.hits) for k, metrics in found.items() for m in metrics]


def _mean(same: list[Metric]) -> Metric:
    hits = np.stack([m.hits for m in same if m.hits is not None]).mean(axis=0, dtype=np.float64)
    return Metric(same[0].name, float(np.mean([m.value for m in same])), same[0].n, hits.astype(np.float32))
