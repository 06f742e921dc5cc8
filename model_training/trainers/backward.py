"""The gradient of a batch's loss; with less memory, in parts, by GradCache (Gao et al. 2021, arXiv 2101.06983).

A contrastive loss is of the whole batch, so the mean of its parts' losses is another loss. In parts: every part is
encoded without a graph; the loss of all they gave says the gradient of each; every part is encoded again, with its
graph, and takes its gradient on. The same gradient as of the whole, but for the order of sums.
"""

from typing import Any

from curate.errors import InputError
from model_training.libraries import torch
from model_training.trainers.objective import Inputs, Objective
from model_training.trainers.plan import Plan


class Backward:
    """Leaves gradients in the objective's parameters and returns the loss, a detached scalar."""

    def __init__(self, objective: Objective, plan: Plan, device: Any) -> None:
        self._objective, self._parts, self._device = objective, plan.accumulate, device
        self._encode = torch.compile(objective.encode) if plan.compile else objective.encode
        self._mixed = plan.precision == "bfloat16"

    def __call__(self, inputs: Inputs) -> Any:
        if self._parts == 1:
            loss = self._objective.loss(*self._encoded(inputs))
            loss.backward()
            return loss.detach()
        return self._in_parts(inputs)

    def _encoded(self, inputs: Inputs) -> tuple[Any, ...]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._mixed):
            found: tuple[Any, ...] = self._encode(inputs)
            return found

    def _in_parts(self, inputs: Inputs) -> Any:
        rows = len(inputs.names)
        if rows % self._parts:
            raise InputError(
                f"{rows} rows of a worker cannot be encoded in {self._parts} equal parts",
                "set train.accumulate to a divisor of train.batch over train.workers",
            )
        size = rows // self._parts
        parts = [inputs.part(range(at, at + size)) for at in range(0, rows, size)]
        states, given = [], []
        for part in parts:
            states.append(self._random_state())
            with torch.no_grad():
                given.append(self._encoded(part))
        leaves = [torch.cat(column) for column in zip(*given, strict=True)]
        for leaf in leaves:
            leaf.requires_grad_(leaf.is_floating_point())
        loss = self._objective.loss(*leaves)
        loss.backward()
        counts = [[len(tensor) for tensor in columns] for columns in zip(*given, strict=True)]
        gradients = [
            (leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)).split(count)
            for leaf, count in zip(leaves, counts, strict=True)
        ]
        for number, (part, state) in enumerate(zip(parts, states, strict=True)):
            self._set_random_state(state)  # dropout drops the same
            again = self._encoded(part)
            pairs = [(t, g[number]) for t, g in zip(again, gradients, strict=True) if t.requires_grad]
            torch.autograd.backward([tensor for tensor, _ in pairs], [gradient for _, gradient in pairs])
        return loss.detach()

    def _random_state(self) -> Any:
        return torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else torch.get_rng_state()

    def _set_random_state(self, state: Any) -> None:
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state, self._device)
        else:
            torch.set_rng_state(state)
