"""Multinomial logistic regression by L-BFGS in float64: what the linear probes of CLIP and DINOv2 fit.

    minimise  C * sum of the cross-entropies + |W|^2 / 2        (scikit-learn's and cuML's objective)

The bias is not penalised. CLIP's lambda is 1 / C. Divided by C * n, which moves no minimum, so that one tolerance
serves every C. On a busy machine small problems are many times faster with `torch.set_num_threads(1)`.
"""

from dataclasses import dataclass

import numpy as np

from curate.errors import InputError
from model_training.libraries import torch

ITERATIONS = 1000
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Linear:
    """weights (dim, classes) and bias (classes,), float64."""

    weights: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, dim) to (n, classes) float64 logits."""
        return np.asarray(features, np.float64) @ self.weights + self.bias


def objective(
    table: torch.Tensor, features: torch.Tensor, labels: torch.Tensor, c: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The value, () float64, and its gradient, shaped as `table`: (dim + 1, classes) float64, the bias its last row."""
    n = len(features)
    log_p = torch.log_softmax(features @ table[:-1] + table[-1], dim=1)
    rows = torch.arange(n)
    residual = log_p.exp()
    residual[rows, labels] -= 1
    pull = table[:-1] / (c * n)
    gradient = torch.cat([features.T @ residual / n + pull, residual.mean(dim=0, keepdim=True)])
    return (pull * table[:-1]).sum() / 2 - log_p[rows, labels].mean(), gradient


def fit(features: np.ndarray, labels: np.ndarray, classes: int, c: float, iterations: int = ITERATIONS) -> Linear:
    """The minimum, from zero, or what is reached after `iterations` (separable classes and a large C have none near).

    features (n, dim) float, finite; labels (n,) int in 0..classes-1; c > 0. A class without images stays possible.
    Raises InputError for anything else.
    """
    exact, own = np.asarray(features, np.float64), np.asarray(labels)
    if exact.ndim != 2 or not len(exact) or len(exact) != len(own) or not np.isfinite(exact).all():
        raise InputError(
            f"features of shape {exact.shape} with {len(own)} labels, or some not finite, cannot be fitted",
            "give one finite row for each label; look at the model if they are not finite",
        )
    if not 0 <= own.min() <= own.max() < classes or not c > 0:
        raise InputError(f"labels must be in 0..{classes - 1} and C above 0, not {c}", "correct the labels or C")
    x, y = torch.tensor(exact), torch.tensor(own, dtype=torch.int64)
    table = torch.zeros((exact.shape[1] + 1, classes), dtype=torch.float64)
    optimiser = torch.optim.LBFGS(
        [table],
        max_iter=iterations,
        tolerance_grad=1e-9,
        tolerance_change=TOLERANCE,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        value, table.grad = objective(table, x, y, c)
        return float(value)

    optimiser.step(closure)
    found = table.numpy()
    return Linear(found[:-1], found[-1])
