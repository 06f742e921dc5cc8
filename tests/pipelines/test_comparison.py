"""Differences of arms, seed by seed."""

import numpy as np
import pytest

from pipelines.comparison import Outcomes, paired

KEY = ("objects", "top1")


def outcomes(hits, seeds=(0, 1, 2)):
    table = np.asarray(hits, np.float32)
    return Outcomes(list(seeds), {KEY: [float(v) for v in table.mean(axis=1)]}, {KEY: table.shape[1]}, {KEY: table})


def test_a_difference_is_paired_over_seeds():
    arms = {"a": outcomes([[1, 1], [1, 0], [1, 1]]), "b": outcomes([[1, 0], [0, 0], [1, 1]])}
    found = paired(arms, "a", "b", KEY, seed=0)
    assert found["values"] == {"0": 0.5, "1": 0.5, "2": 0.0} and found["value"] == pytest.approx(1 / 3)
    assert found["sd"] == pytest.approx(np.std([0.5, 0.5, 0], ddof=1))
    assert found["se"] == pytest.approx(found["sd"] / np.sqrt(3)) and found["low"] <= found["value"] <= found["high"]
    alike = paired(arms, "a", "a", KEY, seed=0)
    assert (alike["value"], alike["se"], alike["low"], alike["high"]) == (0, 0, 0, 0)


def test_one_seed_has_no_error_and_other_seeds_or_metrics_no_difference():
    one = {"a": outcomes([[1, 1]], [0]), "b": outcomes([[1, 0]], [0]), "c": outcomes([[1, 0]], [5])}
    assert paired(one, "a", "b", KEY, 0)["se"] is None
    assert paired(one, "a", "c", KEY, 0) is None and paired(one, "a", "b", ("objects", "none"), 0) is None
    for arm in one.values():
        arm.hits.clear()
    assert paired(one, "a", "b", KEY, 0)["low"] is None and paired(one, "a", "b", KEY, 0)["value"] == 0.5
