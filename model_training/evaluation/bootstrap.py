"""Intervals by the pigeonhole bootstrap (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), 2007).

Outcomes are a table of seeds by items, and both are samples: of the trainings that might have been, and of the
images that might have been asked. A draw takes seeds with replacement and, independently, items with
replacement; the interval is made of percentiles of the draws' means (Efron 1979). With one seed only the items are
resampled, so the interval then says nothing about training; with three, training noise is still understated
(by a factor of 2/3 in variance), as with any resampling of three things.

Arms that are compared share the draws: the same items and the same seed numbers in each, so that what an item
or a seed does to all arms alike cancels out.
"""

from collections.abc import Sequence

import numpy as np

from curate.errors import InputError

BLOCK = 2_000_000  # item draws held at a time: 16 MB each for numbers, counts and their float64


def interval(hits: np.ndarray, draws: int = 2000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Low and high of the mean of (seeds, items) or (items,) outcomes. The same arguments give the same answer."""
    (means,) = _means([hits], draws, seed)
    return _percentiles(means, level)


def difference(
    a: np.ndarray, b: np.ndarray, draws: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """mean(a) - mean(b) with low and high; (seeds, items) each, of the same items and seeds, else InputError."""
    first, second = _means([a, b], draws, seed)
    return float(np.mean(a, dtype=np.float64) - np.mean(b, dtype=np.float64)), *_percentiles(first - second, level)


def gap_closed(
    raw: np.ndarray, curated: np.ndarray, oracle: np.ndarray, draws: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """(curated - raw) / (oracle - raw) of the means, with low and high; (seeds, items) each.

    All three are NaN where the oracle is not above raw: there is no gap to close. In a draw where it is not, the
    share has no value; such a draw counts as minus infinity for the low end and as infinity for the high end.
    So when they are more than (1 - level) / 2 of the draws, the interval is unbounded, which is the truth about a
    ratio whose denominator may be zero (Fieller 1954), and not a narrow interval from the draws that went well.
    """
    low, middle, high = (float(np.mean(arm, dtype=np.float64)) for arm in (raw, curated, oracle))
    means = _means([raw, curated, oracle], draws, seed)
    if not high > low:
        return float("nan"), float("nan"), float("nan")
    gap = means[2] - means[0]
    share = np.divide(means[1] - means[0], gap, out=np.full(draws, np.nan), where=gap > 0)
    ends = [_percentiles(np.nan_to_num(share, nan=void), level)[end] for end, void in ((0, -np.inf), (1, np.inf))]
    return (middle - low) / (high - low), ends[0], ends[1]


def _means(arms: Sequence[np.ndarray], draws: int, seed: int) -> np.ndarray:
    """The mean of every arm in every draw: (arms, draws) float64."""
    tables = [np.atleast_2d(np.asarray(arm, np.float64)) for arm in arms]
    if any(table.shape != tables[0].shape for table in tables) or tables[0].ndim != 2 or not tables[0].size:
        shapes = ", ".join(str(table.shape) for table in tables)
        raise InputError(
            f"outcomes of (seeds, items) {shapes} cannot be compared",
            "judge all arms by the same evaluation and train each with the same seeds",
        )
    stacked = np.stack(tables)
    _, seeds, items = stacked.shape
    source = np.random.default_rng(seed)
    seed_counts = _counts(source, draws, seeds)
    found = np.empty((len(tables), draws))
    rows = max(1, BLOCK // items)
    for start in range(0, draws, rows):
        part = slice(start, min(start + rows, draws))
        counts = _counts(source, part.stop - start, items)
        per_seed = stacked.reshape(-1, items) @ counts.T
        weighted = per_seed.reshape(len(tables), seeds, -1) * seed_counts[part].T
        found[:, part] = weighted.sum(axis=1) / (seeds * items)
    return found


def _counts(source: np.random.Generator, draws: int, things: int) -> np.ndarray:
    """How often each thing is taken in each draw: (draws, things) float64, rows that sum to `things`."""
    taken = source.integers(0, things, (draws, things)) + np.arange(draws)[:, None] * things
    return np.bincount(taken.ravel(), minlength=draws * things).reshape(draws, things).astype(np.float64)


def _percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    """The order statistics at or just outside the two percentiles: without interpolation, infinities stay."""
    ordered, tail = np.sort(values), (1 - level) / 2 * (len(values) - 1)
    return float(ordered[int(np.floor(tail))]), float(ordered[len(values) - 1 - int(np.floor(tail))])
