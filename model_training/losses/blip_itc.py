"""BLIP's image-text contrast with soft targets of momentum encoders (arXiv 2201.12086, 3.2; ALBEF's, 2107.07651).

Settings that the paper leaves out are of salesforce/BLIP: models/blip_pretrain.py:87-138, pretrain.py:58.
"""

from typing import NamedTuple

from model_training.libraries import torch
from model_training.losses.blip_queue import FeatureQueue

ALPHA = 0.4
RAMP_EPOCHS = 2
TEMPERATURE = 0.07  # the first; it is learned
TEMPERATURE_RANGE = (0.001, 0.5)


class Contrast(NamedTuple):
    """`loss` is a scalar; the others, (B, N) and without gradient, are what negatives are drawn by."""

    loss: torch.Tensor
    image_to_text: torch.Tensor
    text_to_image: torch.Tensor


def ramp_alpha(step: int, steps_per_epoch: float, alpha: float = ALPHA, epochs: float = RAMP_EPOCHS) -> float:
    """How much of the targets is soft at update `step`, from 0: linearly up to `alpha` over the first epochs."""
    return alpha * min(1.0, step / (epochs * steps_per_epoch)) if epochs else alpha


@torch.no_grad()
def clamp_temperature(temperature: torch.Tensor) -> None:
    """In place, before each forward pass: it divides, so 0 or less would be the end of the run."""
    temperature.clamp_(*TEMPERATURE_RANGE)


def same_image(ids: torch.Tensor, candidate_ids: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The hard targets of fine-tuning, (B, N) of `dtype`: uniform over the candidates with the row's image id.

    ids (B,) and candidate_ids (N,) int64; each row's own id is among the candidates. With the diagonal
    alone, another caption of the same image, in the batch or the queue, would be a negative.
    """
    same = (ids[:, None] == candidate_ids[None, :]).to(dtype)
    return same / same.sum(1, keepdim=True)


def soft_targets(momentum_logits: torch.Tensor, hard: torch.Tensor, alpha: float) -> torch.Tensor:
    """alpha softmax(momentum_logits) + (1 - alpha) hard, both (B, N): rows sum to 1. No gradient."""
    return (alpha * momentum_logits.softmax(1) + (1 - alpha) * hard).detach()


def soft_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean over rows of -sum(targets ln softmax(logits)); both (B, N)."""
    return -(targets * logits.log_softmax(1)).sum(1).mean()


def itc_loss(
    images: torch.Tensor,
    texts: torch.Tensor,
    momentum_images: torch.Tensor,
    momentum_texts: torch.Tensor,
    queue: FeatureQueue,
    temperature: torch.Tensor,
    alpha: float,
    ids: torch.Tensor | None = None,
    first: int = 0,
) -> Contrast:
    """The mean of both directions; features of length 1, row by row of the same pair.

    images, texts (B, dim) are a worker's own rows, momentum_images, momentum_texts (N, dim) those of all workers,
    among which its own begin at `first`. Candidates are the momentum features, then the queue. `temperature` is a
    scalar, learned by the student's logits alone. `ids` (N,) int64 are the images' ids, for fine-tuning. The queue is
    read, not changed: push the momentum features after this.
    """
    dtype = torch.promote_types(images.dtype, torch.float32)
    with torch.no_grad():
        images_m, texts_m = momentum_images.to(dtype), momentum_texts.to(dtype)
        all_images = torch.cat([images_m, queue.images.to(dtype)])
        all_texts = torch.cat([texts_m, queue.texts.to(dtype)])
        own = slice(first, first + len(images))
        if ids is None:
            hard = torch.zeros(len(images), len(all_texts), dtype=dtype, device=images.device)
            hard[:, own].fill_diagonal_(1)
        else:
            hard = same_image(ids[own], torch.cat([ids, queue.ids]), dtype)
        to_texts = soft_targets(images_m[own] @ all_texts.T / temperature, hard, alpha)
        to_images = soft_targets(texts_m[own] @ all_images.T / temperature, hard, alpha)
    image_to_text = images.to(dtype) @ all_texts.T / temperature
    text_to_image = texts.to(dtype) @ all_images.T / temperature
    loss = (soft_cross_entropy(image_to_text, to_texts) + soft_cross_entropy(text_to_image, to_images)) / 2
    batch = len(momentum_images)
    return Contrast(loss, image_to_text[:, :batch].detach(), text_to_image[:, :batch].detach())
