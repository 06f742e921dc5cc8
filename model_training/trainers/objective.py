"""What an objective is to the step loop: a module that says what a batch becomes, and a loss of the whole of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from model_training.data.views import Views
from model_training.libraries import torch
from model_training.trainers import schedule
from model_training.trainers.optimizers import Group, decayed_by_shape
from model_training.trainers.plan import Plan


@dataclass(frozen=True)
class Inputs:
    """Rows of a batch, on the device."""

    views: tuple[Any, ...]  # (rows, side, side, 3) uint8 each
    tokens: Any  # (rows, context) int64; None where the objective reads images alone
    names: tuple[str, ...]  # of the rows' visits: what draws are keyed by
    first: int  # the first row's number in the batch of all workers
    size: int  # of the batch of all workers
    step: int  # updates before this one

    def part(self, rows: range) -> "Inputs":
        cut = slice(rows.start, rows.stop)
        tokens = None if self.tokens is None else self.tokens[cut]
        views = tuple(view[cut] for view in self.views)
        return replace(self, views=views, tokens=tokens, names=self.names[cut], first=self.first + rows.start)


class Objective(torch.nn.Module):
    """Everything that is trained, and everything that a state must hold, is a parameter or a buffer of it.

    A step is `before_step`, `encode`, `loss`, backward, `after_backward`, the update, `after_update`. Built by
    (plan, seed, device); initial weights are drawn by the seed.
    """

    SCHEDULE: ClassVar[str] = "cosine"  # as published, by its name in trainers/schedule.py
    views: Views
    tokenize: Callable[[list[str]], Any] | None = None  # texts -> (texts, context) int64; None: images alone

    def __init__(self, plan: Plan, seed: int) -> None:
        super().__init__()
        self.plan, self.seed = plan, seed
        self.options = dict(plan.options)

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """What rows give to the loss: tensors that can be joined along their first dimension. Runs under autocast."""
        raise NotImplementedError

    def loss(self, *encoded: Any) -> Any:
        """A scalar in float32 or wider, of the rows of all workers, given this one's (trainers/gather.py)."""
        raise NotImplementedError

    def groups(self) -> list[Group]:
        return decayed_by_shape(self.parameters())

    def rates(self, step: int) -> tuple[float, float]:
        """Learning rate and weight decay of update `step`: unless an objective publishes others, open_clip's."""
        plan = self.plan
        name = self.SCHEDULE if plan.schedule == "published" else plan.schedule
        rate = schedule.NAMED[name](step, base=plan.lr, warmup=plan.warmup, steps=plan.steps)
        return rate, plan.weight_decay

    def before_step(self, step: int) -> None:
        """Before the forward pass of update `step`."""

    def after_backward(self, step: int) -> None:
        """Gradients are averaged over the workers and not clipped yet."""

    def after_update(self, step: int) -> None:
        """The weights are those after update `step`. Not called for an update that was skipped."""

    def checkpoint_activations(self) -> None:
        """Compute activations again in the backward pass instead of keeping them. Raises InputError if it cannot."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """What the log says of the model."""
        return {}

    def weights(self) -> dict[str, Any]:
        """What is written in the end: the tensors that the model's own library loads by these names."""
        raise NotImplementedError


def normalised(view: Any, mean: Any, std: Any) -> Any:
    """(rows, side, side, 3) uint8 to (rows, 3, side, side) float32, as ToTensor and Normalize make it.

    mean, std: (3, 1, 1) float32.
    """
    scaled = view.permute(0, 3, 1, 2).float().div_(255)
    return scaled.sub_(mean).div_(std)
