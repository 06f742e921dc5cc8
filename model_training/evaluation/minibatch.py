"""What the linear probes that are trained by minibatches share: a seeded order, and a cosine from one to zero."""

import math
from collections.abc import Iterator

import numpy as np

from curate.errors import InputError
from curate.uid import draw_int
from model_training.libraries import torch


def cosine(step: int, steps: int) -> float:
    """The share of the learning rate at a step from 0, without warm-up."""
    return (1 + math.cos(math.pi * step / steps)) / 2


def minibatches(n: int, size: int, seed: int) -> Iterator[torch.Tensor]:
    """Numbers of `size` rows at a time, without end: every pass a new order, its last batch shorter."""
    rng = np.random.default_rng(draw_int(seed, str(n), "minibatches"))
    while True:
        order = torch.from_numpy(rng.permutation(n))
        yield from order.split(size)


def tensors(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """features (n, ...) as float32 and labels (n,) as int64. Raises InputError for what cannot be fitted."""
    own = np.asarray(labels)
    if not len(features) or len(features) != len(own) or not np.isfinite(features).all():
        raise InputError(
            f"features of shape {np.shape(features)} with {len(own)} labels, or some not finite, cannot be fitted",
            "give one finite row for each label; look at the model if they are not finite",
        )
    if not 0 <= own.min() <= own.max() < classes:
        raise InputError(f"labels must be in 0..{classes - 1}", "correct the labels")
    return torch.tensor(np.asarray(features, np.float32)), torch.tensor(own, dtype=torch.int64)
