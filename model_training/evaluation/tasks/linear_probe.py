"""`kind: linear_probe`: how well does a line read the classes? `train` and `data` have a `label` for each image.

Five published recipes; a tenth of the training images, drawn by a fixed seed, chooses where one is chosen:

    clip, dinov2_logistic   L-BFGS (`linear_probe`)
    clip_benchmark          AdamW, over weight decays (`adamw_probe`)
    datacomp                AdamW from the class names' vectors: needs `classes`, and a model that encodes texts
    dinov2_linear           SGD, over heads and learning rates (`dinov2_linear`)

Features are the unit vectors that a model gives: of a CLIP after its projection (CLIP's own recipe reads what is
before it). Of a model that shows its blocks, dinov2_linear reads those, 52 heads; of any other the one vector, so
that only the 13 learning rates are left.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from curate.errors import InputError
from model_training.evaluation.adamw_probe import (
    CLIP_BENCHMARK,
    DATACOMP,
    Budget,
    clip_benchmark_probe,
    datacomp_probe,
)
from model_training.evaluation.block_features import block_features, shows_blocks
from model_training.evaluation.classes import Classes
from model_training.evaluation.dinov2_linear import ITERATIONS as SGD_ITERATIONS
from model_training.evaluation.dinov2_linear import Input, dinov2_linear
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Room
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.linear_probe import clip_search, dinov2_search, held_out, linear_probe
from model_training.evaluation.logistic_regression import ITERATIONS
from model_training.evaluation.tasks.labelled import Labelled, load_splits
from model_training.evaluation.tasks.task import BATCH, ROOM, Task
from model_training.evaluation.vectors import all_image_vectors
from model_training.evaluation.zero_shot import class_vectors
from model_training.libraries import torch

SEED = 0  # of the split: all models are chosen by the same images
SEARCHES = {"clip": clip_search, "dinov2_logistic": dinov2_search}


@dataclass(frozen=True)
class LinearProbe(Task):
    train: Labelled
    test: Labelled
    classes: Classes

    @classmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "LinearProbe":
        if evaluation.recipe == "datacomp" and evaluation.classes is None:
            raise InputError(
                f"evaluation {evaluation.name!r}: datacomp's linear probe begins at the class names' vectors",
                "add `classes: eval/classes.yaml` to it, or take another `recipe`",
            )
        return cls(evaluation, *load_splits(evaluation, room))

    def judge(self, model: Any, batch: int = BATCH) -> list[Metric]:
        with one_thread():
            return self._judged(model, batch)

    def _judged(self, model: Any, batch: int) -> list[Metric]:
        recipe, labels = self.evaluation.recipe or "clip", self.train.labels
        if recipe == "dinov2_linear":
            return self._heads(model, batch)
        features = all_image_vectors(model, self.train.items, batch)
        validation, classes = held_out(len(labels), SEED), len(self.classes.classes)
        if recipe == "clip_benchmark":
            probe = clip_benchmark_probe(features, labels, validation, classes, self._budget(CLIP_BENCHMARK))
        elif recipe == "datacomp":
            start = class_vectors(model, self.classes, batch)
            probe = datacomp_probe(features, labels, start, self._budget(DATACOMP))
        else:
            iterations = self.evaluation.iterations or ITERATIONS
            probe = linear_probe(features, labels, validation, classes, SEARCHES[recipe], iterations)
        return probe.metrics(all_image_vectors(model, self.test.items, batch), self.test.labels)

    def _heads(self, model: Any, batch: int) -> list[Metric]:
        train, test = (self._inputs(model, split, batch) for split in (self.train, self.test))
        given, probe = dinov2_linear(
            train,
            self.train.labels,
            held_out(len(self.train.labels), SEED),
            len(self.classes.classes),
            self.evaluation.iterations or SGD_ITERATIONS,
        )
        return probe.metrics(test[given], self.test.labels)

    def _inputs(self, model: Any, split: Labelled, batch: int) -> dict[Input, np.ndarray]:
        if shows_blocks(model):
            return block_features(model, split.items, batch)
        return {Input(1, False): all_image_vectors(model, split.items, batch)}

    def _budget(self, published: Budget) -> Budget:
        return replace(published, epochs=self.evaluation.iterations or published.epochs)


@contextmanager
def one_thread() -> Iterator[None]:
    """Threads wait for one another longer than problems of this size take; and one gives the same sums anywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
