"""How many of some scores are those of right pairs, where nobody knows which.

A mixture of two normal distributions is fitted to them by expectation-maximisation (Dempster, Laird and Rubin 1977):
the upper one are right pairs, the lower one wrong pairs, as DivideMix (arXiv 2002.07394, section 3.1) splits samples
by a mixture of two Gaussians over their losses. The weight of the upper one is the share of right pairs.

An estimate, and none where the components overlap: then skew and tails decide, not pairs. Ashman, Bird and Zepf (1994)
ask that the means lie two deviations apart (`separation`), and so does `right_share`. A scorer that has seen the
pairs it scores gives wrong ones high scores too: cross-fit it.
"""

from dataclasses import dataclass

import numpy as np

ITERATIONS, ENOUGH = 500, 1e-7  # of the fit; change of the mean log-likelihood that ends it
FLOOR = 1e-3  # a component's least standard deviation, of that of all scores
STARTS = (0.1, 0.25, 0.5, 0.75, 0.9)  # quantiles between which the components begin
LEAST = 20  # scores that a fit needs
CLEAN = 2.0  # separation


@dataclass(frozen=True)
class Mixture:
    """The lower component, then the upper one."""

    weights: tuple[float, float]  # they sum to 1
    means: tuple[float, float]
    deviations: tuple[float, float]

    @property
    def separation(self) -> float:
        """Ashman's D: the distance of the means over the root of the mean variance."""
        low, high = self.deviations
        return (self.means[1] - self.means[0]) / float(np.sqrt((low**2 + high**2) / 2))

    def upper(self, scores: np.ndarray) -> np.ndarray:
        """The probability that a score is of the upper component; float64, as the scores are shaped."""
        spread = scores.reshape(-1).astype(np.float64)
        return _responsibilities(spread, *map(np.array, (self.weights, self.means, self.deviations)))[0][1].reshape(
            scores.shape
        )


def fit(scores: np.ndarray) -> Mixture | None:
    """The likeliest of the mixtures found from several starts; None for too few scores, or all alike.

    Draws nothing; the order of the scores does not matter.
    """
    values = np.sort(scores.astype(np.float64))
    scale = float(values.std()) if len(values) else 0.0
    if len(values) < LEAST or not scale > 0:
        return None
    found = [_climb(values, float(np.quantile(values, start)), scale) for start in STARTS]
    _, best = max(found, key=lambda pair: pair[0])
    return best


def right_share(scores: np.ndarray) -> float:
    """The weight of the upper component; 1 where there are not two groups: what is alike is not told apart."""
    mixture = fit(scores)
    return 1.0 if mixture is None or mixture.separation < CLEAN else mixture.weights[1]


def _climb(values: np.ndarray, split: float, scale: float) -> tuple[float, Mixture]:
    upper = values > split
    parts = [values[~upper], values[upper]] if upper.any() and not upper.all() else [values[:1], values[1:]]
    weights = np.array([len(part) / len(values) for part in parts])
    means = np.array([part.mean() for part in parts])
    deviations = np.maximum([part.std() for part in parts], FLOOR * scale)
    before = -np.inf
    for _ in range(ITERATIONS):
        shares, likelihood = _responsibilities(values, weights, means, deviations)
        totals = np.maximum(shares.sum(axis=1), 1e-12)
        weights, means = totals / totals.sum(), shares @ values / totals
        variances = np.array([(shares[k] * (values - means[k]) ** 2).sum() / totals[k] for k in (0, 1)])
        deviations = np.maximum(np.sqrt(variances), FLOOR * scale)
        if likelihood - before < ENOUGH:
            break
        before = likelihood
    order = np.argsort(means, kind="stable")
    low, high = (tuple(part[order].tolist()) for part in (means, deviations))
    share = weights[order].tolist()
    return likelihood, Mixture((share[0], share[1]), (low[0], low[1]), (high[0], high[1]))


def _responsibilities(
    values: np.ndarray, weights: np.ndarray, means: np.ndarray, deviations: np.ndarray
) -> tuple[np.ndarray, float]:
    """(2, n): whose a value is; and the mean log-likelihood."""
    distance = (values[None] - means[:, None]) / deviations[:, None]
    with np.errstate(divide="ignore"):
        logs = np.log(weights)[:, None] - np.log(deviations * np.sqrt(2 * np.pi))[:, None] - distance**2 / 2
    top = logs.max(axis=0)
    total = top + np.log(np.exp(logs - top).sum(axis=0))
    return np.exp(logs - total), float(total.mean())
