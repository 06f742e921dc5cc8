"""CLIP's contrastive loss (arXiv 2103.00020, figure 3): every image finds its text, every text its image.

    logits = s U V',  s = exp(t'),  loss = (cross-entropy of the rows + that of the columns) / 2, on the diagonal

The whole batch in one place is `open_clip.ClipLoss`, which the trainer uses and the tests hold equal to this one.
What it lacks is here: label smoothing, two matrices that differ (FILIP), and the local loss as a function of what
was gathered, so that it can be run without a process group.
"""

import math
from typing import Any

from model_training.libraries import torch

LOGIT_SCALE = math.log(1 / 0.07)  # t' at the start; after every update it is clamped to [0, ln 100]


def clip_loss(images: Any, texts: Any, scale: Any) -> Any:
    """A scalar, float32 or wider: the mean of both directions.

    images, texts   (pairs, d) float, L2-normalised, pair by pair
    scale           a scalar or (), s itself and not its logarithm t'
    """
    logits = scale * cosines(images, texts)
    to_text, to_image = directions(logits, logits.T)
    return (to_text + to_image) / 2


def clip_local_loss(images: Any, texts: Any, all_images: Any, all_texts: Any, scale: Any, *, first: int) -> Any:
    """One device's part, a scalar: its own rows against every device's columns. The mean over devices is `clip_loss`.

    images, texts           (rows, d) this device's pairs
    all_images, all_texts   (pairs, d) everybody's, gathered with gradient: without, the other devices' share of an
                            embedding's gradient is lost
    first                   where this device's pairs begin in them, rank * rows: with labels from 0, all but the
                            first device would be taught the first one's pairs
    """
    to_text, to_image = directions(scale * cosines(images, all_texts), scale * cosines(texts, all_images), first=first)
    return (to_text + to_image) / 2


def directions(per_image: Any, per_text: Any, *, first: int = 0, label_smoothing: float = 0.0) -> tuple[Any, Any]:
    """Cross-entropy of images choosing among texts, and of texts choosing among images: two scalars, means.

    per_image   (images, texts) logits, float; row i's right answer is column first + i
    per_text    (texts, images) logits, float, likewise
    """
    labels = first + torch.arange(len(per_image), device=per_image.device)
    entropy = torch.nn.functional.cross_entropy
    return (
        entropy(widened(per_image), labels, label_smoothing=label_smoothing),
        entropy(widened(per_text), labels, label_smoothing=label_smoothing),
    )


def cosines(images: Any, texts: Any) -> Any:
    """(images, texts) of L2-normalised rows, at least float32: at a logit near 10, bfloat16 steps by 1/16.

    Inside `torch.autocast` the product is narrowed again: take the loss outside of it.
    """
    return widened(images) @ widened(texts).T


def widened(values: Any) -> Any:
    """As float32 if they are narrower; float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
