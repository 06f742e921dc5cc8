"""DINO: self-distillation with no labels (arXiv 2104.14294)."""

from typing import Any

from model_training.libraries import torch
from model_training.losses.dino import Centre, dino_loss
from model_training.trainers.objective import Inputs
from model_training.trainers.plan import Plan
from model_training.trainers.self_distillation import SelfDistillation, by_row, class_tokens, tokens


class Dino(SelfDistillation):
    """The centre is of all workers' rows; the loss is a mean over rows, so each worker needs its own alone."""

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.centre = Centre(self.said.prototypes, self.said.centre_momentum)
        self.to(device)

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """The student's logits, (rows, views, K), and the teacher's, (rows, 2, K)."""
        rows, large = len(inputs.names), self.large(inputs)
        with torch.no_grad():
            said = self._logits(self.teacher, [large])
        return by_row(self._logits(self.student, [large, *self.small(inputs)]), rows), by_row(said, rows)

    def _logits(self, branch: Any, crops: list[Any]) -> Any:
        vit = branch["backbone"]
        return branch["head"](torch.cat([class_tokens(vit, tokens(vit, seen)) for seen in crops]))

    def loss(self, *encoded: Any) -> Any:
        student, teacher = encoded
        said = self.answered(self.centre(teacher.transpose(0, 1), self.temperature()))
        return dino_loss(student.unbind(1), said, self.said.student_temperature)
