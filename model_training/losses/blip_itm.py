"""BLIP's image-text matching with hard negatives (arXiv 2201.12086, section 3.2; ALBEF's, arXiv 2107.07651).

Settings that the paper leaves out are of salesforce/BLIP: models/blip_pretrain.py:143-196, models/blip_retrieval.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

from curate.errors import InputError
from curate.uid import draw
from model_training.libraries import torch

FLOOR = 1e-4


class Pairs(NamedTuple):
    """Rows of the whole batch, (3B,) int64 each: which image, which text; `labels` is 1 where they belong together."""

    images: torch.Tensor
    texts: torch.Tensor
    labels: torch.Tensor


def pretraining_weights(similarity: torch.Tensor, first: int = 0) -> torch.Tensor:
    """softmax + 1e-4 with the diagonal 0, (B, N): the hard ones more often, every other one sometimes.

    similarity (B, N): the contrast's logits, so already divided by its temperature, of the batch without the queue,
    of which only features are left; a worker's rows, of which row i is number `first` + i of the batch. The softmax
    counts the diagonal, which is why the floor matters.
    """
    weights = similarity.detach().softmax(1) + FLOOR
    weights[:, first : first + len(weights)].fill_diagonal_(0)
    return weights


def retrieval_weights(similarity: torch.Tensor, ids: torch.Tensor, candidate_ids: torch.Tensor) -> torch.Tensor:
    """Fine-tuning's, (B, N): no floor, and 0 for every candidate with the row's image id.

    similarity (B, N) logits, the candidates of all workers; ids (B,), candidate_ids (N,). The mask comes before the
    softmax: the proportions are the published ones, but what is left cannot all underflow to 0.
    A row without a candidate is 0.
    """
    same = ids[:, None] == candidate_ids[None, :]
    return similarity.detach().masked_fill(same, -torch.inf).softmax(1).masked_fill(same, 0)


def draw_negatives(weights: torch.Tensor, keys: Sequence[str], *, seed: int, purpose: str) -> torch.Tensor:
    """One candidate a row, (B,) int64 on the weights' device, by the weights (B, N), which need not sum to 1.

    Row i's is drawn by (seed, keys[i], purpose) alone: with the update and the pair's uid for a key it does not
    depend on the number of workers or the row's place. What weighs 0 is never drawn. Raises InputError for a row
    where nothing can be.
    """
    if len(keys) != len(weights):
        raise ValueError(f"{len(keys)} keys for {len(weights)} rows")
    return pick(weights, torch.tensor([draw(seed, key, purpose) for key in keys], dtype=torch.float64))


def pick(weights: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Where each row's sum of weights (B, N) passes its point of [0, 1] (B,) float64, as a share of the whole sum."""
    # In float64 on the CPU, whose sums are the same everywhere.
    ends = weights.detach().double().cpu().cumsum(1)
    if not ends.shape[1] or not bool((ends[:, -1].isfinite() & (ends[:, -1] > 0)).all()):
        raise InputError(
            "a pair has no negative in its batch", "use a batch of at least two pairs, of images with different ids"
        )
    # A point that was rounded up to 1 is still someone's.
    last = torch.nextafter(ends[:, -1], torch.zeros_like(ends[:, -1]))
    at = torch.minimum(points * ends[:, -1], last)
    return torch.searchsorted(ends, at[:, None], right=True)[:, 0].to(weights.device)


def matching_pairs(negative_images: torch.Tensor, negative_texts: torch.Tensor, first: int = 0) -> Pairs:
    """B true pairs, each text with its negative image, each image with its negative text; both given (B,) int64.

    The pairs are a worker's, of which the first is number `first` of the batch.
    """
    own = torch.arange(first, first + len(negative_images), device=negative_images.device)
    labels = torch.cat([torch.ones_like(own), torch.zeros_like(own), torch.zeros_like(own)])
    return Pairs(torch.cat([own, negative_images, own]), torch.cat([own, own, negative_texts]), labels)


def itm_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean over 3B, a scalar: logits (3B, 2) of "no" and "yes", labels (3B,) int64 of `matching_pairs`."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(wide, labels)
