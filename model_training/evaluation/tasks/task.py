"""What every kind of evaluation is: files that are read once, and numbers for each model that it judges."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from model_training.evaluation.hits import Metric
from model_training.evaluation.kinds import Evaluation

BATCH = 256  # images or texts at once
DECODED_BYTES = 1 << 30  # of pixels that a loaded evaluation holds, at Pillow's 4 bytes each


@dataclass(frozen=True)
class Task(ABC):
    """An evaluation in memory: its files were read once, whatever number of models it judges."""

    evaluation: Evaluation

    @classmethod
    @abstractmethod
    def load(cls, evaluation: Evaluation, budget: int = DECODED_BYTES) -> "Task":
        """Read the files, and check every label or caption before a model is asked.

        Images are decoded here until their pixels take `budget` bytes. Raises InputError for what cannot be used.
        """

    @abstractmethod
    def judge(self, model: Any, batch: int = BATCH) -> list[Metric]:
        """The metrics of a model that can what `kinds.NEEDS` says."""
