"""Linear probes trained by AdamW with a cosine and no warm-up. Two published recipes:

* CLIP_benchmark (LAION-AI/CLIP_benchmark, metrics/linear_probe.py): unit features; lr 0.1, batch 64, 10 epochs; the
  weight decay is one of 97 logarithmic steps from 1e-6 to 1e2, 7 of them first, then 8, 4, 2 and 1 steps around the
  best; chosen by validation images, then trained anew on both.
* DataComp (arXiv 2304.14108, appendix O): from the class names' vectors, whose logits are 100 times the cosines; lr
  1e-3, no weight decay, batch 256, 40 epochs. Nothing is chosen.
"""

from dataclasses import dataclass

import numpy as np

from curate.uid import draw_int
from model_training.evaluation.linear_probe import Probe, accuracy_of, peak_search, refuse_one_sided
from model_training.evaluation.logistic_regression import Linear
from model_training.evaluation.minibatch import cosine, minibatches, tensors
from model_training.libraries import torch

DECAYS = np.logspace(-6, 2, 97)
LOGIT_SCALE = 100.0


@dataclass(frozen=True)
class Budget:
    """Learning rate at the first step, rows of a step, and passes over the data."""

    rate: float
    batch: int
    epochs: int


CLIP_BENCHMARK = Budget(0.1, 64, 10)
DATACOMP = Budget(1e-3, 256, 40)


def adamw(
    features: np.ndarray, labels: np.ndarray, start: Linear, budget: Budget, decay: float = 0.0, seed: int = 0
) -> Linear:
    """The probe after the budget: features (n, dim), labels (n,) int; float32 inside. The bias decays too."""
    x, y = tensors(features, labels, len(start.bias))
    weights, bias = (torch.tensor(part.astype(np.float32), requires_grad=True) for part in (start.weights, start.bias))
    optimiser = torch.optim.AdamW([weights, bias], lr=budget.rate, weight_decay=decay)
    steps = -(-len(x) // budget.batch) * budget.epochs
    for step, rows in zip(range(steps), minibatches(len(x), budget.batch, seed), strict=False):
        optimiser.param_groups[0]["lr"] = budget.rate * cosine(step, steps)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(x[rows] @ weights + bias, y[rows]).backward()
        optimiser.step()
    return Linear(weights.detach().numpy().astype(np.float64), bias.detach().numpy().astype(np.float64))


def drawn(dim: int, classes: int, seed: int) -> Linear:
    """Where a probe begins that knows nothing: torch's uniform numbers within 1 / sqrt(dim)."""
    rng, most = np.random.default_rng(draw_int(seed, f"{dim}x{classes}", "adamw_probe")), 1 / np.sqrt(dim)
    return Linear(rng.uniform(-most, most, (dim, classes)), rng.uniform(-most, most, classes))


def clip_benchmark_probe(
    features: np.ndarray,
    labels: np.ndarray,
    validation: np.ndarray,
    classes: int,
    budget: Budget = CLIP_BENCHMARK,
    seed: int = 0,
) -> Probe:
    """Choose the weight decay on the validation images, then train on all: as `linear_probe`. `Probe.c` is the decay.

    Of equally good decays the largest is taken.
    """
    refuse_one_sided(validation)
    train, start = ~validation, drawn(features.shape[1], classes, seed)

    def accuracy(decay: float) -> float:
        probe = adamw(features[train], labels[train], start, budget, decay, seed)
        if not np.isfinite(probe.weights).all():  # where rate times decay is above 2, every step is larger
            return 0.0
        return accuracy_of(probe, features[validation], labels[validation])

    decay = peak_search(DECAYS, accuracy)
    return Probe(adamw(features, labels, start, budget, decay, seed), decay, classes)


def datacomp_probe(
    features: np.ndarray, labels: np.ndarray, class_vectors: np.ndarray, budget: Budget = DATACOMP, seed: int = 0
) -> Probe:
    """From zero-shot weights, class_vectors (classes, dim) of unit length: features (n, dim), labels (n,) int."""
    start = Linear(LOGIT_SCALE * class_vectors.T.astype(np.float64), np.zeros(len(class_vectors)))
    return Probe(adamw(features, labels, start, budget, seed=seed), 0.0, len(class_vectors))
