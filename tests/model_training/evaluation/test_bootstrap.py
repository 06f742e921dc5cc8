"""Intervals: where the answer is known, it is found; where there is none, it is said."""

import time
import tracemalloc

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.bootstrap import difference, gap_closed, interval


def bernoulli(rng, p, shape):
    return (rng.random(shape) < p).astype(np.float32)


def width(ends):
    return ends[-1] - ends[-2]


def test_equal_outcomes_give_a_width_of_zero():
    for value in (0, 1):
        assert interval(np.full((3, 50), value, np.float32)) == (value, value)
    arm = bernoulli(np.random.default_rng(0), 0.5, (3, 50))
    assert difference(arm, arm) == (0, 0, 0)
    assert difference(arm, arm - 1) == pytest.approx((1, 1, 1))


def test_the_width_is_that_of_a_mean():
    rng = np.random.default_rng(1)
    hits = bernoulli(rng, 0.3, (1, 4000))
    assert width(interval(hits)) == pytest.approx(2 * 1.96 * hits.std() / np.sqrt(4000), rel=0.08)
    assert width(interval(hits, level=0.68)) == pytest.approx(2 * 0.994 * hits.std() / np.sqrt(4000), rel=0.08)
    assert interval(hits) == interval(hits[0])


def test_seeds_are_resampled_too():
    # Every item is right in seed 0 and wrong in seed 1: items say nothing, seeds everything.
    assert interval(np.repeat([[1.0], [0.0]], 500, axis=1)) == (0, 1)
    # Seed means with a spread of s and many items: the variance of three resampled seeds is s² (of the three) / 3.
    means = np.array([[0.4], [0.5], [0.6]])
    low, high = interval(np.repeat(means, 2000, axis=1), level=0.9)
    assert low == pytest.approx(0.4 + 0.1 / 3) and high == pytest.approx(0.6 - 0.1 / 3)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_coverage(p):
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(300):
        low, high = interval(bernoulli(rng, p, (1, 200)), draws=400, seed=trial)
        inside += low <= p <= high
    assert 0.90 <= inside / 300 <= 0.985


def test_pairing_makes_a_difference_tighter():
    rng = np.random.default_rng(4)
    ease = rng.random((1, 2000))  # most of what decides is the item's
    a = (ease + rng.normal(0, 0.05, (3, 2000)) < 0.55).astype(np.float32)
    b = (ease + rng.normal(0, 0.05, (3, 2000)) < 0.50).astype(np.float32)
    value, low, high = difference(a, b)
    assert value == pytest.approx(a.mean(dtype=np.float64) - b.mean(dtype=np.float64)) and 0 < low < value < high
    unpaired = difference(a, b[:, rng.permutation(2000)])
    assert unpaired[0] == pytest.approx(value) and width((low, high)) < 0.5 * width(unpaired)


def test_gap_closed():
    rng = np.random.default_rng(5)
    ease = rng.random((1, 3000))
    raw, curated, oracle = ((ease + rng.normal(0, 0.05, (3, 3000)) < p).astype(np.float32) for p in (0.3, 0.5, 0.6))
    value, low, high = gap_closed(raw, curated, oracle)
    assert value == pytest.approx((curated.mean() - raw.mean()) / (oracle.mean() - raw.mean()), rel=1e-4)
    assert low < value < high and low > 0.55 and high < 0.8
    assert gap_closed(raw, raw, oracle) == (0, 0, 0)
    assert gap_closed(raw, oracle, oracle) == (1, 1, 1)


def test_no_gap_has_no_share_and_a_doubtful_one_no_bounds():
    rng = np.random.default_rng(6)
    raw = bernoulli(rng, 0.5, (3, 400))
    assert np.isnan(gap_closed(raw, raw, raw)).all()
    assert np.isnan(gap_closed(raw, raw, np.zeros_like(raw))).all()
    oracle = raw.copy()
    oracle[0, np.flatnonzero(oracle[0] == 0)[:2]] = 1  # above raw by two outcomes: in many draws by none
    value, low, high = gap_closed(raw, bernoulli(rng, 0.6, (3, 400)), oracle)
    assert np.isfinite(value) and (low, high) == (-np.inf, np.inf)


def test_the_same_arguments_give_the_same_and_another_seed_another():
    arms = [bernoulli(np.random.default_rng(i), 0.4 + i / 10, (2, 300)) for i in range(3)]
    assert interval(arms[0]) == interval(arms[0].copy())
    noise = np.random.default_rng(3).random((2, 300))
    assert interval(noise) == interval(noise) != interval(noise, seed=1)
    assert difference(*arms[:2]) == difference(*arms[:2])
    assert gap_closed(*arms) == gap_closed(*arms)


def test_order_changes_an_interval_only_within_the_noise_of_the_draws():
    rng = np.random.default_rng(7)
    a, b = bernoulli(rng, 0.5, (3, 1000)), bernoulli(rng, 0.4, (3, 1000))
    order = rng.permutation(1000)
    before, after = difference(a, b, draws=8000), difference(a[:, order], b[:, order], draws=8000)
    assert before[0] == pytest.approx(after[0])
    np.testing.assert_allclose(before[1:], after[1:], atol=0.06 * width(before))


def test_arms_of_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"\(1, 3\), \(1, 4\) cannot be compared"):
        difference(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="cannot be compared"):
        gap_closed(np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 3)))
    with pytest.raises(InputError):
        interval(np.ones((3, 0)))


def test_two_thousand_draws_of_three_seeds_and_five_thousand_items_are_quick_and_small():
    arms = [bernoulli(np.random.default_rng(i), 0.3 + i / 10, (3, 5000)) for i in range(3)]
    start = time.process_time()
    gap_closed(*arms)
    assert time.process_time() - start < 5
    tracemalloc.start()
    gap_closed(*arms)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000_000
