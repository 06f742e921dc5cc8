"""Scores of a filter against the planted truth."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations

import polars as pl


def precision_recall(predicted: pl.Series, actual: pl.Series) -> tuple[float, float]:
    """Precision and recall of a boolean answer; a null counts as false.

    Precision is 1.0 when nothing was predicted, recall is 1.0 when there was nothing to find.
    """
    if len(predicted) != len(actual):
        raise ValueError(f"{len(predicted)} answers for {len(actual)} rows")
    said, true = (series.cast(pl.Boolean).fill_null(False) for series in (predicted, actual))
    return _ratios(int((said & true).sum()), int(said.sum()), int(true.sum()))


def pair_scores(groups: Mapping[str, str | int | None], pairs: Iterable[tuple[str, str]]) -> tuple[float, float]:
    """Precision and recall of the pairs of uids that were called duplicates.

    `groups` gives the true group of every uid; a uid without one (or with null) is a duplicate of nothing.
    A pair counts once, whichever way round; a pair of a uid with itself does not count.
    """
    said = {(min(a, b), max(a, b)) for a, b in pairs if a != b}
    right = sum(groups.get(a) is not None and groups.get(a) == groups.get(b) for a, b in said)
    sizes = Counter(group for group in groups.values() if group is not None)
    return _ratios(right, len(said), sum(size * (size - 1) // 2 for size in sizes.values()))


def true_pairs(groups: Mapping[str, str | int | None]) -> set[tuple[str, str]]:
    """Every pair of uids of one group, the smaller uid first."""
    members: dict[str | int, list[str]] = {}
    for uid, group in groups.items():
        if group is not None:
            members.setdefault(group, []).append(uid)
    return {pair for uids in members.values() for pair in combinations(sorted(uids), 2)}


def _ratios(hits: int, predicted: int, actual: int) -> tuple[float, float]:
    return (hits / predicted if predicted else 1.0), (hits / actual if actual else 1.0)
