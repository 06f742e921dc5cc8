"""DINOv2's linear evaluation (arXiv 2304.07193, appendix B.3; facebookresearch/dinov2, dinov2/eval/linear.py).

Heads are trained side by side by SGD, momentum 0.9, without weight decay, with a cosine and no warm-up: 13 learning
rates times the [CLS] tokens of the last 1 or 4 blocks, with and without the mean patch token, 52 in all. The best on
validation images is taken. Published: batch 128 on each of 8 devices, 12,500 iterations, and ImageNet's validation
images both to choose and to report; here the chooser never sees what is reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curate.uid import draw_int
from model_training.evaluation.linear_probe import Probe, accuracy_of, refuse_one_sided
from model_training.evaluation.logistic_regression import Linear
from model_training.evaluation.minibatch import cosine, minibatches, tensors
from model_training.libraries import torch

RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1)
BATCH = 128
ITERATIONS = 12_500
MOMENTUM = 0.9
SPREAD = 0.01  # of the first weights


@dataclass(frozen=True, order=True)
class Input:
    """What a head reads: the concatenated [CLS] tokens of the last blocks, and perhaps the mean patch token."""

    blocks: int
    mean_patch: bool


@dataclass(frozen=True)
class Head:
    """One of the heads that are trained side by side."""

    input: Input
    rate: float  # SGD's


INPUTS = tuple(Input(blocks, mean) for blocks in (1, 4) for mean in (False, True))


def dinov2_heads(batch: int, devices: int, inputs: tuple[Input, ...] = INPUTS) -> list[Head]:
    """The 52 heads of the four inputs: 13 learning rates each, scaled by the global batch / 256."""
    scale = batch * devices / 256
    return [Head(given, rate * scale) for given in inputs for rate in RATES]


def sgd(
    features: np.ndarray, labels: np.ndarray, classes: int, rates: list[float], iterations: int, seed: int
) -> list[Linear]:
    """A head for each learning rate, all on the same batches: features (n, dim), labels (n,) int."""
    x, y = tensors(features, labels, classes)
    heads, dim = len(rates), x.shape[1]
    rng = np.random.default_rng(draw_int(seed, f"{dim}x{classes}", "dinov2_linear"))
    table = torch.zeros((heads, dim + 1, classes))  # the bias is the last row
    table[:, :-1] = torch.tensor(rng.normal(0, SPREAD, (heads, dim, classes)).astype(np.float32))
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    speed, rate = torch.zeros_like(table), torch.tensor(rates, dtype=torch.float32)[:, None, None]
    for step, rows in zip(range(iterations), minibatches(len(x), BATCH, seed), strict=False):
        part, own = x[rows], y[rows]
        residual = torch.softmax(part @ table, dim=2)  # less the truth: the gradient of the cross-entropy
        residual[:, torch.arange(len(rows)), own] -= 1
        speed.mul_(MOMENTUM).add_(part.T @ residual / len(rows))
        table -= rate * cosine(step, iterations) * speed
    exact = table.numpy().astype(np.float64)
    return [Linear(one[:-1], one[-1]) for one in exact]


def dinov2_linear(
    features: Mapping[Input, np.ndarray],
    labels: np.ndarray,
    validation: np.ndarray,
    classes: int,
    iterations: int = ITERATIONS,
    seed: int = 0,
) -> tuple[Input, Probe]:
    """The best head on the validation images, and what it reads; it has not been trained on them.

    features of each input (n, dim), labels (n,) int, validation (n,) bool. `Probe.c` is the learning rate; of equally
    good heads the first is taken: fewer blocks, no patches, a smaller rate. Raises InputError where one side of the
    split is empty.
    """
    refuse_one_sided(validation)
    train = ~validation
    heads = dinov2_heads(min(BATCH, int(train.sum())), 1, tuple(sorted(features)))
    found: list[tuple[float, Head, Linear]] = []
    for given in sorted(features):
        own = [head for head in heads if head.input == given]
        table = features[given]
        fitted = sgd(table[train], labels[train], classes, [head.rate for head in own], iterations, seed)
        found += [
            (accuracy_of(one, table[validation], labels[validation]), head, one)
            for head, one in zip(own, fitted, strict=True)
        ]
    _, head, linear = max(found, key=lambda one: one[0])
    return head.input, Probe(linear, head.rate, classes)
