"""The rows of all workers, with gradient: every worker's loss is that of the whole batch (CLIP, arXiv 2103.00020).

Each worker computes the same loss, and gradients are averaged over the workers: what comes back through the
gathering is the sum of what all workers' losses say of one's rows, so the average is the whole batch's gradient.
"""

from typing import Any

from model_training.libraries import torch

import torch.distributed.nn  # isort: skip


def workers() -> int:
    """1 outside a process group."""
    dist = torch.distributed
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gathered(rows: Any) -> Any:
    """(rows of a worker, ...) to (rows of all, ...), in the order of the workers; the tensor itself where one works.

    All workers must have equally many rows.
    """
    if workers() == 1:
        return rows
    whole = torch.cat(torch.distributed.nn.all_gather(rows.contiguous()))
    if whole.requires_grad:
        # torch 2.13 gives back another gradient where what comes is not contiguous, as einsum's is not.
        whole.register_hook(torch.Tensor.contiguous)
    return whole


BUCKET = 32 << 20  # bytes that go over the network together


@torch.no_grad()
def average_gradients(parameters: list[Any]) -> None:
    """In place, over the workers. Buckets are sent while later ones are packed."""
    dist, count = torch.distributed, workers()
    sent = []
    for bucket in _buckets([p.grad for p in parameters if p.grad is not None]):
        flat = torch.cat([grad.reshape(-1) for grad in bucket])
        sent.append((bucket, flat, dist.all_reduce(flat, async_op=True)))
    for bucket, flat, work in sent:
        work.wait()
        flat /= count
        for grad, part in zip(bucket, flat.split([grad.numel() for grad in bucket]), strict=True):
            grad.copy_(part.view_as(grad))


def _buckets(grads: list[Any]) -> list[list[Any]]:
    found: list[list[Any]] = []
    size = BUCKET
    for grad in grads:
        if size + grad.nbytes > BUCKET or found[-1][0].dtype != grad.dtype:
            found.append([])
            size = 0
        found[-1].append(grad)
        size += grad.nbytes
    return found
