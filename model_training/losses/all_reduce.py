"""The sum or the largest of a tensor over the workers: the tensor itself where there is one worker only."""

from collections.abc import Callable
from typing import Any, Literal

from model_training.libraries import torch

Reduce = Callable[[torch.Tensor, Literal["sum", "max"]], torch.Tensor]


def all_reduce(value: torch.Tensor, by: Literal["sum", "max"], group: Any = None) -> torch.Tensor:
    """A tensor like `value`, over all workers of `group`, torch's default one where none is named.

    No gradient passes and `value` is not changed. Every worker must call it equally often and with the
    same shape, also one that has no rows of its own.
    """
    dist = torch.distributed
    if group is None and not (dist.is_available() and dist.is_initialized()):
        return value
    whole = value.detach().clone()
    dist.all_reduce(whole, dist.ReduceOp.SUM if by == "sum" else dist.ReduceOp.MAX, group)
    return whole
