"""What every kind of evaluation is: files that are read once, and numbers for each model that it judges."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from model_training.evaluation.hits import Metric
from model_training.evaluation.items import Room
from model_training.evaluation.kinds import Evaluation

BATCH = 256  # images or texts at once
ROOM = Room()


@dataclass(frozen=True)
class Task(ABC):
    """An evaluation that is loaded: what fits in memory is read once, whatever number of models it judges."""

    evaluation: Evaluation

    @classmethod
    @abstractmethod
    def load(cls, evaluation: Evaluation, room: Room = ROOM) -> "Task":
        """Read the files, and check every label or caption before a model is asked.

        Images are held and decoded here as far as there is room. Raises InputError for what cannot be used.
        """

    @abstractmethod
    def judge(self, model: Any, batch: int = BATCH) -> list[Metric]:
        """The metrics of a model that can what `kinds.NEEDS` says."""
