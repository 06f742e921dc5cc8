"""Sinkhorn-Knopp in place of a centre: prototypes shared out evenly over a batch (SwAV, arXiv 2006.09882; DINOv2)."""

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.all_reduce import Reduce, all_reduce
from model_training.losses.dino import widened


@torch.no_grad()
def sinkhorn_knopp(
    logits: torch.Tensor, temperature: float, iterations: int = 3, reduce: Reduce = all_reduce
) -> torch.Tensor:
    """(rows, K) teacher logits of any float type to (rows, K) probabilities, float32 or wider, without gradient.

    Each iteration gives every prototype the same mass over all rows of all workers, then every row the mass 1. Rows
    come last: each sums to 1, and prototypes are even only approximately. The published 1 / K, 1 / B and first
    division by the sum cancel at the next one, so the number of rows B is not asked for, and workers may have
    unequally many (as with masked patches), even none.

    Worked in logarithms: exp(g / .04) is beyond float32 from g = 3.6 on, and a prototype that underflows in every
    row would be 0 / 0.
    """
    if iterations < 1:
        raise InputError(f"{iterations} iterations of Sinkhorn-Knopp", "ask for at least 1; the published number is 3")
    log_mass = widened(logits) / temperature
    for _ in range(iterations):
        log_mass = log_mass - _log_sum_over_rows(log_mass, reduce)
        log_mass = log_mass - log_mass.logsumexp(1, keepdim=True)
    return log_mass.exp()


def _log_sum_over_rows(log_mass: torch.Tensor, reduce: Reduce) -> torch.Tensor:
    """ln of each prototype's mass over all workers: (K,)."""
    lowest = torch.finfo(log_mass.dtype).min
    own = torch.cat([log_mass, log_mass.new_full((1, log_mass.shape[1]), lowest)]).amax(0)
    top = reduce(own, "max")
    return reduce((log_mass - top).exp().sum(0), "sum").log() + top
