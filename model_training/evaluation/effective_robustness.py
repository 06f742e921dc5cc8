"""Effective robustness (Taori et al., Measuring Robustness to Natural Distribution Shifts in Image Classification,
NeurIPS 2020, arXiv 2007.00644): what a model has under a shift beyond what its accuracy without one foretells.

    effective robustness = acc_shift - f(acc_reference)

f is a straight line between logits, ln(a / (1 - a)), of both accuracies, fitted by least squares over baseline
models; it foretells an accuracy through the inverse. Models on the line have none, whatever their accuracy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from curate.errors import InputError

LEAST = 2  # baseline models that a line goes through


@dataclass(frozen=True)
class Baseline:
    """The line: logit(acc_shift) = slope * logit(acc_reference) + intercept."""

    slope: float
    intercept: float

    def predicted(self, reference: ArrayLike) -> np.ndarray:
        """Accuracies under the shift that the line foretells, (n,) float64. Raises InputError as `fitted` does."""
        return np.asarray(1 / (1 + np.exp(-(self.slope * _logit(reference) + self.intercept))))

    def effective_robustness(self, reference: ArrayLike, shifted: ArrayLike) -> np.ndarray:
        """Of models with these accuracies, (n,) float64 each: positive above the line."""
        return np.asarray(np.asarray(shifted, np.float64) - self.predicted(reference))


def fitted(reference: ArrayLike, shifted: ArrayLike) -> Baseline:
    """The line through baseline models' accuracies without and with the shift, (n,) each, in (0, 1).

    Raises InputError for an accuracy of 0 or 1 (its logit is infinite) and for fewer than two that differ.
    """
    x, y = _logit(reference), _logit(shifted)
    if x.shape != y.shape or x.ndim != 1 or not len(x) or np.ptp(x) == 0:
        raise InputError(
            f"no line goes through accuracies of shape {x.shape} and {y.shape}",
            "give both accuracies of at least two baseline models that differ without the shift",
        )
    away = x - x.mean()
    slope = float(away @ y / (away @ away))
    return Baseline(slope, float(y.mean() - slope * x.mean()))


def _logit(accuracies: ArrayLike) -> np.ndarray:
    found = np.asarray(accuracies, np.float64)
    if not ((found > 0) & (found < 1)).all():
        raise InputError("an accuracy of 0 or 1, or none at all, has no logit", "leave such a model out")
    return np.log(found) - np.log1p(-found)
